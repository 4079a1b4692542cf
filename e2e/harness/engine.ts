/**
 * A real daemon of its own for a test file: its own data root (on a tmpfs, which is quick for small files), its own
 * socket, its own bridge. Everything is gone after `stop`.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Base, busyboxBase, debianBase } from '../../scripts/bases.ts';
import { probeRuntime, runRuntime } from '../../src/runtime/index.ts';
import { until } from './until.ts';

const root = dirname(dirname(import.meta.dirname));

/** The program as users have it, where `npm test` has built it; else its source. */
const built = process.env['STRATA_TEST_PROGRAM'];
export const program: readonly [string, ...string[]] = built
  ? [built]
  : [process.execPath, '--disable-warning=ExperimentalWarning', '--', join(root, 'src/cli/main.ts')];

export interface Result {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
  /** Both, as they came. */
  readonly output: string;
}

export interface RunOptions {
  readonly input?: string | Uint8Array;
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** How long it may print nothing before it counts as stuck. Default: ten minutes. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
  /** Exit codes that are no failure of the test; default: 0 alone. `any` for all. */
  readonly accept?: readonly number[] | 'any';
}

export interface TestEngine {
  readonly socket: string;
  readonly dataRoot: string;
  readonly stateRoot: string;
  /** A folder for the test's own files. */
  readonly work: string;
  /** The engine's own command line. */
  strata(args: readonly string[], options?: RunOptions): Promise<Result>;
  /** The real docker client, speaking to this engine, with the classic builder. */
  docker(args: readonly string[], options?: RunOptions): Promise<Result>;
  load(base: 'busybox' | 'debian'): Promise<void>;
  /** Ends the daemon (SIGTERM, or SIGKILL) and starts another on the same roots; does `between` while none is there. */
  restart(signal?: 'SIGTERM' | 'SIGKILL', between?: () => void): Promise<void>;
  /** What the daemon wrote to its log. */
  log(): string;
  pid(): number;
  stop(): Promise<void>;
}

export async function startEngine(
  options: {
    readonly daemonArgs?: readonly string[];
    /** Of the daemon and its clients. */
    readonly env?: Readonly<Record<string, string>>;
    readonly bases?: readonly ('busybox' | 'debian')[];
    /** Words before the daemon's own, e.g. of a shell that sets limits. It must become the daemon. */
    readonly prefix?: readonly string[];
  } = {},
): Promise<TestEngine> {
  const id = randomBytes(3).toString('hex');
  const top = mkdtempSync(join(tmpdir(), `strata-e2e-${id}-`));
  const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'mode=0755,size=12g', `strata-e2e-${id}`, top]).status === 0;
  const [dataRoot, stateRoot, work] = ['data', 'run', 'work'].map((name) => join(top, name)) as [
    string,
    string,
    string,
  ];
  mkdirSync(work);
  const socket = join(stateRoot, 'strata.sock');
  const logFile = join(top, 'daemon.log');
  const env: Record<string, string> = { ...cleanEnv(), STRATA_HOST: `unix://${socket}`, HOME: top, ...options.env };
  let daemon: ChildProcess | undefined;

  async function start(): Promise<void> {
    const log = openSync(logFile, 'a');
    const [one, two] = Buffer.from(id, 'hex') as unknown as [number, number];
    const subnet = `10.${200 + (one % 50)}.${two}.0/24`;
    const [command = '', ...words] = [...(options.prefix ?? []), ...program];
    daemon = spawn(
      command,
      [
        ...words,
        'daemon',
        '--data-root',
        dataRoot,
        '--state-root',
        stateRoot,
        '--socket',
        socket,
        '--bridge',
        `st${id}`,
        '--subnet',
        subnet,
        // Of engines beside each other none may take what another has given to a network, but not used yet.
        '--default-address-pool',
        `base=10.${128 + (one % 60)}.${two & 0xf0}.0/20,size=24`,
        ...(options.daemonArgs ?? []),
      ],
      {
        stdio: ['ignore', log, log],
        env,
        cwd: top,
      },
    );
    const started = daemon;
    await until('the daemon starts', () => answers(socket), {
      gone: () => (started.exitCode === null ? undefined : readFileSync(logFile, 'utf8')),
    });
  }

  async function end(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    const child = daemon;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const gone = new Promise((resolve) => child.once('exit', resolve));
    child.kill(signal);
    const late = setTimeout(() => child.kill('SIGKILL'), 20_000);
    await gone;
    clearTimeout(late);
  }

  const engine: TestEngine = {
    socket,
    dataRoot,
    stateRoot,
    work,
    strata: (args, run) =>
      execute(program[0], [...program.slice(1), ...args], { ...run, env: { ...env, ...run?.env } }, work),
    docker: (args, run) =>
      execute(
        'docker',
        args,
        {
          ...run,
          env: {
            ...env,
            DOCKER_HOST: `unix://${socket}`,
            DOCKER_BUILDKIT: '0',
            DOCKER_CLI_HINTS: 'false',
            ...run?.env,
          },
        },
        work,
      ),
    async load(name) {
      const base: Base = name === 'busybox' ? busyboxBase() : debianBase();
      await engine.docker(['load', '-q', '-i', base.archive]);
    },
    async restart(signal = 'SIGTERM', between = () => {}) {
      await end(signal);
      between();
      await start();
    },
    log: () => readFileSync(logFile, 'utf8'),
    pid: () => daemon?.pid ?? -1,
    async stop() {
      await engine.docker(['ps', '-aq'], { accept: 'any' }).then(async (all) => {
        const ids = all.code === 0 ? all.stdout.split('\n').filter(Boolean) : [];
        if (ids.length > 0) await engine.docker(['rm', '-f', ...ids], { accept: 'any' });
      });
      await end('SIGTERM');
      await endLost(top);
      if (mounted) spawnSync('umount', ['-R', '-l', top]);
      spawnSync('ip', ['link', 'delete', `st${id}`]);
      rmSync(top, { recursive: true, force: true });
    },
  };
  await start();
  for (const base of options.bases ?? []) await engine.load(base);
  return engine;
}

