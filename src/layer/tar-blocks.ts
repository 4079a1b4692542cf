import { closeSync, constants, readdirSync, readSync } from 'node:fs';
import {
  type ByteString,
  bytesOf,
  type FileStat,
  fdPath,
  getOpenXattr,
  isErrno,
  listOpenXattrs,
  openat,
  pathOf,
  readlinkat,
  statAt,
} from '../sys/index.ts';
import { fileType } from './file-type.ts';
import { blockSize, type NewTarHeader, paddingOf, type TarType } from './tar-header.ts';
import { writeHeader } from './tar-write.ts';
import { isMarkerName, isWhiteout, opaqueName, opaqueXattr, whiteoutName } from './whiteout.ts';

export interface TreeToPack {
  /** Directory whose entries are packed (itself is not an entry). */
  readonly folder: string;
  /** Only this entry of it, under another name. */
  readonly only?: { readonly entry: string; readonly as: string } | undefined;
  /** Newer times become this one, Unix seconds. */
  readonly epoch?: number | undefined;
}

export interface Tally {
  entries: number;
  /** Bytes of regular files and of the targets of symbolic links, hard links once. */
  contentSize: number;
}

interface Level {
  readonly fd: number;
  /** Path in the archive, with a slash at its end unless empty. */
  readonly prefix: ByteString;
  readonly names: readonly ByteString[];
  next: number;
}

const { O_DIRECTORY, O_NOFOLLOW, O_NONBLOCK, O_RDONLY } = constants;
const maxDepth = 4096;

/**
 * The tar of a tree as blocks. Names are sorted within each directory, a directory comes before what is in it. Works
 * with descriptors from the top down, so that a tree that a container is changing meanwhile cannot lead outside.
 */
export class TarBlocks {
  readonly tally: Tally = { entries: 0, contentSize: 0 };
  readonly #tree: TreeToPack;
  readonly #allocate: () => Buffer;
  /** First names of files that have several, by device and inode. */
  readonly #links = new Map<string, ByteString>();
  readonly #levels: Level[] = [];
  #block: Buffer;
  #used = 0;

  /** `allocate` gives the buffer for each next block (a multiple of 512 bytes long); it may give the same again. */
  constructor(tree: TreeToPack, allocate: () => Buffer) {
    this.#tree = tree;
    this.#allocate = allocate;
    this.#block = allocate();
  }

  *[Symbol.iterator](): Generator<Buffer, void, undefined> {
    try {
      this.#enterTop();
      for (let level = this.#levels.at(-1); level !== undefined; level = this.#levels.at(-1)) {
        const name = level.names[level.next++];
        if (name === undefined) {
          this.#levels.pop();
          closeSync(level.fd);
        } else yield* this.#entry(level, name);
      }
      yield* this.#room(2 * blockSize);
      this.#block.fill(0, this.#used, this.#used + 2 * blockSize);
      this.#used += 2 * blockSize;
      yield this.#block.subarray(0, this.#used);
    } finally {
      for (const level of this.#levels) closeSync(level.fd);
      this.#levels.length = 0;
    }
  }

  #enterTop(): void {
    const { folder, only } = this.#tree;
    const fd = openat(-100, folder, O_RDONLY | O_DIRECTORY);
    if (only === undefined) this.#enter(fd, '');
    else {
      const entry = bytesOf(only.entry);
      this.#levels.push({ fd, prefix: '', names: [entry], next: 0 });
    }
  }

