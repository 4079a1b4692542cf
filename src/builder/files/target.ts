import { basename, dirname } from 'node:path/posix';
import { StrataError } from '../../errors/index.ts';
import { chmodSync, lchownSync, mkdirSync, setTimes } from '../../sys/index.ts';
import type { Owner } from './jobs.ts';
import type { TargetView } from './target-view.ts';

export interface FolderLook {
  readonly owner: Owner | undefined;
  readonly mode: number;
  /** Seconds and nanoseconds given to what is made. */
  readonly time: readonly [number, number] | undefined;
}

/** Makes the folder `path` and its missing parents; returns those made, outermost first. */
export function makeFolders(view: TargetView, path: string, look: FolderLook): string[] {
  const stat = view.lstat(path);
  if (stat?.isDirectory()) return [];
  if (stat) throw notAFolder(path);
  const parent = dirname(path);
  const made = makeFolders(view, parent, look);
  view.bringUp(parent);
  const host = view.at(path);
  mkdirSync(host, 0o700);
  if (look.owner && (look.owner.uid !== 0 || look.owner.gid !== 0)) lchownSync(host, look.owner.uid, look.owner.gid);
  chmodSync(host, look.mode);
  view.touched(parent);
  return [...made, path];
}

function notAFolder(path: string): StrataError {
  return new StrataError('failed_precondition', `mkdir ${path}: not a directory`, { code: 'not_a_directory' });
}

/** Gives made folders their time, innermost first: writing into a folder changes its time. */
export function dateFolders(view: TargetView, folders: readonly string[], time: FolderLook['time']): void {
  if (time === undefined) return;
  for (const folder of folders.toReversed()) setTimes(view.at(folder), ...time);
}

export interface Placed {
  /** What the selected thing becomes, inside the image. */
  readonly path: string;
  /** Folders that had to be made. */
  readonly made: readonly string[];
}

/**
 * Decides what `name` becomes at `target`, as BuildKit does: the parents of the target are made; a file (or a folder
 * as a whole) goes into a target that is a folder; the contents of a folder go into the target itself.
 */
export function place(
  view: TargetView,
  target: string,
  source: { readonly name: string; readonly isFolder: boolean },
  contentsOnly: boolean,
  look: FolderLook,
): Placed {
  const slash = target.lastIndexOf('/');
  const last = target.slice(slash + 1);
  const ensured = last === '' || last === '.' ? target : target.slice(0, slash);
  const made = makeFolders(view, view.resolve(ensured), look);
  let path = view.resolve(target);
  const there = view.lstat(path);
  const into = source.isFolder ? !contentsOnly && there !== undefined : there?.isDirectory() === true;
  if (into) path = `${path === '/' ? '' : path}/${basename(source.name)}`;
  const folder = contentsOnly && source.isFolder && there === undefined ? path : dirname(path);
  return { path, made: [...made, ...makeFolders(view, folder, look)] };
}
