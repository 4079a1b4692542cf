import type { Duplex } from 'node:stream';
import { StrataError } from '../../errors/index.ts';
import { createKeyWatch, parseDetachKeys } from '../../stream/index.ts';
import { demultiplex } from '../../wire/index.ts';
import type { Session } from '../session.ts';

export interface JoinOptions {
  /** The process has a terminal: its output is one raw stream. */
  readonly tty: boolean;
  /** Send this process's input. */
  readonly stdin: boolean;
  readonly stdout?: boolean;
  readonly stderr?: boolean;
  /** Empty for the usual ones. */
  readonly detachKeys: string;
}

/**
 * Joins this terminal to a process behind `connection` until that ends, or until the user types the keys to go away.
 * The terminal is raw meanwhile, and as before afterwards.
 */
export async function joinStreams(
  session: Session,
  connection: Duplex,
  options: JoinOptions,
): Promise<'ended' | 'detached'> {
  const keys = parseDetachKeys(options.detachKeys);
  let detached = false;
  const release = options.stdin
    ? feedInput(session, connection, options.tty ? keys : undefined, () => {
        detached = true;
        connection.destroy();
      })
    : () => {};
  try {
    await showOutput(session, connection, options);
  } catch (error) {
    // A daemon that went away ends the stream; what became of the process is asked for elsewhere.
    if (!detached && !isBroken(error)) throw error;
  } finally {
    release();
    connection.destroy();
  }
  return detached ? 'detached' : 'ended';
}

/** As `exec` and `attach` of docker end where the user has typed the keys; `run` and `start` have done what they should. */
export function leftTheStream(): StrataError {
  return new StrataError('cancelled', 'read escape sequence', { code: 'detached', exitCode: 1 });
}

async function showOutput({ stdout, stderr }: Session, connection: Duplex, options: JoinOptions): Promise<void> {
  if (options.tty) {
    for await (const chunk of connection as AsyncIterable<Uint8Array>) {
      stdout.write(chunk);
      await stdout.drained();
    }
    return;
  }
  for await (const { stream, bytes } of demultiplex(connection)) {
    const [output, wanted] = stream === 'stderr' ? [stderr, options.stderr ?? true] : [stdout, options.stdout ?? true];
    if (!wanted) continue;
    output.write(bytes);
    await output.drained();
  }
}

function feedInput(
  { stdin }: Session,
  connection: Duplex,
  keys: Uint8Array | undefined,
  detach: () => void,
): () => void {
  const raw = keys !== undefined && stdin.isTTY === true;
  if (raw) stdin.setRawMode?.(true);
  const watch = keys && createKeyWatch(keys);
  const onData = (chunk: Buffer) => {
    const { pass, detach: leaves } = watch ? watch.feed(chunk) : { pass: chunk, detach: false };
    if (pass.length > 0 && !connection.destroyed && !connection.write(pass)) {
      stdin.pause();
      connection.once('drain', () => stdin.resume());
    }
    if (leaves) detach();
  };
  const onEnd = () => {
    if (!connection.destroyed) connection.end();
  };
  connection.on('error', () => {});
  stdin.on('data', onData);
  stdin.once('end', onEnd);
  return () => {
    stdin.off('data', onData);
    stdin.off('end', onEnd);
    stdin.pause();
    if (raw) stdin.setRawMode?.(false);
    // A pipe that nobody reads any more must not keep the process.
    (stdin as { unref?(): void }).unref?.();
  };
}

function isBroken(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === 'ECONNRESET' || code === 'EPIPE' || code === 'ERR_STREAM_PREMATURE_CLOSE';
}
