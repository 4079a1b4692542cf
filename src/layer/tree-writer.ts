import { closeSync, constants, fchmodSync, ftruncateSync, writeSync } from 'node:fs';
import { StrataError } from '../errors/index.ts';
import {
  type ByteString,
  type FileStat,
  fchownat,
  isErrno,
  linkat,
  mkdirat,
  mknodat,
  openat,
  pathOf,
  setOpenXattr,
  statAt,
  symlinkat,
  textOf,
  utimensat,
} from '../sys/index.ts';
import { chmodNode } from './chmod-node.ts';
import { entryPath, linkPath, splitPath } from './entry-path.ts';
import { fileType, typeBits } from './file-type.ts';
import { Folders } from './folders.ts';
import type { Allowance } from './limits.ts';
import { removeTree } from './remove-tree.ts';
import type { TarHeader } from './tar-header.ts';
import type { TarHandler } from './tar-parser.ts';
import { treeError } from './tree-error.ts';
import { isWhiteout, markerOf, opaqueXattr } from './whiteout.ts';

export interface TreeOptions {
  /** Open folder that nothing leaves. */
  readonly root: number;
  /** Real path from the root where the archive's entries go; empty for the root. */
  readonly start: ByteString;
  readonly allowance: Allowance;
  /** Whiteouts become overlayfs's; else they are ordinary names. */
  readonly whiteouts: boolean;
  /** Owner in place of the entries' own. */
  readonly owner?: { readonly uid: number; readonly gid: number } | undefined;
  readonly userXattrs: boolean;
  /** Refuse that a folder and something else take each other's place. */
  readonly keepKinds: boolean;
  /** Mode and owner of a folder that the archive names no entry for; 0755 of root where undefined. */
  readonly impliedFolder?: (path: ByteString) => Implied | undefined;
}

export interface Implied {
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly mtimeSeconds: number;
  readonly mtimeNanoseconds: number;
}

const { O_CREAT, O_DIRECTORY, O_EXCL, O_NOFOLLOW, O_NONBLOCK, O_RDONLY, O_WRONLY } = constants;

/**
 * Puts the entries of an archive into a tree. Whatever the archive says, nothing outside the root is touched: parents
 * are resolved by the kernel inside the root, and the last component is only ever made anew or replaced.
 */
export class TreeWriter implements TarHandler {
  readonly #options: TreeOptions;
  readonly #folders: Folders;
  /** Times of folders, set when nothing is written into them any more. */
  readonly #times = new Map<ByteString, { readonly seconds: number; readonly nanoseconds: number }>();
  #file: { readonly header: TarHeader; readonly fd: number } | undefined;
  #position = 0;
  #sparse = false;
  /** A folder or link was replaced; what is known of folders is dropped before the next entry, not under the present. */
  #stale = false;
  entries = 0;
  /** Bytes of regular files and of the targets of symbolic links. */
  contentSize = 0;

  constructor(options: TreeOptions) {
    this.#options = options;
    const { uid, gid } = options.owner ?? { uid: 0, gid: 0 };
    this.#folders = new Folders(options.root, options.start, { mode: 0o755, uid, gid });
  }

