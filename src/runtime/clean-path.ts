import { posix } from 'node:path';

/** Without `.`, `..` and what ends it in a slash. */
export function cleanPath(path: string): string {
  return posix.normalize(path).replace(/(.)\/$/, '$1');
}
