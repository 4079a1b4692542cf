import { Readable } from 'node:stream';
import { createGunzip, createZstdDecompress } from 'node:zlib';
import type { ByteStream } from '../content/index.ts';
import type { Compression } from '../oci/index.ts';

/** What the first bytes say: gzip (RFC 1952), zstd (RFC 8878), else nothing. */
export function detectCompression(head: Uint8Array): Compression {
  if (head[0] === 0x1f && head[1] === 0x8b) return 'gzip';
  if (head[0] === 0x28 && head[1] === 0xb5 && head[2] === 0x2f && head[3] === 0xfd) return 'zstd';
  return 'none';
}

/** The first bytes (at least 4, if there are so many) and the whole stream with them put back. */
export async function peek(source: ByteStream): Promise<{ readonly head: Uint8Array; readonly stream: ByteStream }> {
  const iterator = source[Symbol.asyncIterator]();
  const first: Uint8Array[] = [];
  let length = 0;
  while (length < 512) {
    const { value, done } = await iterator.next();
    if (done) break;
    first.push(value);
    length += value.length;
  }
  async function* whole(): AsyncGenerator<Uint8Array> {
    try {
      yield* first;
      for (;;) {
        const { value, done } = await iterator.next();
        if (done) return;
        yield value;
      }
    } finally {
      await iterator.return?.();
    }
  }
  return { head: Buffer.concat(first), stream: whole() };
}

/** The stream, decompressed when its first bytes say that it is compressed. */
export async function plain(source: ByteStream): Promise<ByteStream> {
  const { head, stream } = await peek(source);
  const compression = detectCompression(head);
  if (compression === 'none') return stream;
  const decoder =
    compression === 'gzip' ? createGunzip({ chunkSize: 1 << 18 }) : createZstdDecompress({ chunkSize: 1 << 18 });
  const input = Readable.from(stream, { objectMode: false });
  input.on('error', (error) => decoder.destroy(error));
  return input.pipe(decoder) as unknown as ByteStream;
}
