import { spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import type { Readable, Writable } from 'node:stream';
import { StrataError } from '../errors/index.ts';
import { hostEnvironment, type RuntimeFacts } from './runtime.ts';

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
}

/**
 * Starts conmon, which creates the container (or runs the exec) and stays with it. Resolves with the pid of the process;
 * rejects with the runtime's own words when there is none.
 */
export async function startConmon(facts: RuntimeFacts, options: ConmonOptions): Promise<number> {
  if (!facts.conmon)
    throw new StrataError('failed_precondition', 'conmon is not installed', {
      code: 'missing_program',
      hint: 'apt-get install conmon',
    });
  const args = [
    '-c',
    options.id,
    '-u',
    options.uuid,
    '-n',
    options.name,
    '-r',
    facts.program,
    '-b',
    options.folder,
    '-p',
    `${options.folder}/pid`,
    '--conmon-pidfile',
    `${options.folder}/conmon.pid`,
    '--exit-dir',
    options.exitDir,
    '--persist-dir',
    options.folder,
    '-l',
    `k8s-file:${options.logPath}`,
    '--full-attach',
    '--log-level',
    'error',
    '--no-sync-log',
    ...(options.logSizeMax === undefined ? [] : ['--log-size-max', String(options.logSizeMax)]),
    ...(options.tty ? ['-t'] : []),
    ...(options.stdin ? ['-i'] : []),
    ...(options.leaveStdinOpen ? ['--leave-stdin-open'] : []),
    ...(options.execSpec === undefined
      ? []
      : ['--api-version', '1', '--exec', '--exec-process-spec', options.execSpec]),
  ];
  const nothing = openSync('/dev/null', 'r+');
  const child = spawn(facts.conmon, args, {
    stdio: [nothing, nothing, nothing, 'pipe', 'pipe'],
    env: { ...hostEnvironment, _OCI_SYNCPIPE: '3', _OCI_STARTPIPE: '4' } as NodeJS.ProcessEnv,
    cwd: options.folder,
    detached: true,
  });
  closeSync(nothing);
  const sync = child.stdio[3] as Readable;
  const start = child.stdio[4] as unknown as Writable;
  start.on('error', () => {});
  start.end('\0');
  child.unref();
  return await new Promise((resolve, reject) => {
    let said = '';
    child.once('error', (cause) =>
      reject(new StrataError('failed_precondition', `cannot run ${facts.conmon}: ${cause.message}`, { cause })),
    );
    sync.setEncoding('utf8');
    sync.on('data', (text: string) => {
      said += text;
      const line = said.indexOf('\n');
      if (line < 0) return;
      sync.destroy();
      const answer = parseAnswer(said.slice(0, line));
      if (answer.pid > 0 || (options.execSpec !== undefined && answer.pid === 0)) resolve(answer.pid);
      else reject(new StrataError('internal', answer.message, { code: 'runtime_failed' }));
    });
    sync.on('end', () =>
      reject(
        new StrataError('internal', `conmon ended without an answer${said ? `: ${said}` : ''}`, {
          code: 'runtime_failed',
        }),
      ),
    );
  });
}

function parseAnswer(line: string): { readonly pid: number; readonly message: string } {
  try {
    const answer = JSON.parse(line) as { pid?: number; data?: number; exit_code?: number; message?: string };
    return {
      pid: answer.pid ?? answer.data ?? -1,
      message: (answer.message ?? 'the runtime failed without a message').trim(),
    };
  } catch {
    return { pid: -1, message: line };
  }
}