/** Ends containers and steps that a test has hidden from the engine, by a damaged store or a kill; else they would live on. */
async function endLost(top: string): Promise<void> {
  const states = '/run/crun';
  if (!existsSync(states)) return;
  const lost = readdirSync(states).filter((id) => {
    try {
      return readFileSync(join(states, id, 'status'), 'utf8').includes(`"${top}/`);
    } catch {
      return false;
    }
  });
  if (lost.length === 0) return;
  const facts = probeRuntime(top);
  for (const id of lost) await runRuntime(facts, ['delete', '--force', id]);
}

/** The caller's environment without what would point the clients elsewhere. */
function cleanEnv(): Record<string, string> {
  return Object.fromEntries(
    Object.entries(process.env).filter(
      ([name, value]) => value !== undefined && !/^(DOCKER_|STRATA_|NODE_|npm_)/.test(name),
    ),
  ) as Record<string, string>;
}

async function answers(socket: string): Promise<boolean> {
  return await new Promise((resolve) => {
    const connection = connect(socket, () => {
      connection.destroy();
      resolve(true);
    });
    connection.on('error', () => resolve(false));
  });
}

/** Runs a program to its end; a failure that was not accepted is an error that shows all output. */
export async function execute(
  command: string,
  args: readonly string[],
  options: RunOptions = {},
  cwd = tmpdir(),
): Promise<Result> {
  const child = spawn(command, args, {
    cwd: options.cwd ?? cwd,
    env: { ...(options.env ?? process.env) } as NodeJS.ProcessEnv,
    stdio: ['pipe', 'pipe', 'pipe'],
    ...(options.signal && { signal: options.signal }),
    killSignal: 'SIGINT',
  });
  let stdout = '';
  let stderr = '';
  let output = '';
  let limit: NodeJS.Timeout | undefined;
  const wait = () => {
    clearTimeout(limit);
    limit = setTimeout(() => child.kill('SIGKILL'), options.timeoutMs ?? 600_000);
  };
  wait();
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    wait();
    stdout += text;
    output += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    wait();
    stderr += text;
    output += text;
  });
  child.stdin.on('error', () => {});
  child.stdin.end(options.input);
  const code = await new Promise<number>((resolve, reject) => {
    child.on('error', (error) => (error.name === 'AbortError' ? undefined : reject(error)));
    child.on('close', (status, signal) => resolve(status ?? (signal === 'SIGKILL' ? 137 : 130)));
  });
  clearTimeout(limit);
  const accept = options.accept ?? [0];
  if (accept !== 'any' && !accept.includes(code)) {
    throw new Error(`${[command, ...args].join(' ')}\nended with ${code}:\n${output}`);
  }
  return { code, stdout, stderr, output };
}

/** Fetches over the host's network until it answers; for a server that is still starting. */
export async function fetchText(url: string, timeoutMs = 120_000): Promise<string> {
  const until = Date.now() + timeoutMs;
  for (;;) {
    try {
      return await (await fetch(url, { signal: AbortSignal.timeout(3000) })).text();
    } catch (error) {
      if (Date.now() > until) throw error;
      await sleep(100);
    }
  }
}
