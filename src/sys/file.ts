import { closeSync, constants, fstatSync, fsyncSync, ftruncateSync, openSync, readSync, writeSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { currentFolder, utimensat } from './at.ts';
import { check, errno } from './errno.ts';
import type { SysPath } from './file-name.ts';
import { lastErrno, native } from './libc.ts';
import { linkSync } from './named-files.ts';

const ioctlCall = native('ioctl', 'int', ['int', 'uint64', 'int']);
const lseekCall = native('lseek', 'int64', ['int', 'int64', 'int']);
const copyRangeCall = native('copy_file_range', 'long', ['int', 'pointer', 'int', 'pointer', 'size_t', 'uint']);
const fallocateCall = native('fallocate', 'int', ['int', 'int', 'int64', 'int64']);
const syncfsCall = native('syncfs', 'int', ['int']);

/** Sets access and modification time of `path` itself (a link's own), exactly. Seconds may be negative. */
export function setTimes(path: SysPath, seconds: number, nanoseconds: number): void {
  utimensat(currentFolder, path, seconds, nanoseconds);
}

/** Takes space on the disk for the first `size` bytes of a file; false where the file system cannot. */
export function allocate(fd: number, size: number): boolean {
  const result = fallocateCall(fd, 0, 0, size);
  if (result < 0 && lastErrno() === errno.EOPNOTSUPP) return false;
  check(result, 'fallocate');
  return true;
}

/** A hard link `path` to `existing`, without following a link there. */
export function link(existing: string, path: string): void {
  linkSync(existing, path);
}

/**
 * Copies the first `size` bytes of a file by the cheapest way that works: shared blocks, in the kernel, by hand.
 * Holes stay holes. The target is an empty file; the positions of both descriptors are not used.
 */
export function copyData(source: number, target: number, size: number): void {
  if (size === 0) return;
  const ficlone = 0x40049409;
  if (size >= 4096 && ioctlCall(target, ficlone, source) === 0) {
    if (fstatSync(target).size !== size) ftruncateSync(target, size);
    return;
  }
  const sparse = fstatSync(source).blocks * 512 < size;
  if (!sparse) {
    copyExtent(source, target, 0, size);
    return;
  }
  ftruncateSync(target, size);
  for (let at = 0; at < size; ) {
    const [start, end] = nextExtent(source, at, size);
    if (end > start) copyExtent(source, target, start, end);
    at = end;
  }
}

function nextExtent(fd: number, from: number, size: number): [number, number] {
  const [seekData, seekHole] = [3, 4];
  const start = lseekCall(fd, from, seekData);
  if (start < 0) return lastErrno() === errno.ENXIO ? [size, size] : [from, size];
  const end = lseekCall(fd, start, seekHole);
  return [Math.min(start, size), end < 0 ? size : Math.min(end, size)];
}

function copyExtent(source: number, target: number, start: number, end: number): void {
  const from = Buffer.alloc(8);
  const to = Buffer.alloc(8);
  for (let at = start; at < end; ) {
    from.writeBigInt64LE(BigInt(at));
    to.writeBigInt64LE(BigInt(at));
    const count = copyRangeCall(source, from, target, to, Math.min(end - at, 1 << 30), 0);
    // 0 where there is data to come: a file system that cannot say so (procfs and the like), or a file cut meanwhile.
    if (count <= 0) {
      copyByHand(source, target, at, end);
      return;
    }
    at += count;
  }
}

function copyByHand(source: number, target: number, start: number, end: number): void {
  const buffer = Buffer.allocUnsafe(Math.min(1 << 20, end - start));
  for (let at = start; at < end; ) {
    const count = readSync(source, buffer, 0, Math.min(buffer.length, end - at), at);
    if (count === 0) return;
    for (let done = 0; done < count; ) done += writeSync(target, buffer, done, count - done, at + done);
    at += count;
  }
}

/** Makes the names in a folder durable. */
export function fsyncDir(path: string): void {
  const fd = openSync(path, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

/** The same without holding anybody up, for several folders at once. */
export async function syncFolders(...paths: readonly string[]): Promise<void> {
  await Promise.all(
    paths.map(async (path) => {
      const handle = await open(path, constants.O_RDONLY | constants.O_DIRECTORY);
      try {
        await handle.sync();
      } finally {
        await handle.close();
      }
    }),
  );
}

/** Makes everything written to the file system of `path` durable: cheaper than one fsync for each of many files. */
export function syncfs(path: string): void {
  const fd = openSync(path, constants.O_RDONLY);
  try {
    check(syncfsCall(fd), 'syncfs', path);
  } finally {
    closeSync(fd);
  }
}
