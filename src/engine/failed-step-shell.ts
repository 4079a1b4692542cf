import type { FailedStep, KeptRoot } from '../builder/index.ts';
import type { ContainerImage, CreateContainer, MountSpec } from '../container/index.ts';
import { isKind } from '../errors/index.ts';
import { hostPlatform } from '../oci/index.ts';
import type { Engine } from './types.ts';

type Backend = Pick<Engine, 'containers' | 'images' | 'snapshots'>;

/** Where the shell finds the variables that nothing may store. */
const secretsFile = '/.strata-secrets';

export interface FailedStepShell {
  /** Id of a container that is a shell in the failed step; it is not started yet. */
  readonly container: string;
  /** Removes the container and all that the step left. */
  close(): Promise<void>;
}

/** Makes a container of what a failed step left: its files, mounts, environment, user, folder and network. */
export async function openFailedStep(
  backend: Backend,
  step: FailedStep & { readonly kept: KeptRoot },
  { tty }: { readonly tty: boolean },
): Promise<FailedStepShell> {
  const { containers, images, snapshots } = backend;
  const { snapshot } = step.kept;
  const ignoreMissing = (error: unknown) => {
    if (!isKind(error, 'not_found')) throw error;
  };
  const undo: (() => Promise<unknown>)[] = [() => step.kept.release()];
  const close = async () => {
    for (const action of undo.splice(0).reverse()) await action();
  };
  try {
    await snapshots.measure(snapshot);
    const diffIDs = snapshots.stack(snapshot).map(({ measure }) => measure!.diffID);
    const image = await images.create({
      config: {
        ...hostPlatform(),
        config: { Labels: { [failedStepLabel]: '1' } },
        rootfs: { type: 'layers', diff_ids: diffIDs },
      },
      snapshot,
    });
    undo.push(() => images.remove(image.id, { force: true, prune: true, uses: [] }).catch(ignoreMissing));
    const { container } = await containers.create(
      containerOf(step, { id: image.id, snapshot: image.snapshot, config: {} }, tty),
    );
    undo.push(() => containers.remove(container.id, { force: true, volumes: true }).catch(ignoreMissing));
    return { container: container.id, close };
  } catch (error) {
    await close();
    throw error;
  }
}

function containerOf(
  { kept, args, env, cwd, user }: FailedStep & { readonly kept: KeptRoot },
  image: ContainerImage,
  tty: boolean,
): CreateContainer {
  const shell = args[1] === '-c' ? args[0]! : '/bin/sh';
  const withSecrets = [shell, '-c', `. ${secretsFile}; exec ${shell}`];
  const secrets: MountSpec[] = kept.secretEnv
    ? [{ Type: 'bind', Source: kept.secretEnv, Target: secretsFile, ReadOnly: true }]
    : [];
  return {
    config: {
      Image: image.id,
      Entrypoint: kept.secretEnv ? withSecrets : [shell],
      Cmd: [],
      Env: env,
      WorkingDir: cwd,
      User: user,
      Tty: tty,
      OpenStdin: true,
      StdinOnce: true,
      AttachStdin: true,
      AttachStdout: true,
      AttachStderr: true,
      Labels: { [failedStepLabel]: '1' },
    },
    host: {
      NetworkMode: kept.network,
      Privileged: kept.insecure,
      ExtraHosts: kept.extraHosts.map(({ host, ip }) => `${host}:${ip}`),
      ...(kept.shmSize !== undefined && { ShmSize: kept.shmSize }),
      Ulimits: kept.ulimits,
      ...kept.limits,
      Mounts: [...kept.mounts.map(mountOf), ...secrets],
    },
    image: async () => image,
  };
}

function mountOf({ target, readonly, source }: KeptRoot['mounts'][number]): MountSpec {
  if (source.kind === 'bind') return { Type: 'bind', Source: source.path, Target: target, ReadOnly: readonly };
  const size = source.size === undefined ? {} : { TmpfsOptions: { SizeBytes: source.size } };
  return { Type: 'tmpfs', Target: target, ReadOnly: readonly, ...size };
}

/** Marks the containers and images of failed steps. */
const failedStepLabel = 'strata.failed-step';

/** Removes what an earlier process could not: its mounts are gone, and so are those who asked for the shells. */
export async function sweepFailedSteps({ containers, images }: Pick<Backend, 'containers' | 'images'>): Promise<void> {
  for (const { id, config } of containers.list())
    if (config.Labels?.[failedStepLabel] !== undefined) await containers.remove(id, { force: true, volumes: true });
  for (const { id } of await images.list({ labels: (labels) => Object.hasOwn(labels, failedStepLabel) }))
    await images.remove(id, { force: true, prune: true, uses: [] });
}