  entry(header: TarHeader): void {
    this.#options.allowance.entry(header.size);
    this.entries++;
    const path = entryPath(header.path);
    if (this.#stale) this.#folders.forget();
    this.#stale = false;
    try {
      if (path === '') this.#top(header);
      else this.#place(header, path);
    } catch (error) {
      throw treeError(error, textOf(path));
    }
  }

  data(chunk: Uint8Array): void {
    if (this.#file === undefined) return;
    const { fd, header } = this.#file;
    try {
      for (let done = 0; done < chunk.length; ) {
        const place = this.#sparse ? this.#position : null;
        const count = writeSync(fd, chunk, done, chunk.length - done, place);
        done += count;
        this.#position += count;
      }
    } catch (error) {
      throw treeError(error, textOf(header.path));
    }
  }

  hole(length: number): void {
    this.#sparse = true;
    this.#position += length;
  }

  end(): void {
    if (this.#file === undefined) return;
    const { fd, header } = this.#file;
    try {
      if (this.#sparse) ftruncateSync(fd, header.size);
      this.#dress(fd, header);
      utimensat(fd, '', header.mtimeSeconds, header.mtimeNanoseconds);
    } catch (error) {
      throw treeError(error, textOf(header.path));
    } finally {
      this.#file = undefined;
      closeSync(fd);
    }
  }

  /** Sets what had to wait for the last entry. */
  finish(): void {
    for (const [path, time] of this.#times) {
      const { parent, name } = splitPath(path);
      try {
        const folder = path === '' ? this.#folders.at('') : this.#folders.at(parent);
        const fd = openat(folder, path === '' ? '.' : pathOf(name), O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
        utimensat(fd, '', time.seconds, time.nanoseconds);
        closeSync(fd);
      } catch (error) {
        // Replaced by a later entry.
        if (!isErrno(error, 'ENOENT', 'ENOTDIR', 'ELOOP')) throw treeError(error, textOf(path));
      }
    }
  }

  /** Releases descriptors, also after an error. */
  close(): void {
    if (this.#file !== undefined) closeSync(this.#file.fd);
    this.#file = undefined;
    this.#folders.forget();
  }

  /**
   * The archive's entry for its own top (also one without a name): in a layer it is the root directory, elsewhere the
   * folder is the user's and stays as it is. What is no folder has no place here and is left out, as Docker does.
   */
  #top(header: TarHeader): void {
    if (header.type !== 'dir') return;
    if (!this.#options.whiteouts) return;
    const fd = openat(this.#folders.at(''), '.', O_RDONLY | O_DIRECTORY);
    try {
      this.#dress(fd, header);
    } finally {
      closeSync(fd);
    }
    this.#times.set('', { seconds: header.mtimeSeconds, nanoseconds: header.mtimeNanoseconds });
  }

  #place(header: TarHeader, path: ByteString): void {
    const { parent, name } = splitPath(path);
    const marker = this.#options.whiteouts ? markerOf(name) : undefined;
    if (marker === 'ignored') return;
    const folder = this.#parent(parent);
    if (marker?.kind === 'opaque') this.#makeOpaque(folder, '.');
    else if (marker !== undefined) this.#whiteOut(folder, marker.name);
    else this.#make(header, path, folder, name);
  }

  #parent(path: ByteString): number {
    const { impliedFolder } = this.#options;
    if (impliedFolder !== undefined && path !== '' && !this.#folders.has(path)) this.#makeImplied(path, impliedFolder);
    return this.#folders.at(path);
  }

  /** Missing folders of a layer look like the ones that they will cover. */
  #makeImplied(path: ByteString, known: (path: ByteString) => Implied | undefined): void {
    for (let end = path.indexOf('/'); ; end = path.indexOf('/', end + 1)) {
      const part = end < 0 ? path : path.slice(0, end);
      const { parent, name } = splitPath(part);
      const folder = this.#folders.at(parent);
      if (!exists(folder, name)) {
        const look = known(part);
        // What covers nothing has nothing in it that does: looking on would take a walk for each of its folders.
        if (look === undefined) return;
        mkdirat(folder, pathOf(name), 0o700);
        fchownat(folder, pathOf(name), look.uid, look.gid);
        chmodNode(folder, name, look.mode);
        this.#times.set(part, { seconds: look.mtimeSeconds, nanoseconds: look.mtimeNanoseconds });
      }
      if (end < 0) return;
    }
  }

  #whiteOut(folder: number, name: ByteString): void {
    try {
      mknodat(folder, pathOf(name), typeBits.char, 0, 0);
    } catch (error) {
      if (!isErrno(error, 'EEXIST')) throw error;
      // The layer has this name as well: what it deletes is what lies below.
      if (fileType(statAt(folder, pathOf(name)).mode) === 'dir') this.#makeOpaque(folder, name);
    }
  }

  #makeOpaque(folder: number, name: ByteString): void {
    const fd = openat(folder, pathOf(name), O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    try {
      setOpenXattr(fd, opaqueXattr, Buffer.from('y'));
    } finally {
      closeSync(fd);
    }
  }

  #make(header: TarHeader, path: ByteString, folder: number, name: ByteString): void {
    this.#times.delete(path);
    switch (header.type) {
      case 'file':
        this.#position = 0;
        this.#sparse = false;
        this.#file = {
          header,
          fd: this.#anew(header, folder, name, () =>
            openat(folder, pathOf(name), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600),
          ),
        };
        this.contentSize += header.size;
        break;
      case 'dir':
        this.#makeFolder(header, path, folder, name);
        break;
      case 'symlink':
        this.#anew(header, folder, name, () => symlinkat(pathOf(header.link), folder, pathOf(name)));
        this.contentSize += header.link.length;
        this.#own(header, folder, name);
        utimensat(folder, pathOf(name), header.mtimeSeconds, header.mtimeNanoseconds);
        break;
      case 'hardlink':
        this.#makeLink(header, path);
        break;
      case 'char':
      case 'block':
      case 'fifo':
        this.#anew(header, folder, name, () =>
          mknodat(folder, pathOf(name), typeBits[header.type as 'char'] | 0o600, header.major, header.minor),
        );
        this.#own(header, folder, name);
        chmodNode(folder, name, header.mode);
        utimensat(folder, pathOf(name), header.mtimeSeconds, header.mtimeNanoseconds);
        break;
    }
  }

