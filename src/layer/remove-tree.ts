import { closeSync, constants, readdirSync } from 'node:fs';
import { type ByteString, fdPath, isErrno, openat, pathOf, statAt, unlinkat } from '../sys/index.ts';
import { fileType } from './file-type.ts';

/** Removes an entry of an open folder with all that is in it, never following a link; returns the bytes of content. */
export function removeTree(folder: number, name: ByteString): number {
  const { mode, size, nlink } = statAt(folder, pathOf(name));
  try {
    unlinkat(folder, pathOf(name));
    const hasContent = fileType(mode) === 'file' || fileType(mode) === 'symlink';
    return hasContent && nlink === 1 ? size : 0;
  } catch (error) {
    if (!isErrno(error, 'EISDIR', 'EPERM')) throw error;
  }
  const fd = openat(folder, pathOf(name), constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
  let content = 0;
  try {
    for (const child of readdirSync(fdPath(fd), { encoding: 'latin1' })) content += removeTree(fd, child);
  } finally {
    closeSync(fd);
  }
  unlinkat(folder, pathOf(name), { folder: true });
  return content;
}
