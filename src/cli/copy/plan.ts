import { StrataError } from '../../errors/index.ts';
import { assertsFolder, splitEntry } from './paths.ts';

export interface CopySource {
  readonly path: string;
  readonly isFolder: boolean;
  /** The name that its entries have in the archive, if it is not the last element of the path. */
  readonly entryName?: string;
}

export interface CopyTarget {
  readonly path: string;
  readonly exists: boolean;
  readonly isFolder: boolean;
}

export interface CopyPlan {
  /** Folder in which the archive is unpacked. */
  readonly folder: string;
  /** The first element of every name in the archive becomes another. */
  readonly rename?: { readonly from: string; readonly to: string };
}

/** Where an archive of `source` has to be unpacked so that it ends up at `target`, with the rules of cp(1). */
export function planCopy(source: CopySource, target: CopyTarget): CopyPlan {
  const { folder, base } = splitEntry(target.path);
  const from = source.entryName ?? splitEntry(source.path).base;
  if (target.exists && target.isFolder) return { folder: target.path };
  if (target.exists && source.isFolder) {
    throw new StrataError('invalid_argument', 'cannot copy directory', { code: 'folder_over_file' });
  }
  if (!target.exists && !source.isFolder && assertsFolder(target.path)) {
    throw new StrataError('not_found', 'no such directory', { code: 'no_such_folder' });
  }
  return { folder, rename: { from, to: base } };
}

/** A name in an archive with its first element replaced. */
export function renamed(name: string, rename: CopyPlan['rename']): string {
  if (!rename) return name;
  const { from, to } = rename;
  const bare = name.replace(/^\/+/, '');
  if (from === '.' || from === '/') return `${to}/${bare.replace(/^\.\/?/, '')}`.replace(/\/$/, '');
  if (bare === from || bare.startsWith(`${from}/`)) return to + bare.slice(from.length);
  return name;
}
