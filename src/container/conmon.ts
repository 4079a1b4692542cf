import { closeSync, constants, openSync, writeSync } from 'node:fs';
import type { Readable, Writable } from 'node:stream';
import { StrataError } from '../errors/index.ts';
import { type RuntimeFacts, spawnMonitor } from '../runtime/index.ts';
import { isErrno } from '../sys/index.ts';

export interface ConmonOptions {
  /** Id of the container. */
  readonly id: string;
  /** Id of this process: the container's, or the exec's. */
  readonly uuid: string;
  readonly name: string;
  /** Folder for sockets and pid files; for a container, its bundle. */
  readonly folder: string;
  readonly exitDir: string;
  readonly logPath: string;
  /** Bytes of log after which it is begun anew. */
  readonly logSizeMax?: number;
  readonly tty: boolean;
  readonly stdin: boolean;
  readonly leaveStdinOpen: boolean;
  /** Process spec of an exec. */
  readonly execSpec?: string;
  /** File for the runtime's own complaints. */
  readonly runtimeLog?: string;
  /** Mounts of the engine that the runtime needs: root, network namespace. */
  readonly mounts: readonly string[];
  /** Whether mounts are to come and go between the host and it. */
  readonly sharesMounts?: boolean;
}

/**
 * Starts conmon, which creates the container (or runs the exec) and stays with it. Resolves with the pid of the process;
 * rejects with the runtime's own words (`runtime_failed`) when there is none.
 */
export async function startConmon(facts: RuntimeFacts, options: ConmonOptions): Promise<number> {
  if (!facts.conmon)
    throw new StrataError('failed_precondition', 'conmon is not installed', {
      code: 'missing_program',
      hint: 'apt-get install conmon',
    });
  const nothing = openSync('/dev/null', 'r+');
  const child = spawnMonitor(
    facts,
    conmonArgs(facts, options),
    { needed: options.mounts, shared: options.sharesMounts ?? false },
    {
      stdio: [nothing, nothing, nothing, 'pipe', 'pipe'],
      cwd: options.folder,
      detached: true,
    },
  );
  closeSync(nothing);
  const sync = child.stdio[3] as Readable;
  const start = child.stdio[4] as unknown as Writable;
  start.on('error', () => {});
  start.end('\0');
  child.unref();
  return await new Promise((resolve, reject) => {
    const fail = (message: string, code = 'runtime_failed') => reject(new StrataError('internal', message, { code }));
    let said = '';
    child.once('error', (cause) => fail(`cannot run ${facts.conmon}: ${cause.message}`, 'missing_program'));
    sync.setEncoding('utf8');
    sync.on('error', () => {});
    sync.on('data', (text: string) => {
      said += text;
      const line = said.indexOf('\n');
      if (line < 0) return;
      sync.destroy();
      const answer = parseAnswer(said.slice(0, line));
      if (answer.pid > 0 || (options.execSpec !== undefined && answer.pid === 0)) resolve(answer.pid);
      else fail(answer.message);
    });
    sync.on('end', () => fail(`conmon ended without an answer${said ? `: ${said}` : ''}`));
  });
}

function conmonArgs(facts: RuntimeFacts, options: ConmonOptions): string[] {
  const { folder } = options;
  const values: Readonly<Record<string, string | undefined>> = {
    '--cid': options.id,
    '--cuuid': options.uuid,
    '--name': options.name,
    '--runtime': facts.command,
    '--bundle': folder,
    '--container-pidfile': `${folder}/pid`,
    '--conmon-pidfile': `${folder}/conmon.pid`,
    '--exit-dir': options.exitDir,
    '--persist-dir': folder,
    '--log-path': `k8s-file:${options.logPath}`,
    '--log-level': 'error',
    '--log-size-max': options.logSizeMax?.toString(),
    '--exec-process-spec': options.execSpec,
    // Of an exec, conmon tells the pid and the failure only from this version of its answers on.
    '--api-version': options.execSpec === undefined ? undefined : '1',
  };
  const flags: Readonly<Record<string, boolean>> = {
    '--full-attach': true,
    '--no-sync-log': true,
    '--terminal': options.tty,
    '--stdin': options.stdin,
    '--leave-stdin-open': options.leaveStdinOpen,
    '--exec': options.execSpec !== undefined,
  };
  return [
    ...(options.runtimeLog === undefined ? [] : ['--runtime-arg', '--log', '--runtime-arg', options.runtimeLog]),
    ...Object.entries(values).flatMap(([name, value]) => (value === undefined ? [] : [name, value])),
    ...Object.entries(flags).flatMap(([name, on]) => (on ? [name] : [])),
  ];
}

function parseAnswer(line: string): { readonly pid: number; readonly message: string } {
  try {
    const answer = JSON.parse(line) as { pid?: number; data?: number; message?: string };
    return {
      pid: answer.pid ?? answer.data ?? -1,
      message: (answer.message ?? 'the runtime failed without a message').trim(),
    };
  } catch {
    return { pid: -1, message: line };
  }
}

/** Tells conmon the size of the terminal; nothing happens where it has ended. */
export function resizeTerminal(folder: string, rows: number, columns: number): void {
  let fd: number;
  try {
    // Non-blocking: opening a pipe that nobody reads would wait for ever.
    fd = openSync(`${folder}/winsz`, constants.O_WRONLY | constants.O_NONBLOCK);
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENXIO')) return;
    throw error;
  }
  try {
    writeSync(fd, `${rows} ${columns}\n`);
  } finally {
    closeSync(fd);
  }
}
