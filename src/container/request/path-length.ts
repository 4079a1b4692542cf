import { StrataError } from '../../errors/index.ts';

/** Bytes (limits.h): of one name, and of a path with what ends it. */
const longestName = 255;
const longestPath = 4096;

/** `invalid_argument` for a path below `root` that no file system takes. */
export function checkPathLength(root: string, path: string): void {
  const tooLong = path.split('/').some((name) => Buffer.byteLength(name) > longestName);
  const whole = `${root}/${path.replace(/^\/+/, '')}`;
  if (tooLong || Buffer.byteLength(whole) >= longestPath)
    throw new StrataError('invalid_argument', `lstat ${whole}: file name too long`, { code: 'name_too_long' });
}
