import { closeSync, mkdirSync, openSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf, StrataError } from '../errors/index.ts';

export interface StartOptions {
  readonly socketPath: string;
  /** Holds the log of the daemon and the lock of whoever starts it. */
  readonly stateRoot: string;
  /** Program and arguments that become the daemon. */
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Milliseconds until the start counts as failed. Default 30000. */
  readonly timeout?: number;
}

/** Whether something accepts connections on this socket. A socket that may not be used counts as answering. */
export function answersAt(socketPath: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = connect(socketPath);
    probe.once('connect', () => {
      probe.destroy();
      resolve(true);
    });
    probe.once('error', (error: NodeJS.ErrnoException) => resolve(error.code === 'EACCES'));
  });
}

/** Starts the daemon in the background unless it answers already, and returns when it does. */
export async function ensureDaemon(options: StartOptions): Promise<void> {
  if (await answersAt(options.socketPath)) return;
  if (process.getuid?.() !== 0) {
    throw new StrataError(
      'permission_denied',
      `no Strata daemon answers at unix://${options.socketPath}, and starting one needs root rights`,
      { code: 'not_root', hint: 'run the command with sudo once; or start it with `sudo strata daemon --group GROUP`' },
    );
  }
  makeStateRoot(options.stateRoot);
  const until = performance.now() + (options.timeout ?? 30_000);
  const lock = join(options.stateRoot, 'starting.pid');
  while (!takeLock(lock)) {
    // Somebody else is starting it; if that fails, the lock goes away and it is this process's turn.
    await sleep(10);
    if (await answersAt(options.socketPath)) return;
    if (performance.now() > until) throw tooSlow(options);
  }
  try {
    if (!(await answersAt(options.socketPath))) await start(options, until);
  } finally {
    rmSync(lock, { force: true });
  }
}

/** Never in the kernel's own file systems, in which node's recursive mkdir does not end. */
function makeStateRoot(path: string): void {
  try {
    mkdirSync(path, { recursive: !/^\/(proc|sys)\//.test(path), mode: 0o700 });
  } catch (cause) {
    if (statSync(path, { throwIfNoEntry: false })?.isDirectory()) return;
    throw new StrataError('failed_precondition', `cannot make the folder ${path} for the daemon: ${messageOf(cause)}`, {
      code: 'bad_root',
      hint: 'set STRATA_STATE_ROOT to a folder that can be written to',
      cause,
    });
  }
}

async function start(options: StartOptions, until: number): Promise<void> {
  const log = openSync(logFile(options), 'w', 0o600);
  const [program, ...args] = options.command;
  // Only the command that starts the daemon pays for loading this.
  const { spawn } = await import('node:child_process');
  const child = spawn(program!, args, {
    cwd: '/',
    detached: true,
    stdio: ['ignore', log, log],
    env: { ...options.env },
  });
  closeSync(log);
  let ended: string | undefined;
  child.once('error', (error) => {
    ended = error.message;
  });
  child.once('exit', (code, signal) => {
    ended = signal ? `it was ended by ${signal}` : `it ended with exit code ${code}`;
  });
  child.unref();
  while (!(await answersAt(options.socketPath))) {
    if (ended !== undefined) throw didNotStart(options, ended);
    if (performance.now() > until) throw tooSlow(options);
    await sleep(5);
  }
}

/** False if another living process holds it. */
function takeLock(path: string): boolean {
  try {
    writeFileSync(path, String(process.pid), { flag: 'wx', mode: 0o600 });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
  if (!holderLives(path)) rmSync(path, { force: true });
  return false;
}

function holderLives(path: string): boolean {
  try {
    const pid = Number(readFileSync(path, 'utf8'));
    // An empty file is one whose writer is just about to write its pid, unless it never came to that.
    if (pid === 0) return Date.now() - statSync(path).mtimeMs < 2000;
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

function logFile({ stateRoot }: StartOptions): string {
  return join(stateRoot, 'daemon.log');
}

function didNotStart(options: StartOptions, how: string): StrataError {
  const lines = readLog(options);
  return new StrataError('unavailable', `the Strata daemon did not start: ${how}${lines === '' ? '' : `\n${lines}`}`, {
    code: 'daemon_failed',
    hint: `its log is ${logFile(options)}; \`strata daemon\` starts it in the foreground`,
  });
}

function tooSlow(options: StartOptions): StrataError {
  return didNotStart(options, `nothing answers at unix://${options.socketPath} yet`);
}

function readLog(options: StartOptions): string {
  try {
    return readFileSync(logFile(options), 'utf8').trimEnd().split('\n').slice(-15).join('\n');
  } catch {
    return '';
  }
}
