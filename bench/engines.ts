/** The engines that a benchmark compares: how each builds, runs and lists. */
import { spawnSync } from 'node:child_process';

export interface BenchEngine {
  readonly name: string;
  readonly version: string;
  build(dir: string, options: { readonly noCache: boolean }): void;
  run(): void;
  ls(): void;
  stop(): void;
}

export function run(command: string, args: readonly string[], env: Readonly<Record<string, string>> = {}): string {
  const result = spawnSync(command, args, { env: { ...process.env, ...env }, encoding: 'utf8', maxBuffer: 64 << 20 });
  if (result.status !== 0)
    throw new Error(
      `${command} ${args.join(' ')} ended with ${result.status}:\n${result.stdout}${result.stderr}${result.error ?? ''}`,
    );
  return result.stdout;
}

/** An engine that is driven by a docker-like command line. `prefix` starts every call, e.g. a chroot. */
export function commandEngine(
  name: string,
  version: string,
  prefix: readonly string[],
  env: Readonly<Record<string, string>>,
  stop: () => void = () => {},
): BenchEngine {
  const call = (...args: string[]) => run(prefix[0]!, [...prefix.slice(1), ...args], env);
  return {
    name,
    version,
    build: (dir, { noCache }) =>
      void call('build', '-q', ...(noCache ? ['--no-cache'] : []), '-t', 'bench:latest', dir),
    run: () => void call('run', '--rm', 'busybox', 'true'),
    ls: () => void call('image', 'ls'),
    stop,
  };
}

/** With runc, which bears hybrid cgroups where crun does not. */
export function buildahEngine(version: string, prefix: readonly string[]): BenchEngine {
  const call = (...args: string[]) => run(prefix[0]!, [...prefix.slice(1), ...args]);
  return {
    name: 'buildah',
    version,
    build: (dir, { noCache }) =>
      void call(
        'build',
        '--runtime',
        'runc',
        '-q',
        '--layers',
        ...(noCache ? ['--no-cache'] : []),
        '-t',
        'bench:latest',
        dir,
      ),
    run: () => {
      const container = call('from', 'localhost/busybox').trim();
      call('run', '--runtime', 'runc', container, 'true');
      call('rm', container);
    },
    ls: () => void call('images'),
    stop: () => {},
  };
}
