import { randomBytes } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { StrataError } from '../errors/index.ts';
import type { Networks } from '../network/index.ts';
import { removeCgroups } from './cgroups.ts';
import { cleanPath } from './clean-path.ts';
import { createFirstWords } from './first-words.ts';
import { spawnPiped } from './piped-process.ts';
import { endRemains } from './remains.ts';
import { resourceProblem, sharesProblem } from './resource-checks.ts';
import { resourceWarnings } from './resource-warnings.ts';
import { resourcesOf } from './resources.ts';
import { type RuntimeFacts, runRuntime } from './runtime.ts';
import { defaultProfile } from './seccomp-profile.ts';
import { makeSpec, type SpecMount } from './spec.ts';
import { failureReason } from './start-failure.ts';
import { makeStubs, removeStubs, type StubRecord, type StubTarget } from './stubs.ts';
import type { Step, StepExecutor } from './types.ts';

export interface StepExecutorOptions {
  readonly stateRoot: string;
  readonly runtime: () => RuntimeFacts;
  readonly networks: Networks;
}

/** Runs build steps with the runtime as a direct child: a step dies with its build. */
export function createStepExecutor(options: StepExecutorOptions): StepExecutor {
  const bundles = join(options.stateRoot, 'steps');
  mkdirSync(bundles, { recursive: true, mode: 0o700 });
  const abandoned = readdirSync(bundles);

  return {
    checkLimits(limits) {
      const facts = options.runtime();
      const problem = resourceProblem(limits, facts, false) ?? sharesProblem(limits, facts.cgroups);
      if (problem !== undefined) throw new StrataError('invalid_argument', problem);
      return resourceWarnings(limits, facts);
    },
    async endOld() {
      if (abandoned.length > 0) await sweep(options.runtime(), bundles, abandoned);
    },
    async run(step, io) {
      io.signal.throwIfAborted();
      const facts = options.runtime();
      const id = randomBytes(32).toString('hex');
      const bundle = join(bundles, id);
      let stubs: readonly StubRecord[] = [];
      const lease = step.network === 'bridge' ? await options.networks.lease() : undefined;
      try {
        mkdirSync(bundle, { mode: 0o700 });
        const injected = await injectedMounts(step, bundle, options.networks);
        stubs = makeStubs(step.root, stubTargets(step, injected));
        // Of these no record is kept: with Docker, too, they stay in the layer of a base that lacks them.
        makeStubs(step.root, runtimeFolders);
        const spec = makeSpec(specInput(step, id, { facts, netns: lease?.sandbox.path, injected }), facts);
        writeFileSync(join(bundle, 'config.json'), JSON.stringify(spec), { mode: 0o600 });
        const exitCode = await runToEnd(facts, id, bundle, step, io);
        return { exitCode, containerID: id };
      } finally {
        removeStubs(step.root, stubs);
        rmSync(bundle, { recursive: true, force: true });
        await lease?.release();
      }
    },
  };
}

/** Ends the steps of a daemon that was killed: processes, then their cgroups, then what their bundles hold. */
async function sweep(facts: RuntimeFacts, bundles: string, abandoned: readonly string[]): Promise<void> {
  await endRemains(abandoned, facts);
  for (const id of abandoned) {
    await removeCgroups(cgroupOf(join(bundles, id)) ?? `/strata/${id}`);
    rmSync(join(bundles, id), { recursive: true, force: true });
  }
}

/** undefined: the daemon was killed before it had written the bundle. */
function cgroupOf(bundle: string): string | undefined {
  try {
    const { linux } = JSON.parse(readFileSync(join(bundle, 'config.json'), 'utf8')) as {
      linux?: { cgroupsPath?: string };
    };
    return linux?.cgroupsPath;
  } catch {
    return undefined;
  }
}

/** What the runtime itself mounts over. */
const runtimeFolders: readonly StubTarget[] = ['/proc', '/dev', '/sys'].map((path) => ({ path, kind: 'folder' }));

function stubTargets(step: Step, injected: readonly SpecMount[]): readonly StubTarget[] {
  const isInside = ({ target }: Step['mounts'][number]) =>
    // What lies below another mount is made by the runtime there.
    step.mounts.some((other) => target.startsWith(`${other.target.replace(/\/$/, '')}/`));
  return [
    // These are mounted first, in the root itself.
    ...injected.map(({ destination }) => ({ path: destination, kind: 'file' as const })),
    ...step.mounts
      .filter((mount) => !isInside(mount))
      .map(({ target, source }) => ({
        path: target,
        kind: source.kind === 'bind' && !statSync(source.path).isDirectory() ? ('file' as const) : ('folder' as const),
      })),
  ];
}

