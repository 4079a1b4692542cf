/** System calls that Node lacks, and nothing else. Synchronous; failures are Node-like errors with a `code`. */
export {
  currentFolder,
  fchownat,
  linkat,
  mkdirat,
  mknodat,
  openat,
  readlinkat,
  symlinkat,
  unlinkat,
  utimensat,
} from './at.ts';
export { isErrno, systemError } from './errno.ts';
export { copyData, fsyncDir, link, setPipeSize, setTimes, syncfs } from './file.ts';
export type { FinalOptions, NewFolder, ResolveOptions, Root } from './in-root.ts';
export {
  fdPath,
  mkdirInRoot,
  O_CLOEXEC,
  O_PATH,
  openFolderInRoot,
  openInRoot,
  readFileInRoot,
  resolveInRoot,
  statInRoot,
} from './in-root.ts';
export type { SysPath } from './libc.ts';
export type { MountFlag } from './mount.ts';
export { isMountPoint, makePrivate, mount, unmount } from './mount.ts';
export { majorMinor, makeDevice, mkfifo, mknod } from './node.ts';
export type { OverlayMount } from './overlay.ts';
export { mountOverlay } from './overlay.ts';
export { getXattr, listXattrs, removeXattr, setXattr } from './xattr.ts';
