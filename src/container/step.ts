import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { StrataError } from '../errors/index.ts';
import type { Networks } from '../network/index.ts';
import { hostEnvironment, type RuntimeFacts, runProgram } from './runtime.ts';
import { makeSpec, type SpecMount } from './spec.ts';
import { createStubs } from './stubs.ts';
import type { Step, StepExecutor } from './types.ts';

export interface StepExecutorOptions {
  readonly stateRoot: string;
  readonly runtime: () => RuntimeFacts;
  readonly networks: Networks;
}

/** Runs build steps with the runtime as a direct child: a step dies with its build. */
export function createStepExecutor(options: StepExecutorOptions): StepExecutor {
  const bundles = join(options.stateRoot, 'steps');
  return {
    async run(step, io) {
      io.signal.throwIfAborted();
      const facts = options.runtime();
      const id = randomBytes(32).toString('hex');
      const bundle = join(bundles, id.slice(0, 16));
      mkdirSync(bundle, { recursive: true, mode: 0o700 });
      const lease = step.network === 'bridge' ? await options.networks.lease() : undefined;
      const stubs = createStubs(step.root);
      try {
        const mounts = await injectedMounts(step, bundle, options.networks);
        for (const path of [
          ...runtimeFolders,
          ...mounts.map(({ destination }) => destination),
          ...step.mounts.map(({ target }) => target),
        ])
          stubs.note(path);
        writeFileSync(
          join(bundle, 'config.json'),
          JSON.stringify(makeSpec(specInput(step, id, lease?.sandbox.path, mounts), facts)),
          { mode: 0o600 },
        );
        const exit = await runToEnd(facts, id, bundle, io);
        return { exitCode: exit, containerID: id };
      } finally {
        stubs.remove();
        rmSync(bundle, { recursive: true, force: true });
        await lease?.release();
      }
    },
  };
}

/** What the runtime itself mounts over. */
const runtimeFolders = ['/proc', '/dev', '/sys'];

/** /etc/hosts and /etc/resolv.conf of the step, as files of the bundle. */
async function injectedMounts(step: Step, bundle: string, networks: Networks): Promise<SpecMount[]> {
  const { nameservers, search, options } = await networks.resolvers();
  const resolv = [
    ...(search.length > 0 ? [`search ${search.join(' ')}`] : []),
    ...nameservers.map((server) => `nameserver ${server}`),
    ...(options.length > 0 ? [`options ${options.join(' ')}`] : []),
  ];
  const hosts = [
    '127.0.0.1\tlocalhost',
    '::1\tlocalhost ip6-localhost ip6-loopback',
    ...(step.hostname ? [`127.0.0.1\t${step.hostname}`] : []),
    ...(step.extraHosts ?? []).map(({ host, ip }) => `${ip}\t${host}`),
  ];
  const files = { '/etc/resolv.conf': resolv, '/etc/hosts': hosts };
  return Object.entries(files).map(([destination, lines]) => {
    const source = join(bundle, destination.slice(5));
    writeFileSync(source, `${lines.join('\n')}\n`, { mode: 0o644 });
    return { destination, type: 'bind', source, options: ['bind', 'rw'] };
  });
}

function specInput(
  step: Step,
  id: string,
  netns: string | undefined,
  injected: readonly SpecMount[],
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
          options: ['nosuid', 'nodev', ...(mount.source.size === undefined ? [] : [`size=${mount.source.size}`])],
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
    unconfined: false,
    noNewPrivileges: false,
    mounts: [...injected, ...mounts],
    shmSize: step.shmSize ?? 64 * 1024 * 1024,
    ulimits: step.ulimits ?? [],
    sysctls: {},
    resources: {},
    cgroupsPath: `${step.cgroupParent ?? '/strata'}/${id}`,
    devices: [],
  };
}

function runToEnd(
  facts: RuntimeFacts,
  id: string,
  bundle: string,
  io: Parameters<StepExecutor['run']>[1],
): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn(facts.program, ['run', '--bundle', bundle, id], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: hostEnvironment as NodeJS.ProcessEnv,
      cwd: '/',
      detached: true,
    });
    let said = '';
    const abort = () => {
      // The init of the pid namespace takes every other process with it.
      void runProgram(facts.program, ['kill', id, 'KILL']).then(({ code }) => {
        if (code !== 0) child.kill('SIGKILL');
      });
    };
    child.stdout.on('data', io.stdout);
    child.stderr.on('data', (chunk: Buffer) => {
      said = (said + chunk.toString('utf8')).slice(-2000);
      io.stderr(chunk);
    });
    child.on('error', (cause) =>
      reject(new StrataError('failed_precondition', `cannot run ${facts.program}: ${cause.message}`, { cause })),
    );
    io.signal.addEventListener('abort', abort, { once: true });
    if (io.signal.aborted) abort();
    child.on('close', (code, signal) => {
      io.signal.removeEventListener('abort', abort);
      void runProgram(facts.program, ['delete', '--force', id]).catch(() => undefined);
      if (io.signal.aborted)
        reject(new StrataError('cancelled', 'the step was cancelled', { cause: io.signal.reason }));
      else resolve(code ?? (signal === 'SIGKILL' ? 137 : 1));
    });
  });
}