/** /etc/hosts and /etc/resolv.conf of the step, as files of the bundle. */
async function injectedMounts(step: Step, bundle: string, networks: Networks): Promise<SpecMount[]> {
  const { nameservers, search, options } = await networks.resolvers();
  const resolv = [
    ...(search.length > 0 ? [`search ${search.join(' ')}`] : []),
    ...nameservers.map((server) => `nameserver ${server}`),
    ...(options.length > 0 ? [`options ${options.join(' ')}`] : []),
  ];
  const hosts = [
    `127.0.0.1\tlocalhost ${step.hostname ?? 'buildkitsandbox'}`,
    '::1\tlocalhost ip6-localhost ip6-loopback',
    ...(step.extraHosts ?? []).map(({ host, ip }) => `${ip}\t${host}`),
  ];
  const files = { '/etc/resolv.conf': resolv, '/etc/hosts': hosts };
  return Object.entries(files).map(([destination, lines]) => {
    const source = join(bundle, destination.slice('/etc/'.length));
    writeFileSync(source, `${lines.join('\n')}\n`, { mode: 0o644 });
    return { destination, type: 'bind', source, options: ['bind', 'ro'] };
  });
}

function specInput(
  step: Step,
  id: string,
  {
    facts,
    netns,
    injected,
  }: {
    readonly facts: RuntimeFacts;
    readonly netns: string | undefined;
    readonly injected: readonly SpecMount[];
  },
): Parameters<typeof makeSpec>[0] {
  const mounts: SpecMount[] = step.mounts.map((mount) =>
    mount.source.kind === 'bind'
      ? {
          destination: mount.target,
          type: 'bind',
          source: mount.source.path,
          options: ['rbind', mount.readonly ? 'ro' : 'rw'],
        }
      : {
          destination: mount.target,
          type: 'tmpfs',
          source: 'tmpfs',
          options: ['nosuid', ...(mount.source.size === undefined ? [] : [`size=${mount.source.size}`])],
        },
  );
  return {
    id,
    root: step.root,
    readonlyRoot: false,
    args: step.args,
    env: step.env,
    cwd: step.cwd,
    user: step.user,
    tty: false,
    hostname: step.hostname ?? 'buildkitsandbox',
    network:
      step.network === 'host'
        ? { kind: 'host' }
        : netns === undefined
          ? { kind: 'none' }
          : { kind: 'path', path: netns },
    pid: 'own',
    ipc: 'own',
    uts: 'own',
    privileged: step.insecure,
    capAdd: [],
    capDrop: [],
    seccomp: step.insecure ? undefined : defaultProfile,
    writableCgroups: step.insecure,
    noNewPrivileges: false,
    mounts: [...injected, ...mounts],
    shmSize: step.shmSize ?? 64 * 1024 * 1024,
    ulimits: step.ulimits ?? [],
    sysctls: {},
    resources: step.limits ? resourcesOf(step.limits, facts) : {},
    hostCgroups: step.insecure,
    cgroupsPath: `${cleanPath(`/${step.cgroupParent || 'strata'}`)}/${id}`,
    devices: [],
  };
}

async function runToEnd(
  facts: RuntimeFacts,
  id: string,
  bundle: string,
  { args, user: { uid } }: Step,
  io: Parameters<StepExecutor['run']>[1],
): Promise<number> {
  // The runtime's own words go to a file, apart from what the process writes.
  const log = join(bundle, 'runtime.log');
  const { child, stdout, stderr, closed } = spawnPiped(facts, ['--log', log, 'run', '--bundle', bundle, id], {
    input: false,
    uid,
  });
  const words = createFirstWords(io, () => readFileSync(log, { encoding: 'utf8', flag: 'a+' }));
  stdout.on('data', words.stdout);
  stderr.on('data', words.stderr);
  const abort = () => void kill(facts, id, () => child.exitCode !== null || child.signalCode !== null);
  io.signal.addEventListener('abort', abort, { once: true });
  if (io.signal.aborted) abort();
  try {
    const [code, signal] = await closed;
    // Only a runtime that ended by itself has tidied up.
    if (signal !== null || io.signal.aborted) await runRuntime(facts, ['delete', '--force', id]);
    if (io.signal.aborted) throw new StrataError('cancelled', 'the step was cancelled', { cause: io.signal.reason });
    const said = code === 0 ? '' : readFileSync(log, { encoding: 'utf8', flag: 'a+' });
    words.end(said);
    if (said !== '') {
      const { text } = failureReason(said, args[0] ?? '');
      io.stderr(
        Buffer.from(`runc run failed: unable to start container process: error during container init: ${text}\n`),
      );
    }
    return code ?? 137;
  } finally {
    io.signal.removeEventListener('abort', abort);
  }
}

/** The init of the pid namespace takes every other process with it. It may be that it is only about to be made. */
async function kill(facts: RuntimeFacts, id: string, ended: () => boolean): Promise<void> {
  for (let tries = 0; tries < 100 && !ended(); tries++) {
    await runRuntime(facts, ['kill', id, 'KILL']).catch(() => undefined);
    await sleep(20);
  }
}
