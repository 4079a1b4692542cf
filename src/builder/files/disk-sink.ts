import { createHash } from 'node:crypto';
import { closeSync, constants, fchmodSync, fchownSync, fstatSync, readSync, writeSync } from 'node:fs';
import { StrataError } from '../../errors/index.ts';
import {
  chmodSync,
  copyData,
  isErrno,
  lchownSync,
  linkSync,
  lstatSync,
  majorMinor,
  mkdirSync,
  mknod,
  openSync,
  setTimes,
  setXattr,
  symlinkSync,
  unlinkSync,
  utimensat,
} from '../../sys/index.ts';
import { type DigestSink, digestFile } from './digest-sink.ts';
import type { DigestTable } from './digest-table.ts';
import type { TargetView } from './target-view.ts';
import { timeOf } from './time.ts';
import type { Entry, Sink } from './walk.ts';

const { O_CREAT, O_EXCL, O_NOFOLLOW, O_NONBLOCK, O_RDONLY, O_WRONLY } = constants;
const block = Buffer.allocUnsafeSlow(1 << 18);

export interface DiskTarget {
  readonly view: TargetView;
  /** What the selected thing itself becomes, inside the image. */
  readonly path: string;
  readonly epoch: number | undefined;
  /** The process's umask: what the kernel takes from the mode of a new file. */
  readonly umask: number;
  /** Told the digests of the contents, where these are wanted. */
  readonly digests: DigestSink | undefined;
  /** Digests that are known without reading. */
  readonly table: DigestTable;
  readonly tick: () => void;
}

interface Copied {
  readonly path: string;
  readonly digest: string;
}

/** Writes what is selected into an active snapshot. */
export class DiskSink implements Sink {
  readonly #target: DiskTarget;
  /** First copy of each file that has several names in the source. */
  readonly #copies = new Map<string, Copied>();
  /** Folders that were made here: nothing can be in the way in them. */
  readonly #fresh = new Set<string>();

  constructor(target: DiskTarget) {
    this.#target = target;
  }

  folder(entry: Entry, partial: boolean): () => void {
    const path = this.#pathOf(entry);
    const made = this.#makeFolder(entry, path);
    this.#target.digests?.folder(entry);
    // What is selected itself keeps the look of a target that was there; folders in it get the source's.
    const dress = made || (entry.path !== '' && !partial);
    return () => {
      if (!dress) return;
      const at = this.#target.view.at(path);
      lchownSync(at, entry.uid, entry.gid);
      chmodSync(at, entry.mode);
      for (const [name, value] of entry.xattrs) setXattr(at, name, value);
      setTimes(at, ...this.#time(entry));
      this.#target.view.touched(path);
    };
  }

  other(entry: Entry): void {
    const path = this.#pathOf(entry);
    this.#clear(path);
    const copied = entry.type === 'file' ? this.#file(entry, path) : this.#node(entry, path);
    this.#target.digests?.add(entry, copied);
  }

  #pathOf(entry: Entry): string {
    const { path } = this.#target;
    if (entry.path === '') return path;
    return path === '/' ? `/${entry.path}` : `${path}/${entry.path}`;
  }

