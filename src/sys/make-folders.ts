import { mkdirSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { isErrno } from './errno.ts';

/**
 * Makes a folder of the host with its parents (0755), and returns those made, outermost first. Step by step: Node's own
 * `recursive` never ends in /proc, where a folder is not there however often it is made.
 */
export function makeFolders(path: string, mode = 0o755): readonly string[] {
  if (isThere(path)) return [];
  const above = makeFolders(dirname(path));
  try {
    mkdirSync(path, mode);
  } catch (error) {
    if (!isErrno(error, 'EEXIST')) throw error;
    return above;
  }
  return [...above, path];
}

function isThere(path: string): boolean {
  try {
    return statSync(path, { throwIfNoEntry: false }) !== undefined;
  } catch (error) {
    // Making it says which part is no folder.
    if (isErrno(error, 'ENOTDIR')) return false;
    throw error;
  }
}
