import { type ChildProcess, type SpawnOptions, spawn, spawnSync } from 'node:child_process';
import { accessSync, constants, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { StrataError } from '../errors/index.ts';
import { mountOf, mountsBelow, mountTable, withoutMounts } from '../sys/index.ts';
import { parseCapabilityMask } from './capabilities.ts';
import { type CgroupFacts, cgroupRoot, probeCgroups } from './cgroups.ts';
import { hardLimits, openFiles, openFilesVariable, type SoftAndHard } from './process-limits.ts';
import { createSeccompCompiler, type SeccompSection } from './seccomp.ts';

/** What this host runs containers with, found out once. */
export interface RuntimeFacts extends CgroupFacts {
  readonly name: 'crun' | 'runc';
  readonly version: string;
  /** The program. */
  readonly command: string;
  /** Mounts that it must not see: see {@link spawnRuntime}. */
  readonly hidden: readonly string[];
  /** The engine's folder for mounts and sockets. */
  readonly stateRoot: string;
  readonly conmon: string | undefined;
  readonly capabilities: ReadonlySet<string>;
  /** Whether the kernel has seccomp filters. */
  readonly seccomp: boolean;
  /** A filter as base64 BPF for a runtime that takes one; undefined: it must compile the section itself. */
  readonly compileSeccomp: (section: SeccompSection) => string | undefined;
  /** Hard limits of the daemon by name (`nofile`): without CAP_SYS_RESOURCE nobody below may have more. */
  readonly hardLimits: ReadonlyMap<string, number>;
  /** How many files a process may have open whose limit nobody named. */
  readonly openFiles: () => SoftAndHard;
}

const path = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
export const hostEnvironment: Readonly<Record<string, string>> = { PATH: path };

/**
 * Finds the runtime. crun refuses a hybrid cgroup tree (version 1 with `unified` beside it), unless `unified` is not
 * there: it is unmounted in a mount namespace that the runtime has for itself.
 */
export function probeRuntime(stateRoot: string): RuntimeFacts {
  const crun = which('crun');
  const runc = which('runc');
  const limits = probeCgroups();
  const real = crun ?? runc;
  const hide = crun !== undefined && limits.cgroups === 'hybrid';
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
    command: real,
    hidden: hide ? [unified] : [],
    stateRoot,
    conmon: which('conmon'),
    ...limits,
    capabilities: parseCapabilityMask(status),
    seccomp: /^Seccomp:/m.test(status),
    compileSeccomp: crun ? createSeccompCompiler() : () => undefined,
    hardLimits: hardLimits(),
    openFiles: () => openFiles(process.env[openFilesVariable], hardLimits()),
  };
}

const unified = `${cgroupRoot}/unified`;

/** Starts the runtime where what it does not bear cannot be seen. */
export function spawnRuntime(facts: RuntimeFacts, args: readonly string[], options: SpawnOptions): ChildProcess {
  const start = () => spawn(facts.command, args, { env: hostEnvironment as NodeJS.ProcessEnv, cwd: '/', ...options });
  return facts.hidden.length === 0 ? start() : withoutMounts(facts.hidden, start);
}

/**
 * Starts a program that will start the runtime and then stay (conmon). Where it needs mounts of its own, it gets those
 * of the engine that it needs alone: it would hold the others for as long as it runs. Where the container is to share
 * mounts with the host, it sees those that the host's unmount takes away there, too.
 */
export function spawnMonitor(
  facts: RuntimeFacts,
  args: readonly string[],
  { needed, shared }: { readonly needed: readonly string[]; readonly shared: boolean },
  options: SpawnOptions,
): ChildProcess {
  const start = () => spawn(facts.conmon!, args, { env: monitorEnvironment as NodeJS.ProcessEnv, ...options });
  if (facts.hidden.length === 0) return start();
  const within = (path: string, folder: string) => path === folder || path.startsWith(`${folder}/`);
  const isNeeded = (target: string) => needed.some((path) => within(path, target) || within(target, path));
  const table = shared ? mountTable() : [];
  const others = mountsBelow(facts.stateRoot).filter(
    (target) => !isNeeded(target) && !mountOf(dirname(target), table)?.shared,
  );
  return withoutMounts([...others, ...facts.hidden], start, { shared });
}

/** Descriptors that conmon tells its pid through, and is told to begin. */
const monitorEnvironment = { ...hostEnvironment, _OCI_SYNCPIPE: '3', _OCI_STARTPIPE: '4' };

export function which(name: string): string | undefined {
  return path
    .split(':')
    .map((folder) => join(folder, name))
    .find(isProgram);
}

function isProgram(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

export interface RuntimeResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunLimits {
  /** Default one minute. */
  readonly timeoutMs?: number;
}

/** Runs the runtime to its end; see {@link runProgram}. */
export function runRuntime(
  facts: RuntimeFacts,
  args: readonly string[],
  limits: RunLimits = {},
): Promise<RuntimeResult> {
  return collect(facts.command, spawnRuntime(facts, args, { stdio: ['ignore', 'pipe', 'pipe'], ...timeLimit(limits) }));
}

/** Runs a program of the host to its end, with at most 1 MiB of each output kept. */
export function runProgram(program: string, args: readonly string[], limits: RunLimits = {}): Promise<RuntimeResult> {
  const env = hostEnvironment as NodeJS.ProcessEnv;
  return collect(
    program,
    spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], env, cwd: '/', ...timeLimit(limits) }),
  );
}

function timeLimit({ timeoutMs = 60_000 }: RunLimits): SpawnOptions {
  return { timeout: timeoutMs, killSignal: 'SIGKILL' };
}

function collect(program: string, child: ChildProcess): Promise<RuntimeResult> {
  return new Promise((resolve, reject) => {
    const most = 1_048_576;
    let stdout = '';
    let stderr = '';
    child.stdout!.setEncoding('utf8').on('data', (text: string) => {
      stdout = (stdout + text).slice(-most);
    });
    child.stderr!.setEncoding('utf8').on('data', (text: string) => {
      stderr = (stderr + text).slice(-most);
    });
    child.on('error', (cause) =>
      reject(new StrataError('failed_precondition', `cannot run ${program}: ${cause.message}`, { cause })),
    );
    child.on('close', (code) => resolve({ code: code ?? 1, stdout, stderr }));
  });
}