  #enter(fd: number, prefix: ByteString): void {
    if (this.#levels.length >= maxDepth) {
      closeSync(fd);
      throw new Error(`more than ${maxDepth} directories inside each other`);
    }
    const names = readdirSync(fdPath(fd), { encoding: 'latin1' }).sort();
    this.#levels.push({ fd, prefix, names, next: 0 });
  }

  *#entry(level: Level, name: ByteString): Generator<Buffer, void, undefined> {
    const { only } = this.#tree;
    const top = only !== undefined && level === this.#levels[0];
    const path = level.prefix + (top ? bytesOf(only.as) : name);
    const stat = unlessGone(() => statAt(level.fd, pathOf(name)));
    if (stat === undefined) return;
    const type = fileType(stat.mode);
    // A name that starts with .wh. would be read as a deletion of something else.
    if (type === undefined || (isMarkerName(name) && only === undefined)) return;
    if (type === 'dir') yield* this.#directory(level, name, path, stat);
    else if (type === 'file') yield* this.#file(level, name, path, stat);
    else if (only === undefined && isWhiteout(stat)) yield* this.#marker(level.prefix + whiteoutName(name));
    else {
      const link =
        type === 'symlink' ? unlessGone(() => readlinkat(level.fd, pathOf(name)).toString('latin1'), 'EINVAL') : '';
      if (link !== undefined) yield* this.#linkable(path, stat, type, link);
    }
  }

  *#directory(level: Level, name: ByteString, path: ByteString, stat: FileStat): Generator<Buffer, void, undefined> {
    const fd = unlessGone(() => openat(level.fd, pathOf(name), O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
    if (fd === undefined) return;
    try {
      const attributes = listOpenXattrs(fd);
      yield* this.#header(this.#describe(`${path}/`, 'dir', stat, keptXattrs(fd, attributes)));
      const opaque = attributes.includes(opaqueXattr) && getOpenXattr(fd, opaqueXattr)?.toString() === 'y';
      if (opaque) yield* this.#marker(`${path}/${opaqueName}`);
    } catch (error) {
      closeSync(fd);
      throw error;
    }
    this.#enter(fd, `${path}/`);
  }

  *#file(level: Level, name: ByteString, path: ByteString, stat: FileStat): Generator<Buffer, void, undefined> {
    const first = this.#firstName(path, stat);
    const fd = unlessGone(() => openat(level.fd, pathOf(name), O_RDONLY | O_NOFOLLOW | O_NONBLOCK));
    if (fd === undefined) return;
    try {
      // Looked at again: a device may have taken the name's place, and must not be read.
      const opened = statAt(fd, '');
      if (fileType(opened.mode) !== 'file') return;
      // On a hard link as well: Docker gives the file the owner of each of its entries, which drops capabilities.
      const xattrs = keptXattrs(fd, listOpenXattrs(fd));
      if (first !== undefined) {
        yield* this.#header(this.#describe(path, 'hardlink', opened, xattrs, first));
        return;
      }
      this.tally.contentSize += opened.size;
      yield* this.#header({ ...this.#describe(path, 'file', opened, xattrs), size: opened.size });
      yield* this.#content(fd, opened.size);
    } finally {
      closeSync(fd);
    }
  }

  /** Exactly `size` bytes, zeros where the file has become shorter meanwhile, and the padding. */
  *#content(fd: number, size: number): Generator<Buffer, void, undefined> {
    for (let left = size; left > 0; ) {
      if (this.#used === this.#block.length) yield* this.#flush();
      const wanted = Math.min(left, this.#block.length - this.#used);
      let count = readSync(fd, this.#block, this.#used, wanted, null);
      if (count === 0) {
        this.#block.fill(0, this.#used, this.#used + wanted);
        count = wanted;
      }
      this.#used += count;
      left -= count;
    }
    const padding = paddingOf(size);
    this.#block.fill(0, this.#used, this.#used + padding);
    this.#used += padding;
  }

  /** Links, devices and fifos: they have no content, but can have several names as well. */
  *#linkable(path: ByteString, stat: FileStat, type: TarType, link: ByteString): Generator<Buffer, void, undefined> {
    const first = this.#firstName(path, stat);
    if (first === undefined) {
      this.tally.contentSize += link.length;
      yield* this.#header(this.#describe(path, type, stat, noXattrs, link));
    } else yield* this.#header(this.#describe(path, 'hardlink', stat, noXattrs, first));
  }

  #firstName(path: ByteString, stat: FileStat): ByteString | undefined {
    if (stat.nlink < 2) return undefined;
    const key = `${stat.device}:${stat.ino}`;
    const first = this.#links.get(key);
    if (first === undefined) this.#links.set(key, path);
    return first;
  }

  /** Marks have no owner, mode or time of their own. */
  *#marker(path: ByteString): Generator<Buffer, void, undefined> {
    yield* this.#header({ path, type: 'file', mode: 0o600 });
  }

  #describe(
    path: ByteString,
    type: TarType,
    stat: FileStat,
    xattrs: ReadonlyMap<string, Uint8Array>,
    link: ByteString = '',
  ): NewTarHeader {
    const device = type === 'char' || type === 'block';
    return {
      path,
      type,
      mode: stat.mode & 0o7777,
      uid: stat.uid,
      gid: stat.gid,
      // Whole seconds, as the layers of Docker and BuildKit: a fraction would need a PAX header for every entry.
      mtimeSeconds: Math.min(stat.mtimeSeconds, this.#tree.epoch ?? stat.mtimeSeconds),
      link,
      major: device ? stat.major : 0,
      minor: device ? stat.minor : 0,
      xattrs,
    };
  }

  *#header(header: NewTarHeader): Generator<Buffer, void, undefined> {
    this.tally.entries++;
    yield* this.#room(blockSize);
    let length = writeHeader(this.#block.subarray(this.#used), header);
    if (length === undefined) {
      yield* this.#flush();
      length = writeHeader(this.#block, header);
    }
    if (length === undefined) throw new Error('extended attributes do not fit into a block');
    this.#used += length;
  }

  *#room(bytes: number): Generator<Buffer, void, undefined> {
    if (this.#block.length - this.#used < bytes) yield* this.#flush();
  }

  *#flush(): Generator<Buffer, void, undefined> {
    if (this.#used > 0) yield this.#block.subarray(0, this.#used);
    this.#block = this.#allocate();
    this.#used = 0;
  }
}

const noXattrs: ReadonlyMap<string, Uint8Array> = new Map();

/** What belongs to the file rather than to this machine: capabilities and the user's own attributes. */
function keptXattrs(fd: number, names: readonly string[]): ReadonlyMap<string, Uint8Array> {
  if (names.length === 0) return noXattrs;
  const kept = new Map<string, Uint8Array>();
  for (const name of names) {
    if (name !== 'security.capability' && !name.startsWith('user.')) continue;
    const value = getOpenXattr(fd, name);
    if (value !== undefined) kept.set(name, value);
  }
  return kept;
}

/** Undefined for what was removed, or replaced by something else, since its name was read. */
function unlessGone<Result>(action: () => Result, ...codes: readonly string[]): Result | undefined {
  try {
    return action();
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ELOOP', 'ENOTDIR', 'ENXIO', ...codes)) return undefined;
    throw error;
  }
}
