import { closeSync, openSync, readSync } from 'node:fs';
import { StrataError } from '../errors/index.ts';

const blockBytes = 1 << 20;

/**
 * The bytes of a file that nobody changes, read by the thread that works with them, each block good until the next is asked
 * for. `data_loss` where the file ends before `size` bytes.
 */
export async function* readSource(
  { file, size }: { readonly file: string; readonly size: number },
  tell: (bytes: number) => void,
): AsyncGenerator<Uint8Array, void, undefined> {
  const fd = openSync(file, 'r');
  try {
    const block = Buffer.allocUnsafeSlow(Math.min(blockBytes, size));
    for (let left = size; left > 0; ) {
      const count = readSync(fd, block, 0, Math.min(block.length, left), null);
      if (count === 0)
        throw new StrataError('data_loss', `${file} ends ${left} bytes too early`, { code: 'size_mismatch' });
      left -= count;
      tell(count);
      yield block.subarray(0, count);
    }
  } finally {
    closeSync(fd);
  }
}
