import { check, errno, systemError } from './errno.ts';
import { cPath, native } from './libc.ts';
import { chmodSync } from './named-files.ts';

const mknodCall = native('mknod', 'int', ['path', 'uint', 'uint64']);

const fifoType = 0o010000;

/** A device number as Linux writes it (and `stat` gives it): 12 bits of major, 20 bits of minor. */
export function makeDevice(major: number, minor: number): number {
  if (!(major >= 0 && major < 1 << 12 && minor >= 0 && minor < 1 << 20)) {
    throw systemError('mknod', errno.EINVAL, undefined, `device ${major}:${minor}`);
  }
  return ((minor & 0xff) | (major << 8) | ((minor >>> 8) << 20)) >>> 0;
}

/** Takes a device number (`stat.rdev`) apart. */
export function majorMinor(rdev: number | bigint): { readonly major: number; readonly minor: number } {
  const device = Number(rdev);
  return { major: (device >>> 8) & 0xfff, minor: (device & 0xff) | ((device >>> 12) & 0xfff00) };
}

/** Makes a device, fifo or socket node; `mode` with its type bits (S_IFCHR…), exactly, whatever the umask is. */
export function mknod(path: string, mode: number, major: number, minor: number): void {
  check(mknodCall(cPath(path), mode, makeDevice(major, minor)), 'mknod', path);
  chmodSync(path, mode & 0o7777);
}

export function mkfifo(path: string, mode: number): void {
  mknod(path, fifoType | (mode & 0o7777), 0, 0);
}
