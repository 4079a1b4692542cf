import { check, errno, isErrno, systemError } from './errno.ts';
import { nameOf, type SysPath } from './file-name.ts';
import { cPath, lastErrno, native } from './libc.ts';

const listCall = native('llistxattr', 'long', ['path', 'pointer', 'size_t']);
const getCall = native('lgetxattr', 'long', ['path', 'path', 'pointer', 'size_t']);
const setCall = native('lsetxattr', 'int', ['path', 'path', 'pointer', 'size_t', 'int']);
const listOpenCall = native('flistxattr', 'long', ['int', 'pointer', 'size_t']);
const getOpenCall = native('fgetxattr', 'long', ['int', 'path', 'pointer', 'size_t']);
const setOpenCall = native('fsetxattr', 'int', ['int', 'path', 'pointer', 'size_t', 'int']);
const removeCall = native('lremovexattr', 'int', ['path', 'path']);

/** The kernel's bound (XATTR_LIST_MAX, XATTR_SIZE_MAX) for a list of names and for one value. */
const scratch = Buffer.allocUnsafeSlow(65536);

/** Names of the extended attributes of `path` itself; none where the file system has no such thing. */
export function listXattrs(path: SysPath): string[] {
  return names(listCall(cPath(path), scratch, scratch.length), 'llistxattr', path);
}

/** As {@link listXattrs}, of an open file. */
export function listOpenXattrs(fd: number): string[] {
  return names(listOpenCall(fd, scratch, scratch.length), 'flistxattr');
}

function names(length: number, call: string, path?: SysPath): string[] {
  if (length === 0) return [];
  if (length < 0) {
    const code = lastErrno();
    if (code === errno.EOPNOTSUPP || code === errno.ENOTSUP) return [];
    throw systemError(call, code, path);
  }
  return nameOf(scratch.subarray(0, length - 1)).split('\0');
}

/** The value, undefined where there is no such attribute. */
export function getXattr(path: SysPath, name: string): Buffer | undefined {
  return value(getCall(cPath(path), cPath(name), scratch, scratch.length), 'lgetxattr', name, path);
}

/** As {@link getXattr}, of an open file. */
export function getOpenXattr(fd: number, name: string): Buffer | undefined {
  return value(getOpenCall(fd, cPath(name), scratch, scratch.length), 'fgetxattr', name);
}

function value(length: number, call: string, name: string, path?: SysPath): Buffer | undefined {
  if (length >= 0) return Buffer.from(scratch.subarray(0, length));
  const error = systemError(call, lastErrno(), path, name);
  if (isErrno(error, 'ENODATA', 'EOPNOTSUPP', 'ENOTSUP')) return undefined;
  throw error;
}

export function setXattr(path: SysPath, name: string, value: Uint8Array): void {
  check(setCall(cPath(path), cPath(name), value.length === 0 ? null : value, value.length, 0), 'lsetxattr', path);
}

/** As {@link setXattr}, of an open file (not an O_PATH descriptor). */
export function setOpenXattr(fd: number, name: string, value: Uint8Array): void {
  check(setOpenCall(fd, cPath(name), value.length === 0 ? null : value, value.length, 0), 'fsetxattr');
}

/** No error where the attribute is absent. */
export function removeXattr(path: SysPath, name: string): void {
  if (removeCall(cPath(path), cPath(name)) === 0) return;
  const error = systemError('lremovexattr', lastErrno(), path, name);
  if (!isErrno(error, 'ENODATA')) throw error;
}
