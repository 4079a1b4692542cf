import { closeSync, constants } from 'node:fs';
import { StrataError } from '../../errors/index.ts';
import {
  compareNames,
  fdPath,
  isErrno,
  lstatSync,
  O_PATH,
  openInRoot,
  quotedName,
  readdirSync,
  readlinkSync,
} from '../../sys/index.ts';
import type { SourceTree } from './jobs.ts';
import { createPathFilter, type PathFilter } from './path-filter.ts';

const { O_DIRECTORY, O_NOFOLLOW, O_RDONLY } = constants;

/**
 * A tree to copy from, seen through its .dockerignore: what is ignored is not there, not even for a link that points
 * at it. Folders are opened beneath the root without following links, so that a component which is swapped for a link
 * meanwhile leads nowhere.
 */
export class Tree {
  readonly rootFd: number;
  readonly resetOwner: boolean;
  readonly #filter: PathFilter | undefined;

  constructor(source: SourceTree) {
    this.rootFd = openInRoot(source.root, '/', O_PATH | O_DIRECTORY);
    this.resetOwner = source.resetOwner;
    this.#filter = source.ignore === undefined ? undefined : createPathFilter(source.ignore);
  }

  close(): void {
    closeSync(this.rootFd);
  }

  /** Whether `path` (relative, no leading slash) itself is hidden; what is below it may not be. */
  hides(path: string): boolean {
    return path !== '' && (this.#filter?.hides(path) ?? false);
  }

  /** The pattern that hides `path` although it is there. */
  hiddenBy(path: string): string | undefined {
    const relative = parts(path).join('/');
    return this.hides(relative) && this.#lstat(relative) ? this.#filter?.decidedBy(relative) : undefined;
  }

  /** Whether nothing below the hidden folder `path` can be visible. */
  hidesAllBelow(path: string): boolean {
    return this.#filter?.hidesAllBelow(path) ?? false;
  }

  openFolder(path: string): number {
    return openInRoot(this.rootFd, path === '' ? '/' : path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0, {
      noSymlinks: true,
    });
  }

  /** The path that `path` leads to, relative to the root and free of links; undefined when it is not there. */
  resolve(path: string, follow: boolean): string | undefined {
    let rest = parts(path);
    const done: string[] = [];
    for (let links = 0; rest.length > 0; ) {
      const part = rest[0]!;
      rest = rest.slice(1);
      if (part === '..') {
        done.pop();
        continue;
      }
      const here = [...done, part].join('/');
      const stat = this.#lstat(here);
      if (!stat || !this.#isVisible(here, stat.isDirectory())) return undefined;
      if (stat.isSymbolicLink() && (follow || rest.length > 0)) {
        if (++links > 255) return undefined;
        const target = readlinkSync(`${fdPath(this.rootFd)}/${here}`);
        if (target.startsWith('/')) done.length = 0;
        rest = [...parts(target), ...rest];
      } else {
        if (rest.length > 0 && !stat.isDirectory()) return undefined;
        done.push(part);
      }
    }
    return done.join('/');
  }

  #lstat(path: string) {
    try {
      return lstatSync(`${fdPath(this.rootFd)}/${path}`);
    } catch (error) {
      if (isErrno(error, 'ENOENT', 'ENOTDIR')) return undefined;
      throw error;
    }
  }

  /** A hidden folder is there all the same when something below it is not hidden. */
  #isVisible(path: string, isFolder: boolean): boolean {
    if (!this.hides(path)) return true;
    return isFolder && !this.hidesAllBelow(path) && this.#holdsVisible(path);
  }

  #holdsVisible(path: string): boolean {
    const fd = this.openFolder(path);
    try {
      for (const entry of readdirSync(fdPath(fd), { withFileTypes: true })) {
        const child = `${path}/${entry.name}`;
        if (this.#isVisible(child, entry.isDirectory())) return true;
      }
      return false;
    } finally {
      closeSync(fd);
    }
  }

  /** The visible names in a folder, in byte order. */
  list(path: string, fd: number): { readonly name: string; readonly isFolder: boolean; readonly hidden: boolean }[] {
    const out: { name: string; isFolder: boolean; hidden: boolean }[] = [];
    for (const entry of readdirSync(fdPath(fd), { withFileTypes: true })) {
      const isFolder = entry.isDirectory();
      const child = path === '' ? entry.name : `${path}/${entry.name}`;
      const hidden = this.hides(child);
      if (hidden && (!isFolder || this.hidesAllBelow(child))) continue;
      out.push({ name: entry.name, isFolder, hidden });
    }
    return out.sort((a, b) => compareNames(a.name, b.name));
  }
}

function parts(path: string): string[] {
  return path.split('/').filter((part) => part !== '' && part !== '.');
}

export function missing(path: string): StrataError {
  return new StrataError('not_found', `${quotedName(path)}: not found`, { code: 'source_not_found' });
}
