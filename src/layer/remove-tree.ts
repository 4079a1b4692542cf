import { closeSync, constants, readdirSync } from 'node:fs';
import { type ByteString, fdPath, isErrno, openat, pathOf, unlinkat } from '../sys/index.ts';

/** Removes an entry of an open folder with all that is in it, never following a link. */
export function removeTree(folder: number, name: ByteString): void {
  try {
    unlinkat(folder, pathOf(name));
    return;
  } catch (error) {
    if (!isErrno(error, 'EISDIR', 'EPERM')) throw error;
  }
  const fd = openat(folder, pathOf(name), constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
  try {
    for (const child of readdirSync(fdPath(fd), { encoding: 'latin1' })) removeTree(fd, child);
  } finally {
    closeSync(fd);
  }
  unlinkat(folder, pathOf(name), { folder: true });
}
