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
export { errnoText } from './errno-text.ts';
export { allocate, copyData, fsyncDir, link, setTimes, syncFolders, syncfs } from './file.ts';
export type { ByteString, SysPath } from './file-name.ts';
export {
  bytesOf,
  bytesOfName,
  compareNames,
  kernelPath,
  nameOf,
  pathOf,
  percentEncoded,
  quotedName,
  shownName,
  textOf,
} from './file-name.ts';
export type { FinalOptions, NewFolder, ResolveOptions, Root } from './in-root.ts';
export {
  fdPath,
  mkdirInRoot,
  O_PATH,
  openFolderBelow,
  openFolderInRoot,
  openInRoot,
  readFileInRoot,
  resolveInRoot,
  statInRoot,
} from './in-root.ts';
export { makeFolders } from './make-folders.ts';
export { clean, lend, release, releaseBuffer, returnFreedMemory, settle, sweep } from './memory.ts';
export type { MountFlag } from './mount.ts';
export { isMountPoint, makePrivate, mount, unmount } from './mount.ts';
export { withoutMounts } from './mount-namespace.ts';
export type { MountRow } from './mount-table.ts';
export { mountOf, mountsBelow, mountTable } from './mount-table.ts';
export {
  chmodSync,
  createReadStream,
  lchownSync,
  linkSync,
  lstat,
  lstatSync,
  mkdirSync,
  open,
  openSync,
  readdir,
  readdirSync,
  readlink,
  readlinkSync,
  realpathSync,
  rm,
  rmdirSync,
  statSync,
  symlinkSync,
  unlinkSync,
} from './named-files.ts';
export { createNetworkNamespace, removeNetworkNamespace } from './netns.ts';
export { majorMinor, makeDevice, mkfifo, mknod } from './node.ts';
export type { OverlayMount } from './overlay.ts';
export { mountOverlay } from './overlay.ts';
export { makePipe } from './pipe.ts';
export type { SeccompProgram, SeccompRule } from './seccomp.ts';
export { compileSeccomp } from './seccomp.ts';
export type { PacketSocket } from './seqpacket.ts';
export { connectPacketSocket } from './seqpacket.ts';
export type { FileStat } from './stat.ts';
export { statAt } from './stat.ts';
export { startThread } from './thread.ts';
export { treeSize } from './tree-size.ts';
export { getOpenXattr, getXattr, listOpenXattrs, listXattrs, removeXattr, setOpenXattr, setXattr } from './xattr.ts';
