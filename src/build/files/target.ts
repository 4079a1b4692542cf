import { chmodSync, lchownSync, lstatSync, mkdirSync, readlinkSync, type Stats, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path/posix';
import { StrataError } from '../../errors/index.ts';
import { isErrno, setTimes } from '../../sys/index.ts';
import type { Owner } from './jobs.ts';

/**
 * Where copies go. A target root is an active snapshot, which nobody else sees or changes: what is looked up here
 * stays true, but links in it were made by the image's author and are only ever followed inside the root.
 */

/** The host's path of `path` inside `root`, links followed inside the root; what is missing is taken literally. */
export function pathInRoot(root: string, path: string): string {
  let rest = path.split('/').filter((part) => part !== '' && part !== '.');
  const done: string[] = [];
  for (let links = 0; rest.length > 0; ) {
    const part = rest[0]!;
    rest = rest.slice(1);
    if (part === '..') {
      done.pop();
      continue;
    }
    const target = linkAt(join(root, ...done, part));
    if (target === undefined) {
      done.push(part);
      continue;
    }
    if (++links > 255) throw new StrataError('invalid_argument', `too many links in ${path}`);
    if (target.startsWith('/')) done.length = 0;
    rest = [...target.split('/').filter((piece) => piece !== '' && piece !== '.'), ...rest];
  }
  return join(root, ...done);
}

function linkAt(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch (error) {
    if (isErrno(error, 'EINVAL', 'ENOENT', 'ENOTDIR')) return undefined;
    throw error;
  }
}

export interface FolderLook {
  readonly owner: Owner | undefined;
  readonly mode: number;
  /** Seconds and nanoseconds given to what is made. */
  readonly time: readonly [number, number] | undefined;
}

/** Makes `path` (a host's path below `root`, free of links) and its missing parents; returns those made, outermost first. */
export function makeFolders(root: string, path: string, look: FolderLook): string[] {
  const stat = lstat(path);
  if (stat?.isDirectory()) return [];
  if (stat) throw notAFolder(root, path);
  const made = path === root ? [] : makeFolders(root, dirname(path), look);
  try {
    mkdirSync(path);
  } catch (error) {
    if (isErrno(error, 'ENOTDIR')) throw notAFolder(root, path);
    throw error;
  }
  if (look.owner && (look.owner.uid !== 0 || look.owner.gid !== 0)) lchownSync(path, look.owner.uid, look.owner.gid);
  chmodSync(path, look.mode);
  return [...made, path];
}

function notAFolder(root: string, path: string): StrataError {
  return new StrataError('failed_precondition', `mkdir ${inside(root, path)}: not a directory`, {
    code: 'not_a_directory',
  });
}

/** Gives made folders their time, innermost first: writing into a folder changes its time. */
export function dateFolders(folders: readonly string[], time: FolderLook['time']): void {
  if (time === undefined) return;
  for (const folder of folders.toReversed()) setTimes(folder, ...time);
}

/** How a path is called inside the image. */
export function inside(root: string, path: string): string {
  return path.startsWith(`${root}/`) ? path.slice(root.length) : '/';
}

export function lstat(path: string): Stats | undefined {
  try {
    return lstatSync(path);
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) return undefined;
    throw error;
  }
}

export interface Placed {
  /** Host's path that the selected thing becomes. */
  readonly path: string;
  /** Folders that had to be made. */
  readonly made: readonly string[];
}

/**
 * Decides what `name` becomes at `target`, as BuildKit does: the parents of the target are made; a file (or a folder
 * as a whole) goes into a target that is a folder; the contents of a folder go into the target itself.
 */
export function place(
  root: string,
  target: string,
  source: { readonly name: string; readonly isFolder: boolean },
  contentsOnly: boolean,
  look: FolderLook,
): Placed {
  const slash = target.lastIndexOf('/');
  const last = target.slice(slash + 1);
  const ensured = last === '' || last === '.' ? target : target.slice(0, slash);
  const made = ensured === '' ? [] : makeFolders(root, pathInRoot(root, ensured), look);
  let path = pathInRoot(root, target);
  const there = stat(path);
  const into = source.isFolder ? !contentsOnly && there !== undefined : there?.isDirectory() === true;
  if (into) path = join(path, basename(source.name));
  const folder = contentsOnly && source.isFolder && there === undefined ? path : dirname(path);
  return { path, made: [...made, ...makeFolders(root, path === root ? root : folder, look)] };
}

function stat(path: string): Stats | undefined {
  try {
    return statSync(path);
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) return undefined;
    throw error;
  }
}
