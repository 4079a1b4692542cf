import { closeSync, constants } from 'node:fs';
import { StrataError } from '../../errors/index.ts';
import { fdPath, isErrno, O_PATH, openInRoot, readlinkSync } from '../../sys/index.ts';

/** The path of a folder below `root`, in which links are followed and none leads out of it. `where` is for messages. */
export function folderInside(root: string, subdir: string, where: string): string {
  try {
    const fd = openInRoot(root, subdir, O_PATH | constants.O_DIRECTORY);
    try {
      return readlinkSync(fdPath(fd));
    } finally {
      closeSync(fd);
    }
  } catch (error) {
    if (!isErrno(error, 'ENOENT', 'ENOTDIR', 'ELOOP')) throw error;
    const why = isErrno(error, 'ENOTDIR') ? 'is not a directory' : 'not found';
    throw new StrataError('not_found', `failed to lookup subdir: subdir ${subdir} ${why} in the ${where}`, {
      code: 'subdir_not_found',
    });
  }
}
