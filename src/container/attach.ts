import { connectPacketSocket, isErrno, type PacketSocket } from '../sys/index.ts';
import { followLog } from './log-file.ts';
import type { Attachment, LogChunk } from './types.ts';

export type Attached = Attachment;

export interface AttachmentOptions {
  readonly logPath: string;
  /** Position in the log to begin at. */
  readonly from: number;
  readonly tty: boolean;
  readonly stdin: boolean;
  readonly stdout: boolean;
  readonly stderr: boolean;
  /** conmon's socket; it is there once the process was started. */
  readonly socket: string;
  readonly ended: () => boolean;
  /** Resolves when the process runs (or never will). */
  readonly started: () => Promise<unknown>;
  readonly onWake: (wake: () => void) => () => void;
  readonly signal?: AbortSignal;
}

/** Output from the log, input through conmon's socket. */
export function createAttachment(options: AttachmentOptions): Attachment {
  const stop = new AbortController();
  const signal = options.signal ? AbortSignal.any([options.signal, stop.signal]) : stop.signal;
  let input: Promise<PacketSocket | undefined> | undefined;

  function connect(): Promise<PacketSocket | undefined> {
    input ??= options.started().then(() => {
      try {
        return connectPacketSocket(options.socket);
      } catch (error) {
        // The process has ended already: its input goes nowhere, as into a closed pipe.
        if (isErrno(error, 'ENOENT', 'ECONNREFUSED')) return undefined;
        throw error;
      }
    });
    return input;
  }

  async function* output(): AsyncGenerator<LogChunk> {
    try {
      for await (const chunk of followLog(options.logPath, {
        from: options.from,
        ended: options.ended,
        onWake: options.onWake,
        signal,
      })) {
        const stream = options.tty ? 'stdout' : chunk.stream;
        if (stream === 'stdout' ? options.stdout : options.stderr) yield { ...chunk, stream };
      }
    } finally {
      void input?.then((socket) => socket?.close());
    }
  }

  let writing: Promise<unknown> = Promise.resolve();
  const inOrder = (work: (socket: PacketSocket) => Promise<void> | void): Promise<void> => {
    if (!options.stdin) return Promise.resolve();
    const next = writing.then(async () => {
      const socket = await connect();
      if (socket) await work(socket);
    });
    writing = next.catch(() => undefined);
    return next.catch((error: unknown) => {
      if (!isErrno(error, 'EPIPE', 'ECONNRESET', 'ENOTCONN')) throw error;
    });
  };

  return {
    output: output(),
    write: (data) => inOrder((socket) => socket.send(data)),
    closeInput: () =>
      inOrder((socket) => {
        socket.end();
        socket.close();
      }),
    detach: () => stop.abort(),
  };
}
