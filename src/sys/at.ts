/** The `*at` family: one entry of an open folder at a time, never through a link at `name`. */
import { check, failure, systemError } from './errno.ts';
import type { SysPath } from './file-name.ts';
import { cPath, lastErrno, native } from './libc.ts';
import { makeDevice } from './node.ts';

const noFollow = 0x100;
const emptyPath = 0x1000;
const closeOnExec = 0x80000;
/** In place of a folder's descriptor: paths are relative to the working directory. */
export const currentFolder = -100;

const openatCall = native('openat', 'int', ['int', 'path', 'int', 'uint']);
const mkdiratCall = native('mkdirat', 'int', ['int', 'path', 'uint']);
const unlinkatCall = native('unlinkat', 'int', ['int', 'path', 'int']);
const linkatCall = native('linkat', 'int', ['int', 'path', 'int', 'path', 'int']);
const symlinkatCall = native('symlinkat', 'int', ['path', 'int', 'path']);
const readlinkatCall = native('readlinkat', 'long', ['int', 'path', 'pointer', 'size_t']);
const fchownatCall = native('fchownat', 'int', ['int', 'path', 'uint', 'uint', 'int']);
const utimensatCall = native('utimensat', 'int', ['int', 'path', 'pointer', 'int']);
const futimensCall = native('futimens', 'int', ['int', 'pointer']);
const mknodatCall = native('mknodat', 'int', ['int', 'path', 'uint', 'uint64']);

/** Opens an entry; the descriptor is close-on-exec. Follows a link at `name` unless `flags` has O_NOFOLLOW. */
export function openat(folder: number, name: SysPath, flags: number, mode = 0): number {
  for (;;) {
    const fd = openatCall(folder, cPath(name), flags | closeOnExec, mode);
    if (fd >= 0) return fd;
    const code = lastErrno();
    if (code !== 4) throw systemError('openat', code, name);
  }
}

export function mkdirat(folder: number, name: SysPath, mode: number): void {
  check(mkdiratCall(folder, cPath(name), mode), 'mkdirat', name);
}

export function unlinkat(folder: number, name: SysPath, options: { readonly folder?: boolean } = {}): void {
  check(unlinkatCall(folder, cPath(name), options.folder ? 0x200 : 0), 'unlinkat', name);
}

/** A hard link; a symbolic link at `from` is linked itself. */
export function linkat(fromFolder: number, from: SysPath, toFolder: number, to: SysPath): void {
  check(linkatCall(fromFolder, cPath(from), toFolder, cPath(to), 0), 'linkat', to);
}

export function symlinkat(target: SysPath, folder: number, name: SysPath): void {
  check(symlinkatCall(cPath(target), folder, cPath(name)), 'symlinkat', name);
}

/** The target's bytes. EINVAL when `name` is not a symbolic link. */
export function readlinkat(folder: number, name: SysPath): Buffer {
  const target = Buffer.allocUnsafe(4096);
  const length = readlinkatCall(folder, cPath(name), target, target.length);
  if (length < 0) throw failure('readlinkat', name);
  return target.subarray(0, length);
}

/** An empty `name` means the descriptor itself. Clears set-id bits and file capabilities, so comes before them. */
export function fchownat(folder: number, name: SysPath, uid: number, gid: number): void {
  const flags = noFollow | (name.length === 0 ? emptyPath : 0);
  check(fchownatCall(folder, cPath(name), uid, gid, flags), 'fchownat', name);
}

const timespecs = new Uint8Array(32);
const timespecView = new DataView(timespecs.buffer);

/** Sets access and modification time, exactly. An empty `name` means the descriptor itself (not an O_PATH one). */
export function utimensat(folder: number, name: SysPath, seconds: number, nanoseconds: number): void {
  const whole = BigInt(seconds);
  timespecView.setBigInt64(0, whole, true);
  timespecView.setUint32(8, nanoseconds, true);
  timespecView.setBigInt64(16, whole, true);
  timespecView.setUint32(24, nanoseconds, true);
  const result =
    name.length === 0 ? futimensCall(folder, timespecs) : utimensatCall(folder, cPath(name), timespecs, noFollow);
  check(result, 'utimensat', name);
}

/** `mode` holds the type bits as well (S_IFCHR…). Permission bits are subject to the process's umask. */
export function mknodat(folder: number, name: SysPath, mode: number, major: number, minor: number): void {
  check(mknodatCall(folder, cPath(name), mode, makeDevice(major, minor)), 'mknodat', name);
}
