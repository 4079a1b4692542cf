/** The engines that a benchmark compares: how each builds, runs and lists. */
import { spawnSync } from 'node:child_process';

export interface BenchEngine {
  readonly name: string;
  readonly version: string;
  build(dir: string, options: { readonly noCache: boolean }): void;
  run(): void;
  ls(): void;
  save(name: string, file: string): void;
  /** `name` is what the archive calls its image. */
  load(file: string, name: string): void;
  tag(name: string, target: string): void;
  push(name: string): void;
  pull(name: string): void;
  /** No failure where there is none. */
  remove(name: string): void;
  /** The process whose memory is measured, where it is one. */
  readonly pid?: number | undefined;
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
  pid?: number,
): BenchEngine {
  const call = (...args: string[]) => run(prefix[0]!, [...prefix.slice(1), ...args], env);
  return {
    name,
    version,
    build: (dir, { noCache }) =>
      void call('build', '-q', ...(noCache ? ['--no-cache'] : []), '-t', 'bench:latest', dir),
    run: () => void call('run', '--rm', 'busybox', 'true'),
    ls: () => void call('image', 'ls'),
    save: (name, file) => void call('save', '-o', file, name),
    load: (file) => void call('load', '-q', '-i', file),
    tag: (name, target) => void call('tag', name, target),
    push: (name) => void call('push', '-q', name),
    pull: (name) => void call('pull', '-q', name),
    remove(name) {
      if (call('image', 'ls', '-q', name).trim() !== '') call('rmi', '-f', name);
    },
    pid,
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
    save: (name, file) => void call('push', '-q', name, `docker-archive:${file}:${name}`),
    load: (file, name) => void call('pull', '-q', `docker-archive:${file}:${name}`),
    tag: (name, target) => void call('tag', name, target),
    push: (name) => void call('push', '-q', '--tls-verify=false', name),
    pull: (name) => void call('pull', '-q', '--tls-verify=false', name),
    remove(name) {
      if (call('images', '-q', '--filter', `reference=${name}`).trim() !== '') call('rmi', '-f', name);
    },
    stop: () => {},
  };
}
