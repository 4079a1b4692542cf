import { StrataError } from '../errors/index.ts';

/** A whole body of at most `limit` bytes; `data_loss` for a longer one. */
export async function readBody(body: AsyncIterable<Uint8Array>, limit: number, what: string): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of body) {
    size += chunk.length;
    if (size > limit) {
      throw new StrataError('data_loss', `${what} is larger than ${limit} bytes`, { code: 'body_too_large' });
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, size);
}

/** The first `limit` bytes of a body; the rest is not read. */
export async function readStart(body: AsyncIterable<Uint8Array>, limit: number): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  try {
    for await (const chunk of body) {
      chunks.push(chunk);
      size += chunk.length;
      if (size >= limit) break;
    }
  } catch {
    // What came is all that there is to show.
  }
  return Buffer.concat(chunks, size).subarray(0, limit);
}
