import { createReadStream } from 'node:fs';
import { isKind } from '../errors/index.ts';
import { isErrno } from '../sys/index.ts';
import { decompress } from './decompress.ts';
import { TarParser } from './tar-parser.ts';

/**
 * Whether `file` is an archive that ADD extracts: a tar, plain or compressed in any known way, whose first entry can
 * be read. Anything else is a file to copy. Throws `unsupported` when the host lacks the program to look inside.
 */
export async function isArchiveFile(file: string): Promise<boolean> {
  let found = false;
  const parser = new TarParser({
    entry() {
      found = true;
    },
    data() {},
    hole() {},
    end() {},
  });
  const source = createReadStream(file, { highWaterMark: 64 * 1024 });
  try {
    for await (const chunk of decompress(source, 'detect')) {
      for (let at = 0; at < chunk.length && !found; at += 4096) parser.push(chunk.subarray(at, at + 4096));
      if (found || parser.over) return found;
    }
    return found;
  } catch (error) {
    if (isKind(error, 'invalid_argument')) return found;
    if (isErrno(error, 'EISDIR')) return false;
    throw error;
  } finally {
    source.destroy();
  }
}