  #makeFolder(entry: Entry, path: string): boolean {
    const { view } = this.#target;
    const parent = parentOf(path);
    const there = entry.path !== '' && this.#fresh.has(parent) ? undefined : view.lstat(path);
    if (there && !there.isDirectory()) {
      throw new StrataError('failed_precondition', `cannot copy to non-directory: ${path}`);
    }
    if (there) {
      view.bringUp(path);
      return false;
    }
    view.bringUp(parent);
    mkdirSync(view.at(path), 0o700);
    view.touched(parent);
    this.#fresh.add(path);
    return true;
  }

  /** Makes room for a file. One of a lower layer is simply covered. */
  #clear(path: string): void {
    const { view } = this.#target;
    const parent = parentOf(path);
    if (this.#fresh.has(parent)) return;
    const there = view.lstat(path);
    if (there?.isDirectory()) {
      throw new StrataError('failed_precondition', `cannot replace to directory ${path} with file`);
    }
    view.bringUp(parent);
    view.touched(parent);
    if (there && isThere(view.at(path))) unlinkSync(view.at(path));
  }

  #file(entry: Entry, path: string): string {
    const key = entry.stat.nlink > 1n ? `${entry.stat.dev}:${entry.stat.ino}` : undefined;
    const first = key === undefined ? undefined : this.#copies.get(key);
    if (first) {
      linkSync(this.#target.view.at(first.path), this.#target.view.at(path));
      return first.digest;
    }
    const digest = this.#copy(entry, this.#target.view.at(path));
    if (key !== undefined) this.#copies.set(key, { path, digest });
    return digest;
  }

  #copy(entry: Entry, path: string): string {
    // O_NONBLOCK: should it have become a fifo meanwhile, opening it must not wait for a writer.
    const from = openSync(entry.at, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    try {
      const to = openSync(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, entry.mode & 0o777);
      try {
        const digest = this.#transfer(entry, from, to);
        if (entry.uid !== 0 || entry.gid !== 0) fchownSync(to, entry.uid, entry.gid);
        if ((entry.mode & (this.#target.umask | 0o7000)) !== 0) fchmodSync(to, entry.mode);
        for (const [name, value] of entry.xattrs) setXattr(path, name, value);
        utimensat(to, '', ...this.#time(entry));
        return digest;
      } finally {
        closeSync(to);
      }
    } finally {
      closeSync(from);
    }
  }

  /** Copies the contents; returns their digest where it is wanted. */
  #transfer(entry: Entry, from: number, to: number): string {
    const size = Number(entry.stat.size);
    const { digests, table } = this.#target;
    const known = digests && table.find(entry.stat);
    const wanted = digests !== undefined && known === undefined;
    const isSparse = entry.stat.blocks * 512n < entry.stat.size;
    if (size > block.length && (!wanted || isSparse)) {
      this.#copyLarge(from, to, size);
      return known ?? (wanted ? this.#keep(entry, digestFile(entry.at)) : '');
    }
    if (size === 0 && !wanted) return known ?? '';
    const hash = wanted ? createHash('sha256') : undefined;
    for (let total = 0; ; ) {
      const count = readSync(from, block, 0, block.length, null);
      if (count === 0) break;
      const chunk = block.subarray(0, count);
      hash?.update(chunk);
      for (let done = 0; done < count; ) done += writeSync(to, chunk, done, count - done);
      total += count;
      if (total > block.length) this.#target.tick();
      if (count < block.length && total >= size) break;
    }
    return known ?? (hash ? this.#keep(entry, hash.digest('hex')) : '');
  }

  #keep(entry: Entry, digest: string): string {
    this.#target.table.keep(entry.stat, digest);
    return digest;
  }

  #copyLarge(from: number, to: number, size: number): void {
    if (!fstatSync(from).isFile()) throw new StrataError('failed_precondition', 'the file changed while it was copied');
    copyData(from, to, size);
    this.#target.tick();
  }

  #node(entry: Entry, path: string): string {
    const at = this.#target.view.at(path);
    if (entry.type === 'link') symlinkSync(entry.link ?? '', at);
    else {
      const { major, minor } = majorMinor(entry.stat.rdev);
      mknod(at, (Number(entry.stat.mode) & 0o170000) | (entry.mode & 0o7777), major, minor);
    }
    if (entry.uid !== 0 || entry.gid !== 0) lchownSync(at, entry.uid, entry.gid);
    if (entry.type !== 'link') chmodSync(at, entry.mode);
    for (const [name, value] of entry.xattrs) setXattr(at, name, value);
    setTimes(at, ...this.#time(entry));
    return '';
  }

  #time(entry: Entry): [number, number] {
    if (this.#target.epoch !== undefined) return [this.#target.epoch, 0];
    return timeOf(entry.stat.mtimeNs);
  }
}

function parentOf(path: string): string {
  const slash = path.lastIndexOf('/');
  return slash <= 0 ? '/' : path.slice(0, slash);
}

function isThere(path: string): boolean {
  try {
    lstatSync(path);
    return true;
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) return false;
    throw error;
  }
}
