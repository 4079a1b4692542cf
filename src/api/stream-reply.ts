import { once } from 'node:events';
import type { FastifyReply } from 'fastify';
import { jsonText } from './json-text.ts';
import { errorReply } from './status.ts';

/** An answer that is written piece by piece. Its headers leave with the first piece, so a failure before that is an ordinary error. */
export interface StreamReply {
  /** Aborted when the client goes away before the answer is complete. */
  readonly signal: AbortSignal;
  readonly started: boolean;
  /** Sends the headers now. */
  start(): void;
  /** Resolves when the client can take more. */
  write(chunk: string | Uint8Array): Promise<void>;
  /** As {@link write} for callers that cannot wait: what a slow client has not read is kept, up to `backlogLimit`. */
  post(chunk: string | Uint8Array): void;
  end(): void;
  /** Cuts the connection: what was sent is not the whole answer. */
  abort(): void;
}

/** A client that lets this much pile up is cut off. */
const backlogLimit = 64 * 1024 * 1024;

export function openStream(
  reply: FastifyReply,
  contentType: string,
  headers: Readonly<Record<string, string>> = {},
): StreamReply {
  const raw = reply.raw;
  const aborted = new AbortController();
  const onClose = () => {
    if (!raw.writableFinished) aborted.abort();
  };
  raw.once('close', onClose);
  // The client may have gone while its body was read.
  if (raw.destroyed) onClose();
  const start = () => {
    if (reply.sent || raw.headersSent) return;
    reply.hijack();
    raw.writeHead(200, { 'Content-Type': contentType, ...headers });
    raw.flushHeaders();
  };
  let isOver = false;
  const post = (chunk: string | Uint8Array) => {
    start();
    if (aborted.signal.aborted || isOver) return true;
    if (raw.writableLength > backlogLimit) raw.destroy();
    return raw.write(chunk);
  };
  return {
    signal: aborted.signal,
    get started() {
      return raw.headersSent;
    },
    start,
    async write(chunk) {
      if (!post(chunk)) await once(raw, 'drain', { signal: aborted.signal }).catch(() => {});
    },
    post,
    end() {
      start();
      if (isOver) return;
      isOver = true;
      // The end is the answer: before it, what was done is brought to the disk.
      void settled(reply).then(
        () => raw.end(),
        () => raw.destroy(),
      );
    },
    abort: () => void raw.destroy(),
  };
}

async function settled({ request, server }: FastifyReply): Promise<void> {
  if (request.method !== 'GET') await (server as { settled?: () => Promise<void> }).settled?.();
}

/** Copies `source` out, with backpressure; a client that goes away ends the source. */
export async function pipeOut(stream: StreamReply, source: AsyncIterable<Uint8Array>): Promise<void> {
  try {
    for await (const chunk of source) {
      await stream.write(chunk);
      if (stream.signal.aborted) return;
    }
    stream.end();
  } catch (error) {
    if (!stream.started) throw error;
    // Half an archive must not look like a whole one.
    stream.abort();
  }
}

/** A stream of JSON messages, one a line, as pull, push, load and build answer. */
export interface MessageStream extends StreamReply {
  message(value: unknown): void;
  /** Ends the answer with `errorDetail` once messages were sent; before that the error is thrown for the usual answer. */
  fail(thrown: unknown, detail?: { readonly code?: number }): void;
}

export function openMessages(reply: FastifyReply): MessageStream {
  const stream = openStream(reply, 'application/json');
  return {
    ...stream,
    get started() {
      return stream.started;
    },
    message: (value) => stream.post(`${jsonText(value)}\r\n`),
    fail(thrown, detail = {}) {
      if (!stream.started) throw thrown;
      const { message } = errorReply(thrown);
      stream.post(`${jsonText({ errorDetail: { ...detail, message }, error: message })}\r\n`);
      stream.end();
    },
  };
}
