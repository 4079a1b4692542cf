import { createReadStream, statSync } from 'node:fs';
import { StrataError } from '../../errors/index.ts';

/** The bytes of a file that a user named. */
export function readInput(path: string): AsyncIterable<Uint8Array> {
  const found = statSync(path, { throwIfNoEntry: false });
  if (!found) {
    throw new StrataError('not_found', `open ${path}: no such file or directory`, { code: 'file_not_found' });
  }
  if (found.isDirectory())
    throw new StrataError('invalid_argument', `read ${path}: is a directory`, { code: 'is_folder' });
  return createReadStream(path, { highWaterMark: 1024 * 1024 });
}
