import { type BigIntStats, closeSync } from 'node:fs';
import { parseChmod } from '../../dockerfile/index.ts';
import { compareNames, fdPath, getXattr, isErrno, listXattrs, lstatSync, readlinkSync } from '../../sys/index.ts';
import type { CopyLook, Selection } from './jobs.ts';
import { createPatterns, type PathFilter } from './path-filter.ts';
import type { Tree } from './tree.ts';

/** One thing to copy. */
export interface Entry {
  /** Relative to what was selected; empty for that itself. */
  readonly path: string;
  readonly name: string;
  /** Where this process reads it; good only while the sink is being called. */
  readonly at: string;
  readonly stat: BigIntStats;
  readonly type: 'file' | 'folder' | 'link' | 'special';
  /** As the copy will have them. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly link?: string;
  readonly xattrs: readonly (readonly [string, Buffer])[];
}

/** Receives what is selected, folders before what is in them, names in byte order. */
export interface Sink {
  /** Returns what is called after the folder's entries; `partial`: only some of its entries are wanted. */
  folder(entry: Entry, partial: boolean): () => void;
  other(entry: Entry): void;
}

export interface Steps {
  /** Called for each entry; throws to stop. */
  readonly tick: () => void;
}

/** Tells `sink` about `start` (a path of the tree without links on the way) and all that is below it. */
export function walk(tree: Tree, start: string, selection: Selection, look: CopyLook, sink: Sink, steps: Steps): void {
  const only = selection.include?.length ? createPatterns(selection.include) : undefined;
  const without = selection.exclude?.length ? createPatterns(selection.exclude) : undefined;
  const slash = start.lastIndexOf('/');
  const parent = tree.openFolder(slash < 0 ? '' : start.slice(0, slash));
  try {
    const name = start === '' ? '' : start.slice(slash + 1);
    const at = start === '' ? `${fdPath(tree.rootFd)}/` : `${fdPath(parent)}/${name}`;
    const entry = readEntry(at, '', name, tree, look);
    if (entry.type === 'folder') new Walker(tree, start, look, sink, steps, only, without).root(entry);
    else sink.other(entry);
  } finally {
    closeSync(parent);
  }
}

class Walker {
  readonly #tree: Tree;
  readonly #start: string;
  readonly #look: CopyLook;
  readonly #sink: Sink;
  readonly #steps: Steps;
  readonly #only: PathFilter | undefined;
  readonly #without: PathFilter | undefined;
  /** Folders that are made only when something in them is wanted, outermost first. */
  readonly #pending: { readonly entry: Entry; done: (() => void) | undefined }[] = [];

  constructor(
    tree: Tree,
    start: string,
    look: CopyLook,
    sink: Sink,
    steps: Steps,
    only: PathFilter | undefined,
    without: PathFilter | undefined,
  ) {
    this.#tree = tree;
    this.#start = start;
    this.#look = look;
    this.#sink = sink;
    this.#steps = steps;
    this.#only = only;
    this.#without = without;
  }

  root(entry: Entry): void {
    const partial = this.#only !== undefined;
    const done = this.#sink.folder(entry, partial);
    this.#inside('', this.#only === undefined);
    done();
  }

  /** `included`: a folder above matched the include patterns, so that everything here does. */
  #inside(path: string, included: boolean): void {
    const full = this.#join(path);
    const fd = this.#tree.openFolder(full);
    try {
      for (const { name, isFolder, hidden } of this.#tree.list(full, fd)) {
        this.#steps.tick();
        const child = path === '' ? name : `${path}/${name}`;
        const matched = included || (this.#only?.hides(child) ?? true);
        const wanted = !hidden && matched && !this.#without?.hides(child);
        if (!wanted && (!isFolder || this.#without?.hidesAllBelow(child))) continue;
        this.#entry(`${fdPath(fd)}/${name}`, child, name, wanted, matched);
      }
    } finally {
      closeSync(fd);
    }
  }

  #entry(at: string, path: string, name: string, wanted: boolean, matched: boolean): void {
    let entry: Entry;
    try {
      entry = readEntry(at, path, name, this.#tree, this.#look);
    } catch (error) {
      // It went away between the listing and now; a context can be edited while it is read.
      if (isErrno(error, 'ENOENT')) return;
      throw error;
    }
    if (entry.type === 'folder') this.#folder(entry, wanted, matched);
    else if (wanted && !entry.stat.isSocket()) {
      this.#makePending();
      this.#sink.other(entry);
    }
  }

  #folder(entry: Entry, wanted: boolean, matched: boolean): void {
    if (wanted) {
      this.#makePending();
      const done = this.#sink.folder(entry, false);
      this.#inside(entry.path, matched);
      done();
      return;
    }
    const waiting: { readonly entry: Entry; done: (() => void) | undefined } = { entry, done: undefined };
    this.#pending.push(waiting);
    this.#inside(entry.path, matched && this.#only === undefined);
    this.#pending.pop();
    waiting.done?.();
  }

  #makePending(): void {
    for (const waiting of this.#pending) waiting.done ??= this.#sink.folder(waiting.entry, true);
  }

  #join(path: string): string {
    if (this.#start === '') return path;
    return path === '' ? this.#start : `${this.#start}/${path}`;
  }
}

function readEntry(at: string, path: string, name: string, tree: Tree, look: CopyLook): Entry {
  const stat = lstatSync(at, { bigint: true });
  const type = typeOf(stat);
  const own = { uid: tree.resetOwner ? 0 : Number(stat.uid), gid: tree.resetOwner ? 0 : Number(stat.gid) };
  return {
    path,
    name,
    at,
    stat,
    type,
    mode: modeOf(stat, type, look),
    ...(look.chown ?? own),
    ...(type === 'link' && { link: readlinkSync(at) }),
    // A context has none: the reference's clients do not send them.
    xattrs: tree.resetOwner ? noXattrs : readXattrs(at),
  };
}

function typeOf(stat: BigIntStats): Entry['type'] {
  if (stat.isFile()) return 'file';
  if (stat.isDirectory()) return 'folder';
  return stat.isSymbolicLink() ? 'link' : 'special';
}

function modeOf(stat: BigIntStats, type: Entry['type'], look: CopyLook): number {
  const mode = Number(stat.mode) & 0o7777;
  if (type === 'link') return mode;
  if (look.mode !== undefined) return look.mode;
  return look.modeWords === undefined ? mode : parseChmod(look.modeWords)(mode, type === 'folder');
}

const noXattrs: readonly (readonly [string, Buffer])[] = [];

/** Overlayfs keeps notes of its own in a layer directory; they are not part of the tree. */
function readXattrs(at: string): readonly (readonly [string, Buffer])[] {
  const names = listXattrs(at);
  if (names.length === 0) return noXattrs;
  const out: [string, Buffer][] = [];
  for (const name of names.sort(compareNames)) {
    if (name.startsWith('trusted.overlay.') || name === 'security.selinux') continue;
    const value = getXattr(at, name);
    if (value !== undefined) out.push([name, value]);
  }
  return out;
}
