import type { Readable } from 'node:stream';
import { shownName } from '../sys/index.ts';

/** What a command sees of the process that it runs in; tests hand in their own. */
export interface Session {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  readonly stdin: Readable & { readonly isTTY?: boolean; setRawMode?(raw: boolean): unknown };
  readonly stdout: Output;
  readonly stderr: Output;
  /** What was given to `--host`, and to `--context`. */
  readonly hosts?: readonly string[];
  readonly context?: string;
  readonly configDir: string;
  readonly debug: boolean;
  /** When the command was called, in milliseconds: before its program was loaded. */
  readonly calledAt: number;
  /** Set where the daemon runs the command for a caller ({@link serveCommands}). */
  readonly resident?: {
    /** Aborted when the caller is gone. */
    readonly gone: AbortSignal;
    /** Where the daemon itself listens. */
    readonly socket: string;
  };
  /** Calls the listener at each such signal to the command's process until the returned function is called. */
  readonly onSignal: (signal: NodeJS.Signals, listener: () => void) => () => void;
  /** Ends the command's process at once. */
  readonly exit: (code: number) => void;
}

/** In place of an exit code: nothing was done, since the command needs a process of its own. */
export const processNeeded = -1;

export interface Output {
  readonly isTTY: boolean;
  /** Columns and rows of the terminal; undefined where it is none. */
  readonly columns: number | undefined;
  readonly rows: number | undefined;
  write(data: string | Uint8Array): void;
  /** Resolves when what was written can be followed by more without piling up. */
  drained(): Promise<void>;
  onResize(listener: () => void): () => void;
}

export function outputOf(stream: NodeJS.WriteStream): Output {
  let waiting: Promise<void> | undefined;
  // A reader that has seen enough (`| head`) is no failure, and there is nobody left to tell anything.
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(141);
    // Output that could not be written must not look like success.
    process.stderr.write(`write ${stream === process.stdout ? '/dev/stdout' : '/dev/stderr'}: ${reasonOf(error)}\n`);
    process.exit(1);
  });
  return {
    isTTY: stream.isTTY ?? false,
    get columns() {
      return stream.isTTY ? stream.columns : undefined;
    },
    get rows() {
      return stream.isTTY ? stream.rows : undefined;
    },
    write(data) {
      // A name of a file may hold bytes that are no text.
      if (stream.write(typeof data === 'string' ? shownName(data) : data) || waiting) return;
      waiting = new Promise((resolve) =>
        stream.once('drain', () => {
          waiting = undefined;
          resolve();
        }),
      );
    },
    async drained() {
      await waiting;
    },
    onResize(listener) {
      stream.on('resize', listener);
      return () => stream.off('resize', listener);
    },
  };
}

function reasonOf(error: NodeJS.ErrnoException): string {
  return error.code === 'ENOSPC' ? 'no space left on device' : error.message;
}
