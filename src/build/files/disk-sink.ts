import {
  chmodSync,
  closeSync,
  constants,
  fchmodSync,
  fchownSync,
  fstatSync,
  lchownSync,
  linkSync,
  mkdirSync,
  openSync,
  readSync,
  symlinkSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { createHash } from 'node:crypto';
import { StrataError } from '../../errors/index.ts';
import { copyData, isErrno, majorMinor, mknod, setTimes, setXattr, utimensat } from '../../sys/index.ts';
import type { DigestSink } from './digest-sink.ts';
import { inside, lstat } from './target.ts';
import type { Entry, Sink } from './walk.ts';

const { O_CREAT, O_EXCL, O_NOFOLLOW, O_NONBLOCK, O_RDONLY, O_WRONLY } = constants;
const second = 1_000_000_000n;
const block = Buffer.allocUnsafeSlow(1 << 18);

export interface DiskTarget {
  /** For messages: paths are shown as the image knows them. */
  readonly root: string;
  /** What the selected thing itself becomes. */
  readonly path: string;
  readonly epoch: number | undefined;
  /** The process's umask: what the kernel takes from the mode of a new file. */
  readonly umask: number;
  /** Told the digests of the contents, where these are wanted. */
  readonly digests: DigestSink | undefined;
  readonly tick: (bytes: number) => void;
}

/** Writes what is selected below a target folder. */
export class DiskSink implements Sink {
  readonly #target: DiskTarget;
  /** First copy of each file that has several names in the source. */
  readonly #links = new Map<string, string>();
  /** Folders that were made here: nothing can be in the way in them. */
  readonly #fresh = new Set<string>();

  constructor(target: DiskTarget) {
    this.#target = target;
  }

  folder(entry: Entry, partial: boolean): () => void {
    const path = this.#at(entry);
    const made = this.#makeFolder(entry, path);
    this.#target.digests?.folder(entry);
    // What is selected itself keeps the look of a target that was there; folders in it get the source's.
    const dress = made || (entry.path !== '' && !partial);
    return () => {
      if (!dress) return;
      chmodSync(path, this.#owned(path, entry));
      for (const [name, value] of entry.xattrs) setXattr(path, name, value);
      setTimes(path, ...this.#time(entry));
    };
  }

  other(entry: Entry): void {
    const path = this.#at(entry);
    if (!this.#fresh.has(parentOf(path))) this.#clear(path);
    const copied = entry.type === 'file' ? this.#file(entry, path) : this.#node(entry, path);
    this.#target.digests?.add(entry, copied);
  }

  #at(entry: Entry): string {
    return entry.path === '' ? this.#target.path : `${this.#target.path}/${entry.path}`;
  }

  #makeFolder(entry: Entry, path: string): boolean {
    const there = entry.path !== '' && this.#fresh.has(parentOf(path)) ? undefined : lstat(path);
    if (there && !there.isDirectory()) {
      throw new StrataError('failed_precondition', `cannot copy to non-directory: ${inside(this.#target.root, path)}`);
    }
    if (there) return false;
    mkdirSync(path, 0o700);
    this.#fresh.add(path);
    void entry;
    return true;
  }

  #clear(path: string): void {
    const there = lstat(path);
    if (!there) return;
    if (there.isDirectory()) {
      const shown = inside(this.#target.root, path);
      throw new StrataError('failed_precondition', `cannot replace to directory ${shown} with file`);
    }
    unlinkSync(path);
  }

  #file(entry: Entry, path: string): string {
    const key = entry.stat.nlink > 1n ? `${entry.stat.dev}:${entry.stat.ino}` : undefined;
    const first = key === undefined ? undefined : this.#links.get(key);
    if (first !== undefined) {
      linkSync(first, path);
      return this.#linkDigests.get(first) ?? '';
    }
    const digest = this.#copy(entry, path);
    if (key !== undefined) {
      this.#links.set(key, path);
      this.#linkDigests.set(path, digest);
    }
    return digest;
  }
  readonly #linkDigests = new Map<string, string>();

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

  #transfer(entry: Entry, from: number, to: number): string {
    const size = Number(entry.stat.size);
    const wanted = this.#target.digests !== undefined;
    if (!wanted && size > block.length) {
      this.#copyLarge(from, to, size);
      return '';
    }
    if (size === 0 && !wanted) return '';
    const hash = wanted ? createHash('sha256') : undefined;
    for (let total = 0; ; ) {
      const count = readSync(from, block, 0, block.length, null);
      if (count === 0) break;
      const chunk = block.subarray(0, count);
      hash?.update(chunk);
      for (let done = 0; done < count; ) done += writeSync(to, chunk, done, count - done);
      total += count;
      this.#target.tick(count);
      if (count < block.length && total >= size) break;
    }
    return hash?.digest('hex') ?? '';
  }

  #copyLarge(from: number, to: number, size: number): void {
    if (!fstatSync(from).isFile()) throw new StrataError('failed_precondition', 'the file changed while it was copied');
    copyData(from, to, size);
    this.#target.tick(size);
  }

  #node(entry: Entry, path: string): string {
    if (entry.type === 'link') symlinkSync(entry.link ?? '', path);
    else {
      const { major, minor } = majorMinor(entry.stat.rdev);
      mknod(path, (Number(entry.stat.mode) & 0o170000) | (entry.mode & 0o7777), major, minor);
    }
    if (entry.uid !== 0 || entry.gid !== 0) lchownSync(path, entry.uid, entry.gid);
    if (entry.type !== 'link') chmodSync(path, entry.mode);
    for (const [name, value] of entry.xattrs) setXattr(path, name, value);
    setTimes(path, ...this.#time(entry));
    return '';
  }

  /** Gives a folder its owner (which clears set-id bits) and returns the mode to set after that. */
  #owned(path: string, entry: Entry): number {
    lchownSync(path, entry.uid, entry.gid);
    return entry.mode;
  }

  #time(entry: Entry): [number, number] {
    if (this.#target.epoch !== undefined) return [this.#target.epoch, 0];
    return timeOf(entry.stat.mtimeNs);
  }
}

/** Whole seconds and nanoseconds, also before 1970. */
export function timeOf(nanoseconds: bigint): [number, number] {
  const rest = ((nanoseconds % second) + second) % second;
  return [Number((nanoseconds - rest) / second), Number(rest)];
}

function parentOf(path: string): string {
  return path.slice(0, path.lastIndexOf('/'));
}

export function isMissing(error: unknown): boolean {
  return isErrno(error, 'ENOENT', 'ENOTDIR');
}
