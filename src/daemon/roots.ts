import { accessSync, constants, statfsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { diskFullText, messageOf, StrataError } from '../errors/index.ts';
import { makeFolders } from '../sys/index.ts';

/** Least free bytes that a new engine starts with: its database and its state take this much at once. */
const leastFree = 1024 * 1024;

export interface Root {
  /** `data root`, `state root`: as messages call it. */
  readonly what: string;
  /** The option that chooses another. */
  readonly option: string;
  readonly path: string;
  /** Permission bits where it is made. */
  readonly mode: number;
  /** A store that is there already starts on a full disk, too: removals free it. */
  readonly mayBeFull: boolean;
}

/** Makes the folder unless it is there, and says in plain words why the engine cannot work in it. */
export function prepareRoot(root: Root): void {
  try {
    makeFolders(root.path, root.mode);
    if (!statSync(root.path).isDirectory()) throw new Error('it is not a directory');
    accessSync(root.path, constants.W_OK | constants.X_OK);
  } catch (cause) {
    throw unusable(root, reasonOf(cause), cause);
  }
  if (root.mayBeFull) return;
  const { bavail, bsize } = statfsSync(root.path);
  if (bavail * bsize < leastFree) throw unusable(root, 'no space left on device', undefined);
}

/** Whether an engine has worked there. */
export function isStore(dataRoot: string): boolean {
  return (statSync(join(dataRoot, 'strata.db'), { throwIfNoEntry: false })?.size ?? 0) > 0;
}

/** Whether the space that one frees is the other's, too. `false` where the second is yet to be made. */
export function areOnOneDisk(path: string, other: string): boolean {
  return statSync(path).dev === statSync(other, { throwIfNoEntry: false })?.dev;
}

/** A failure of the engine's start as the user's own words about the disk, where the disk is what failed. */
export function toRootError(error: unknown, root: Root): unknown {
  const full = diskFullText(error);
  return full === undefined ? error : unusable(root, full, error);
}

function reasonOf(error: unknown): string {
  switch ((error as NodeJS.ErrnoException).code) {
    case 'EROFS':
      return 'read-only file system';
    case 'EACCES':
    case 'EPERM':
      return 'permission denied';
    case 'ENOTDIR':
      return 'a part of its path is not a directory';
    case 'ENOENT':
      return 'folders cannot be made there';
  }
  return diskFullText(error) ?? messageOf(error);
}

function unusable({ what, option, path }: Root, reason: string, cause: unknown): StrataError {
  const hint = /space|quota/.test(reason)
    ? `free some space there, or choose another folder with ${option}`
    : `choose another folder with ${option}`;
  return new StrataError('failed_precondition', `cannot use ${path} as the ${what}: ${reason}`, {
    code: 'bad_root',
    hint,
    cause,
  });
}
