import { setTimeout as sleep } from 'node:timers/promises';
import { connectPacketSocket, isErrno, type PacketSocket } from '../../sys/index.ts';
import type { Attachment, LogChunk } from '../types.ts';
import { followBatches } from './log-file.ts';

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
  const input = options.stdin ? createInput(options) : undefined;

  async function* output(): AsyncGenerator<LogChunk> {
    const { from, ended, onWake } = options;
    try {
      for await (const batch of followBatches(options.logPath, { from, ended, onWake, signal }))
        yield* merged(batch.filter(isWanted), options.tty);
    } finally {
      input?.close();
    }
  }

  const isWanted = ({ stream }: LogChunk) => (stream === 'stdout' || options.tty ? options.stdout : options.stderr);

  return {
    output: output(),
    write: async (data) => await input?.write(data),
    closeInput: async () => await (options.tty ? input?.write(endOfTyping) : input?.end()),
    detach() {
      stop.abort();
      input?.close();
    },
  };
}

/** A terminal has no end; this key says it to who reads lines: once for the line that was begun, once for nothing. */
const endOfTyping = Buffer.from('\x04\x04');

const mostMerged = 64 * 1024;

/** Neighbours of one stream become one chunk: a client wants bytes, and every chunk costs it a frame. */
function merged(chunks: readonly LogChunk[], tty: boolean): readonly LogChunk[] {
  const out: LogChunk[] = [];
  let parts: Uint8Array[] = [];
  let size = 0;
  const flush = (first: LogChunk | undefined) => {
    if (first) out.push({ ...first, stream: tty ? 'stdout' : first.stream, data: Buffer.concat(parts) });
    parts = [];
    size = 0;
  };
  let first: LogChunk | undefined;
  for (const chunk of chunks) {
    if (first && (first.stream !== chunk.stream || size >= mostMerged)) {
      flush(first);
      first = undefined;
    }
    first ??= chunk;
    parts.push(chunk.data);
    size += chunk.data.length;
  }
  flush(first);
  return out;
}

interface Input {
  write(data: Uint8Array): Promise<void>;
  /** After all that was written: the process sees the end of its input. */
  end(): Promise<void>;
  close(): void;
}

function createInput({ socket: path, started }: AttachmentOptions): Input {
  let connecting: Promise<PacketSocket | undefined> | undefined;
  let last: Promise<unknown> = Promise.resolve();

  function connect(): Promise<PacketSocket | undefined> {
    connecting ??= started().then(() => {
      try {
        return connectPacketSocket(path);
      } catch (error) {
        // The process has ended already: its input goes nowhere, as into a closed pipe.
        if (isErrno(error, 'ENOENT', 'ECONNREFUSED')) return undefined;
        throw error;
      }
    });
    return connecting;
  }

  function inOrder(work: (socket: PacketSocket) => Promise<void> | void): Promise<void> {
    const next = last.then(async () => {
      const socket = await connect();
      if (socket) await work(socket);
    });
    last = next.catch(() => undefined);
    return next.catch((error: unknown) => {
      if (!isErrno(error, 'EPIPE', 'ECONNRESET', 'ENOTCONN')) throw error;
    });
  }

  return {
    write: (data) => inOrder((socket) => socket.send(data)),
    end: () =>
      inOrder((socket) => {
        socket.end();
        socket.close();
      }),
    close() {
      // What was sent before the end gets through, also to a process that is yet to start; one that does not read it in
      // time gets no more.
      const inTime = connecting?.then(() => sleep(1000, undefined, { ref: false }));
      void Promise.race([last, inTime])
        .then(async () => (await connecting)?.close())
        .catch(() => undefined);
    },
  };
}
