import { randomBytes } from 'node:crypto';
import { mkdir, open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { StrataError } from '../errors/index.ts';

/** Most bytes of a build context that is sent over the API. */
export const contextLimit = 64 * 1024 ** 3;

/** Writes `source` to a fresh file that only this user can read; nothing is left behind after a failure. */
export async function spool(
  source: AsyncIterable<Uint8Array>,
  dir: string,
  limit: number = contextLimit,
): Promise<{ path: string; size: number }> {
  await mkdir(dir, { recursive: true, mode: 0o700 });
  const path = join(dir, `context-${randomBytes(12).toString('hex')}`);
  const file = await open(path, 'wx', 0o600);
  try {
    let size = 0;
    for await (const chunk of source) {
      size += chunk.length;
      if (size > limit)
        throw new StrataError('invalid_argument', `the build context is larger than ${limit} bytes`, {
          code: 'body_too_large',
        });
      // `write` may write less than it was given, on a disk that is nearly full.
      await file.writeFile(chunk);
    }
    return { path, size };
  } catch (error) {
    await rm(path, { force: true });
    throw error;
  } finally {
    await file.close();
  }
}
