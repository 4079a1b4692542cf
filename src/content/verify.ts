import { createHash } from 'node:crypto';
import { StrataError } from '../errors/index.ts';
import { algorithm, type Digest } from '../oci/index.ts';
import { sweep } from '../sys/index.ts';
import type { ByteStream } from './types.ts';

/** Passes the bytes on and throws `data_loss` at the end (or as soon as there are too many) when they are not `expected`. */
export async function* verified(
  source: ByteStream,
  expected: { readonly digest: Digest; readonly size?: number },
): AsyncGenerator<Uint8Array> {
  const hash = createHash(algorithm(expected.digest));
  let size = 0;
  for await (const chunk of source) {
    sweep(chunk.length);
    size += chunk.length;
    if (expected.size !== undefined && size > expected.size) break;
    hash.update(chunk);
    yield chunk;
  }
  if (expected.size !== undefined && size !== expected.size) {
    throw new StrataError(
      'data_loss',
      `${expected.digest}: ${size > expected.size ? 'more' : 'fewer'} bytes came than the ${expected.size} announced`,
      { code: 'size_mismatch' },
    );
  }
  const got = `${algorithm(expected.digest)}:${hash.digest('hex')}`;
  if (got !== expected.digest) {
    throw new StrataError('data_loss', `the content has digest ${got} where ${expected.digest} was announced`, {
      code: 'digest_mismatch',
    });
  }
}
