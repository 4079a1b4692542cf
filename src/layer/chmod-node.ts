import { chmodSync, closeSync, constants } from 'node:fs';
import { type ByteString, fdPath, O_PATH, openat, pathOf } from '../sys/index.ts';

/** chmod of an entry of an open folder that may be a device or fifo, not opening it and not following a link. */
export function chmodNode(folder: number, name: ByteString, mode: number): void {
  const fd = openat(folder, pathOf(name), O_PATH | constants.O_NOFOLLOW);
  try {
    chmodSync(fdPath(fd), mode);
  } finally {
    closeSync(fd);
  }
}
