import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { StrataError } from '../errors/index.ts';
import { parseCapabilityMask } from './capabilities.ts';
import { readProfile, type SeccompProfile } from './seccomp.ts';

export type CgroupMode = 'v2' | 'v1' | 'hybrid' | 'none';

/** What this host runs containers with, found out once. */
export interface RuntimeFacts {
  readonly name: 'crun' | 'runc';
  readonly version: string;
  /** The program to call: the runtime itself, or a wrapper that hides what it does not bear. */
  readonly program: string;
  readonly conmon: string | undefined;
  readonly cgroups: CgroupMode;
  readonly capabilities: ReadonlySet<string>;
  readonly seccomp: SeccompProfile | undefined;
  /** Hard limits of the daemon by name (`nofile`): without CAP_SYS_RESOURCE nobody below may have more. */
  readonly hardLimits: ReadonlyMap<string, number>;
}

const path = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
export const hostEnvironment: Readonly<Record<string, string>> = { PATH: path };

/**
 * Finds the runtime. crun refuses a hybrid cgroup tree (version 1 with `unified` beside it), unless `unified` is not
 * there: the wrapper unmounts it in a mount namespace of its own, which costs about 10 ms a call.
 */
export function probeRuntime(stateRoot: string): RuntimeFacts {
  const crun = which('crun');
  const runc = which('runc');
  const cgroups = cgroupMode();
  const real = crun ?? runc;
  if (!real) {
    throw new StrataError(
      'failed_precondition',
      'no container runtime is installed: neither crun nor runc is on the PATH',
      { code: 'missing_program', hint: 'apt-get install crun conmon' },
    );
  }
  const status = readFileSync('/proc/self/status', 'utf8');
  return {
    name: crun ? 'crun' : 'runc',
    version:
      /version ([\w.~+-]+)/.exec(
        spawnSync(real, ['--version'], { encoding: 'utf8', env: hostEnvironment }).stdout,
      )?.[1] ?? 'unknown',
    program: crun && cgroups === 'hybrid' ? wrapper(stateRoot, crun) : real,
    conmon: which('conmon'),
    cgroups,
    capabilities: parseCapabilityMask(status),
    seccomp: readProfile(),
    hardLimits: hardLimits(),
  };
}

function wrapper(stateRoot: string, crun: string): string {
  const file = join(stateRoot, 'bin', 'crun');
  mkdirSync(join(stateRoot, 'bin'), { recursive: true, mode: 0o700 });
  writeFileSync(
    file,
    `#!/bin/sh\nexec unshare -m /bin/sh -c 'umount /sys/fs/cgroup/unified; exec ${crun} "$@"' crun "$@"\n`,
    { mode: 0o700 },
  );
  return file;
}

function cgroupMode(): CgroupMode {
  const mounts = readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .map((line) => {
      const [before = '', after = ''] = line.split(' - ');
      return { target: before.split(' ')[4] ?? '', type: after.split(' ')[0] ?? '' };
    });
  if (mounts.some(({ target, type }) => target === '/sys/fs/cgroup' && type === 'cgroup2')) return 'v2';
  if (!mounts.some(({ type }) => type === 'cgroup')) return 'none';
  return mounts.some(({ target, type }) => target === '/sys/fs/cgroup/unified' && type === 'cgroup2') ? 'hybrid' : 'v1';
}

function hardLimits(): ReadonlyMap<string, number> {
  const names: Readonly<Record<string, string>> = {
    'Max open files': 'nofile',
    'Max processes': 'nproc',
    'Max core file size': 'core',
    'Max locked memory': 'memlock',
    'Max stack size': 'stack',
    'Max file size': 'fsize',
    'Max cpu time': 'cpu',
    'Max data size': 'data',
    'Max address space': 'as',
    'Max resident set': 'rss',
    'Max pending signals': 'sigpending',
    'Max msgqueue size': 'msgqueue',
    'Max nice priority': 'nice',
    'Max realtime priority': 'rtprio',
    'Max file locks': 'locks',
  };
  const limits = new Map<string, number>();
  for (const line of readFileSync('/proc/self/limits', 'utf8').split('\n')) {
    const name = names[line.slice(0, 25).trim()];
    const hard = line.slice(26).trim().split(/\s+/)[1];
    if (name && hard) limits.set(name, hard === 'unlimited' ? Number.POSITIVE_INFINITY : Number(hard));
  }
  return limits;
}

export function which(name: string): string | undefined {
  return path
    .split(':')
    .map((folder) => join(folder, name))
    .find((file) => existsSync(file));
}

export interface RuntimeResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the runtime (or another program of the host) to its end, with at most 1 MiB of output kept. */
export function runProgram(
  program: string,
  args: readonly string[],
  options: { readonly timeoutMs?: number; readonly cwd?: string } = {},
): Promise<RuntimeResult> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: hostEnvironment as NodeJS.ProcessEnv,
      cwd: options.cwd ?? '/',
      timeout: options.timeoutMs ?? 60_000,
      killSignal: 'SIGKILL',
    });
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout = (stdout + text).slice(-1_048_576);
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr = (stderr + text).slice(-1_048_576);
    });
    child.on('error', (cause) =>
      reject(new StrataError('failed_precondition', `cannot run ${program}: ${cause.message}`, { cause })),
    );
    child.on('close', (code) => resolve({ code: code ?? 1, stdout, stderr }));
  });
}
