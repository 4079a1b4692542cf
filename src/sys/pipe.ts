import { check } from './errno.ts';
import { native } from './libc.ts';

const O_CLOEXEC = 0x80000;
const pipe2 = native('pipe2', 'int', ['pointer', 'int']);

/** The two ends of a pipe: descriptors that the caller closes, and that no program inherits by itself. */
export function makePipe(): { readonly read: number; readonly write: number } {
  const ends = Buffer.alloc(8);
  check(pipe2(ends, O_CLOEXEC), 'pipe2');
  return { read: ends.readInt32LE(0), write: ends.readInt32LE(4) };
}
