/** Builds cases with an engine, in one of two ways, and looks at what came out. */
import { spawn } from 'node:child_process';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { type Case, contextOf, type Spec } from './case.ts';
import { type Base, type Outcome, observe } from './compare.ts';
import { flatten, readSavedImage, type SavedImage } from './image.ts';
import { materialize } from './materialize.ts';

/** `builder`: through `strata build`; `modern`: through the docker client's `POST /build`, BuildKit's results expected. */
export type Mode = 'builder' | 'modern';

export interface Engine {
  readonly program: string;
  readonly socket: string;
  /** For contexts and archives; may be emptied by whoever made it. */
  readonly work: string;
}

export interface CaseBuilder {
  build(one: Case): Promise<Outcome>;
}

/** How long a command may do nothing that is seen, in milliseconds. */
const patience = 300_000;

export async function createCaseBuilder(mode: Mode, { program, socket, work }: Engine): Promise<CaseBuilder> {
  const env = {
    ...process.env,
    DOCKER_HOST: `unix://${socket}`,
    STRATA_HOST: `unix://${socket}`,
    DOCKER_BUILDKIT: '0',
    DOCKER_CLI_HINTS: 'false',
    BUILDX_NO_DEFAULT_ATTESTATIONS: '1',
    BUILDKIT_PROGRESS: 'plain',
  };
  const client = mode === 'builder' ? program : 'docker';
  const call = (args: readonly string[], more: Readonly<Record<string, string>> = {}) =>
    execute([client, ...args], { ...env, ...more });

  async function saved(name: string): Promise<SavedImage> {
    const archive = join(work, `${name.replace(/[^a-z0-9]+/g, '-')}.tar`);
    try {
      const { code, output } = await call(['save', '-o', archive, name]);
      if (code !== 0) throw new Error(`save: ${output.trim().slice(-300)}`);
      return await readSavedImage(archive);
    } finally {
      rmSync(archive, { force: true });
    }
  }

  async function baseOf(name: string): Promise<Base> {
    const { config, layers } = await saved(name);
    return { name, diffIDs: config.rootfs.diff_ids, tree: flatten(layers) };
  }

  function buildOne(spec: Spec, folder: string, tag: string) {
    const force = mode === 'modern' ? ['--force-rm'] : [];
    const file = spec.dockerfile ? ['-f', join(folder, spec.dockerfile)] : [];
    const words = ['build', '--no-cache', ...force, '-t', tag, ...file, ...optionsOf(spec, folder)];
    return call([...words, join(folder, contextOf(spec))], spec.env);
  }

  const bases = [await baseOf('busybox:latest'), await baseOf('debian:bookworm')];
  return {
    async build(one) {
      const tag = `conformance/${one.name.toLowerCase().replace(/[^a-z0-9]+/g, '-')}:test`;
      const folder = join(work, one.name);
      const made: string[] = [];
      try {
        materialize(one, folder);
        for (const first of one.pre ?? []) {
          made.push(first.tag);
          const { code, output } = await buildOne(first, folder, first.tag);
          if (code !== 0) return { exit: 'broken', output: `the build of ${first.tag}, which it needs: ${output}` };
        }
        const { code, output } = await buildOne(one, folder, tag);
        if (code !== 0) return { exit: 'error', output };
        made.push(tag);
        return observe(await saved(tag), bases, output);
      } catch (error) {
        return { exit: 'broken', output: (error as Error).message };
      } finally {
        if (made.length > 0) await call(['rmi', '-f', ...made.reverse()]);
        rmSync(folder, { recursive: true, force: true });
      }
    },
  };
}

function optionsOf(spec: Spec, folder: string): readonly string[] {
  const here = (text: string) => text.replaceAll('{case}', folder);
  const pairs = (option: string, values: Readonly<Record<string, string | null>> = {}) =>
    Object.entries(values).flatMap(([key, value]) => [option, value === null ? key : `${key}=${here(value)}`]);
  return [
    ...pairs('--build-arg', spec.buildArgs),
    ...(spec.target ? ['--target', spec.target] : []),
    ...(spec.platform ? ['--platform', spec.platform] : []),
    ...pairs('--label', spec.labels),
    ...(spec.secrets ?? []).flatMap((secret) => ['--secret', here(secret)]),
    ...pairs('--build-context', spec.buildContexts),
    ...(spec.options ?? []).map(here),
  ];
}

/** Runs a command; what it prints on both ways comes in the order of printing. */
async function execute(
  command: readonly string[],
  env: NodeJS.ProcessEnv,
): Promise<{ readonly code: number; readonly output: string }> {
  const child = spawn('sh', ['-c', 'exec "$@" 2>&1', 'sh', ...command], { stdio: ['ignore', 'pipe', 'inherit'], env });
  let output = '';
  let limit: NodeJS.Timeout | undefined;
  const wait = () => {
    clearTimeout(limit);
    limit = setTimeout(() => {
      output += '\n(nothing happened for too long)';
      child.kill('SIGKILL');
    }, patience);
  };
  wait();
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
    wait();
  });
  const code = await new Promise<number>((resolve, reject) =>
    child.on('error', reject).on('close', (status) => resolve(status ?? 124)),
  );
  clearTimeout(limit);
  return { code, output };
}