  #makeFolder(header: TarHeader, path: ByteString, folder: number, name: ByteString): void {
    let opaque = false;
    try {
      mkdirat(folder, pathOf(name), 0o700);
    } catch (error) {
      if (!isErrno(error, 'EEXIST')) throw error;
      const there = statAt(folder, pathOf(name));
      if (fileType(there.mode) !== 'dir') {
        opaque = this.#options.whiteouts && isWhiteout(there);
        this.#replace(header, folder, name);
        mkdirat(folder, pathOf(name), 0o700);
      }
    }
    const fd = openat(folder, pathOf(name), O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    try {
      this.#dress(fd, header);
      if (opaque) setOpenXattr(fd, opaqueXattr, Buffer.from('y'));
    } catch (error) {
      closeSync(fd);
      throw error;
    }
    this.#folders.keep(path, fd);
    this.#times.set(path, { seconds: header.mtimeSeconds, nanoseconds: header.mtimeNanoseconds });
  }

  #makeLink(header: TarHeader, path: ByteString): void {
    const first = linkPath(header.link);
    if (first === path) return;
    const from = splitPath(first);
    const to = splitPath(path);
    const folder = this.#folders.at(to.parent);
    const source = this.#folders.at(from.parent);
    // Before anything is replaced: an entry must not take away what it links to.
    const target = statIn(source, from.name, first, path);
    if (fileType(target.mode) === 'dir') {
      throw new StrataError('invalid_argument', `linkat ${textOf(first)} ${textOf(path)}: operation not permitted`, {
        code: 'invalid_archive',
      });
    }
    const there = exists(folder, to.name);
    if (there !== undefined && there.ino === target.ino && there.device === target.device) return;
    this.#anew(header, folder, to.name, () => linkat(source, pathOf(from.name), folder, pathOf(to.name)));
    this.#dressLink(header, folder, to.name, target);
  }

  /** The later entry decides what the file looks like; an owner that is right stays, since chown drops capabilities. */
  #dressLink(header: TarHeader, folder: number, name: ByteString, target: FileStat): void {
    const { uid, gid } = this.#options.owner ?? header;
    if (uid !== target.uid || gid !== target.gid) fchownat(folder, pathOf(name), uid, gid);
    const type = fileType(target.mode);
    if (type !== 'symlink') chmodNode(folder, name, header.mode);
    if (type === 'file' && header.xattrs.size > 0) {
      const fd = openat(folder, pathOf(name), O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
      try {
        this.#attributes(fd, header);
      } finally {
        closeSync(fd);
      }
    }
    utimensat(folder, pathOf(name), header.mtimeSeconds, header.mtimeNanoseconds);
  }

  /** Does what needs a free name; what has the name goes. */
  #anew<Result>(header: TarHeader, folder: number, name: ByteString, make: () => Result): Result {
    try {
      return make();
    } catch (error) {
      if (!isErrno(error, 'EEXIST')) throw error;
    }
    this.#replace(header, folder, name);
    return make();
  }

  #replace(header: TarHeader, folder: number, name: ByteString): void {
    const type = fileType(statAt(folder, pathOf(name)).mode);
    if (this.#options.keepKinds && (type === 'dir') !== (header.type === 'dir')) {
      const [old, now] = type === 'dir' ? ['directory', 'non-directory'] : ['non-directory', 'directory'];
      const path = JSON.stringify(textOf(entryPath(header.path)));
      throw new StrataError('invalid_argument', `cannot overwrite ${old} ${path} with ${now} "/"`);
    }
    this.contentSize -= removeTree(folder, name);
    if (type === 'dir' || type === 'symlink') this.#stale = true;
  }

  #own(header: TarHeader, folder: number, name: ByteString): void {
    const { uid, gid } = this.#options.owner ?? header;
    fchownat(folder, pathOf(name), uid, gid);
  }

  /** Owner, then mode, then attributes: each clears some of what comes after it. */
  #dress(fd: number, header: TarHeader): void {
    const { uid, gid } = this.#options.owner ?? header;
    fchownat(fd, '', uid, gid);
    fchmodSync(fd, header.mode);
    if (header.xattrs.size > 0) this.#attributes(fd, header);
  }

  #attributes(fd: number, header: TarHeader): void {
    for (const [key, value] of header.xattrs) {
      const user = key.startsWith('user.');
      if (key !== 'security.capability' && !(user && this.#options.userXattrs)) continue;
      try {
        setOpenXattr(fd, key, value);
      } catch (error) {
        if (!isErrno(error, 'EOPNOTSUPP', 'ENOTSUP') && !(user && isErrno(error, 'EPERM', 'ENOSPC', 'E2BIG'))) {
          throw error;
        }
      }
    }
  }
}

function exists(folder: number, name: ByteString) {
  try {
    return statAt(folder, pathOf(name));
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return undefined;
    throw error;
  }
}

function statIn(folder: number, name: ByteString, first: ByteString, path: ByteString) {
  const stat = exists(folder, name);
  if (stat !== undefined) return stat;
  throw new StrataError('invalid_argument', `linkat ${textOf(first)} ${textOf(path)}: no such file or directory`, {
    code: 'invalid_archive',
  });
}
