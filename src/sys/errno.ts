import { constants } from 'node:os';
import { getSystemErrorMap } from 'node:util';
import { nameOf, type SysPath } from './file-name.ts';
import { lastErrno } from './libc.ts';

/** Numbers of the errors that callers here tell apart. */
export const errno = constants.errno;

/** A failed system call, shaped as Node's own: `code` (`ENOENT`), `errno` (negative), `syscall`, `path`. */
export function systemError(syscall: string, number: number, path?: SysPath, detail?: string): NodeJS.ErrnoException {
  const [code, text] = getSystemErrorMap().get(-number) ?? [codeOf(number), `error ${number}`];
  const shown = path === undefined ? undefined : typeof path === 'string' ? path : nameOf(path);
  const at = shown === undefined ? '' : ` '${shown}'`;
  const error: NodeJS.ErrnoException = new Error(`${code}: ${text}, ${syscall}${at}${detail ? ` (${detail})` : ''}`);
  error.code = code;
  error.errno = -number;
  error.syscall = syscall;
  if (shown !== undefined) error.path = shown;
  return error;
}

function codeOf(number: number): string {
  return Object.entries(errno).find(([, value]) => value === number)?.[0] ?? `E${number}`;
}

/** The error of the call just made. */
export function failure(syscall: string, path?: SysPath, detail?: string): NodeJS.ErrnoException {
  return systemError(syscall, lastErrno(), path, detail);
}

/** Passes a result through, or throws when it says failure (negative). */
export function check(result: number, syscall: string, path?: SysPath): number {
  if (result < 0) throw failure(syscall, path);
  return result;
}

/** Whether `error` is a failed system call, with one of these codes where any are given. */
export function isErrno(error: unknown, ...codes: readonly string[]): error is NodeJS.ErrnoException {
  if (!(error instanceof Error && 'code' in error && typeof error.code === 'string')) return false;
  return codes.length === 0 ? 'syscall' in error : codes.includes(error.code);
}
