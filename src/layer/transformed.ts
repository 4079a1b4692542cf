import type { Duplex, Writable } from 'node:stream';
import { release, releaseBuffer } from '../sys/index.ts';

/**
 * What a stream of zlib's makes of a source. A chunk of the source is done with when the next is asked for; with `lent`, what
 * comes out is only good until then, too.
 */
export async function* transformed(
  source: AsyncIterable<Uint8Array>,
  transform: Duplex,
  { lent = false }: { readonly lent?: boolean } = {},
): AsyncGenerator<Uint8Array, void, undefined> {
  const input = new Pouring(source, transform);
  try {
    let room: ArrayBufferLike | undefined;
    for await (const chunk of transform) {
      yield chunk;
      if (lent) release(chunk);
      room = chunk.buffer;
    }
    // What the last chunk left of its buffer is not used any more.
    if (lent && room) releaseBuffer(room);
  } catch (error) {
    throw input.failure ?? error;
  } finally {
    transform.destroy();
    input.stop();
  }
}

/** Writes a source into a stream, chunk by chunk: each is done with before the next is asked for. */
export class Pouring {
  readonly #source: AsyncIterator<Uint8Array>;
  /** Of the source; the stream is destroyed then. */
  failure: unknown;

  constructor(source: AsyncIterable<Uint8Array>, into: Writable) {
    this.#source = source[Symbol.asyncIterator]();
    this.#pour(into).catch((error) => {
      this.failure = error;
      into.destroy(error);
    });
  }

  /** The source is told that no more is wanted. */
  stop(): void {
    this.#source.return?.().catch(() => {});
  }

  async #pour(into: Writable): Promise<void> {
    for (;;) {
      const { value, done } = await this.#source.next();
      if (done) break;
      // What is wrong with the stream is told by the stream.
      const failed = await new Promise((resolve) => into.write(value, resolve));
      if (failed) return;
    }
    into.end();
  }
}
