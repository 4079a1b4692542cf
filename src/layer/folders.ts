import { closeSync } from 'node:fs';
import { type ByteString, openFolderBelow } from '../sys/index.ts';

/** How many folders are kept open. Archives list a folder's entries one after another. */
const capacity = 64;

/** Open folders below a place in a tree, by the paths that an archive names them with. */
export class Folders {
  readonly #root: number;
  readonly #start: ByteString;
  readonly #make: { readonly mode: number; readonly uid: number; readonly gid: number };
  readonly #open = new Map<ByteString, number>();

  /** `start` is a real path from `root`; missing folders are made as `make` says. */
  constructor(
    root: number,
    start: ByteString,
    make: { readonly mode: number; readonly uid: number; readonly gid: number },
  ) {
    this.#root = root;
    this.#start = start;
    this.#make = make;
  }

  has(path: ByteString): boolean {
    return this.#open.has(path);
  }

  /** A descriptor that stays open for many further calls (not for ever: the one unused for longest is closed). */
  at(path: ByteString): number {
    const known = this.#open.get(path);
    if (known !== undefined) {
      this.#open.delete(path);
      this.#open.set(path, known);
      return known;
    }
    const fd = openFolderBelow(this.#root, this.#start, path, this.#make);
    this.keep(path, fd);
    return fd;
  }

  /** Takes over an open descriptor of the folder that `path` names. */
  keep(path: ByteString, fd: number): void {
    const before = this.#open.get(path);
    if (before !== undefined) closeSync(before);
    this.#open.delete(path);
    this.#open.set(path, fd);
    if (this.#open.size <= capacity) return;
    const [oldest, descriptor] = this.#open.entries().next().value!;
    this.#open.delete(oldest);
    closeSync(descriptor);
  }

  /** A folder or a link was replaced: what is known by the old paths may be elsewhere. */
  forget(): void {
    for (const fd of this.#open.values()) closeSync(fd);
    this.#open.clear();
  }
}
