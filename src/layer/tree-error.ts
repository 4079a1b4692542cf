import { type ErrorKind, StrataError } from '../errors/index.ts';
import { isErrno } from '../sys/index.ts';

/** Turns a failed system call about the entry `path` into the user's words; passes all else through. */
export function treeError(error: unknown, path: string): unknown {
  if (error instanceof StrataError || !isErrno(error) || error.syscall === undefined) return error;
  // openat2 is only called for the entry's folder: it is that which is wrong, or could not be made.
  const about = error.syscall === 'openat2' ? path.slice(0, Math.max(0, path.lastIndexOf('/'))) || path : path;
  if (error.syscall === 'openat2' && (error.code === 'EXDEV' || error.code === 'ELOOP')) {
    const what = error.code === 'EXDEV' ? 'path escapes from parent' : 'too many levels of symbolic links';
    return new StrataError('invalid_argument', `statat ${about}: ${what}`, { code: 'path_escapes', cause: error });
  }
  const text = error.message.replace(/^[A-Z0-9]+: /, '').replace(/, \w+( '.*)?$/s, '');
  const verb = error.syscall === 'openat2' ? 'mkdir' : error.syscall;
  return new StrataError(kindOf(error.code), `${verb} ${about}: ${text}`, {
    code: kindOf(error.code) === 'unavailable' ? 'no_space' : 'extract_failed',
    cause: error,
  });
}

function kindOf(code: string | undefined): ErrorKind {
  if (code === 'ENOSPC' || code === 'EDQUOT') return 'unavailable';
  return code === 'EIO' || code === 'EROFS' || code === 'EMFILE' || code === 'ENFILE' ? 'internal' : 'invalid_argument';
}
