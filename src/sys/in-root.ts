import { closeSync, constants, fchmodSync, fstatSync, readSync, type Stats } from 'node:fs';
import { dirname, join } from 'node:path/posix';
import { fchownat, mkdirat, openat, readlinkat } from './at.ts';
import { errno, isErrno, systemError } from './errno.ts';
import { type ByteString, bytesOf, nameOf, pathOf, type SysPath, textOf } from './file-name.ts';
import { cPath, lastErrno, nativeSyscall } from './libc.ts';
import { readlinkSync } from './named-files.ts';

const { O_DIRECTORY, O_NOCTTY, O_NOFOLLOW, O_NONBLOCK, O_RDONLY } = constants;
/** open(2) flags that Node does not name. */
export const O_PATH = 0x200000;
const O_CLOEXEC = 0x80000;
const folderOnly = O_PATH | O_DIRECTORY | O_CLOEXEC;

const openat2 = nativeSyscall(437, ['int', 'path', 'pointer', 'size_t']);

/** A folder that paths are resolved in: its path on the host, or an open descriptor of it (which stays open). */
export type Root = string | number;

export interface ResolveOptions {
  /** Refuse (EXDEV) what leaves the root, in place of treating the root as `/`. */
  readonly beneath?: boolean;
  /** Refuse (ELOOP) every symbolic link on the way, the last component included. */
  readonly noSymlinks?: boolean;
}

/**
 * openat2(2) with RESOLVE_IN_ROOT: `..` and absolute links stay inside `root`, `/proc`-style magic links are refused,
 * and the kernel does it while nobody can swap a component in between. Returns a close-on-exec descriptor.
 */
export function openInRoot(root: Root, path: SysPath, flags: number, mode = 0, options: ResolveOptions = {}): number {
  return withRoot(root, (folder) => {
    const resolve = (options.beneath ? 0x8 : 0x10) | 0x2 | (options.noSymlinks ? 0x4 : 0);
    const how = Buffer.alloc(24);
    how.writeUInt32LE((flags | O_CLOEXEC) >>> 0, 0);
    how.writeUInt32LE(mode, 8);
    how.writeUInt32LE(resolve, 16);
    // EAGAIN: something was renamed while `..` was walked; the kernel asks to try again.
    for (let attempt = 0; ; attempt++) {
      const fd = openat2(folder, cPath(path.length === 0 ? '.' : path), how, how.length);
      if (fd >= 0) return fd;
      const code = lastErrno();
      if (code !== errno.EINTR && (code !== errno.EAGAIN || attempt >= 128)) {
        throw systemError('openat2', code, path);
      }
    }
  });
}

/** The path by which this process (only) can name what a descriptor holds. */
export function fdPath(fd: number): string {
  return `/proc/self/fd/${fd}`;
}

export interface FinalOptions {
  /** Whether a symbolic link at the end of the path is followed. Default true. */
  readonly follow?: boolean;
}

/**
 * The host's path of `path` inside `root`: parents (and the last component, unless `follow` is false) are resolved in
 * the root; the last one may be absent. Good for showing and for trees that nobody else changes; against a hostile
 * writer use descriptors ({@link openInRoot}), since a path can be changed after it was resolved.
 */
export function resolveInRoot(root: Root, path: string, options: FinalOptions = {}): string {
  return withRoot(root, (folder) => resolveFinal(folder, path, options.follow ?? true, 0));
}

function resolveFinal(root: number, path: string, follow: boolean, depth: number): string {
  const { parent, name } = splitPath(path);
  if (name === '') return openedPath(root, path, folderOnly);
  if (follow) {
    const found = attempt(() => openedPath(root, path, O_PATH), 'ENOENT');
    if (found !== undefined) return found;
  }
  const folder = openInRoot(root, parent, folderOnly);
  try {
    const link = follow ? linkTarget(folder, name) : undefined;
    if (link === undefined) return join(readlinkSync(fdPath(folder)), name);
    if (depth >= 40) throw systemError('openat2', errno.ELOOP, path);
    return resolveFinal(root, link.startsWith('/') ? link : `${parent}/${link}`, true, depth + 1);
  } finally {
    closeSync(folder);
  }
}

function openedPath(root: number, path: string, flags: number): string {
  const fd = openInRoot(root, path, flags);
  try {
    return readlinkSync(fdPath(fd));
  } finally {
    closeSync(fd);
  }
}

/** The last component apart; empty when the path ends in one that names no entry (`/`, `.`, `..`). */
function splitPath(path: string): { readonly parent: string; readonly name: string } {
  const trimmed = path.replace(/\/+$/, '');
  const name = trimmed.slice(trimmed.lastIndexOf('/') + 1);
  if (name === '' || name === '.' || name === '..') return { parent: path, name: '' };
  return { parent: dirname(`/${trimmed}`), name };
}

function linkTarget(folder: number, name: string): string | undefined {
  return attempt(() => nameOf(readlinkat(folder, name)), 'ENOENT', 'EINVAL');
}

function attempt<Result>(action: () => Result, ...codes: readonly string[]): Result | undefined {
  try {
    return action();
  } catch (error) {
    if (isErrno(error, ...codes)) return undefined;
    throw error;
  }
}

export interface NewFolder {
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
}

/**
 * Makes `path` and its missing parents inside `root`, following links that are there (also one whose target is
 * absent: the target is made). Returns the folders made, as paths from the root, outermost first.
 */
export function mkdirInRoot(root: Root, path: string, folder: NewFolder): readonly string[] {
  const { fd, created } = openFolderInRoot(root, path, folder);
  closeSync(fd);
  return created;
}

/** As {@link mkdirInRoot}, giving an O_PATH descriptor of the innermost folder. */
export function openFolderInRoot(
  root: Root,
  path: string,
  folder: NewFolder,
): { readonly fd: number; readonly created: readonly string[] } {
  return withRoot(root, (top) => {
    const there = attempt(() => openInRoot(top, path, folderOnly), 'ENOENT');
    if (there !== undefined) return { fd: there, created: [] };
    const { fd, created } = walkFolders(top, '', bytesOf(path), folder, false);
    return { fd, created: created.map(textOf) };
  });
}

/**
 * An O_PATH descriptor of the folder `path` below `start`, both made where missing; `start` is a real path (no links,
 * no `..`) from the root. An absolute link leads from the root, a relative one must stay below `start`: EXDEV.
 */
export function openFolderBelow(root: number, start: ByteString, path: ByteString, folder: NewFolder): number {
  const direct = attempt(
    () => openInRoot(root, pathOf(`${start}/${path}`), folderOnly, 0, { noSymlinks: true }),
    'ENOENT',
    'ELOOP',
  );
  return direct ?? walkFolders(root, start, path, folder, true).fd;
}

/** Walks component by component, each time from the root along names that are known to be no links. */
function walkFolders(
  root: number,
  start: ByteString,
  path: ByteString,
  folder: NewFolder,
  refuseEscape: boolean,
): { fd: number; created: ByteString[] } {
  const created: ByteString[] = [];
  const rest = components(path);
  let at = start.replace(/\/+$/, '');
  let floor = at;
  let refuse = refuseEscape;
  let current = openInRoot(root, at === '' ? '/' : pathOf(at), folderOnly, 0, { noSymlinks: true });
  try {
    for (let links = 0; rest.length > 0; ) {
      const part = rest.shift()!;
      const link = part === '..' ? undefined : rawLink(current, part);
      if (link !== undefined) {
        if (++links > 40) throw systemError('openat2', errno.ELOOP, path);
        rest.unshift(...components(link));
        if (!link.startsWith('/')) continue;
        at = floor = '';
        refuse = false;
      } else if (part === '..') {
        if (at === floor && refuse) throw systemError('openat2', errno.EXDEV, path);
        at = at.slice(0, Math.max(0, at.lastIndexOf('/')));
      } else {
        at = `${at}/${part}`;
        if (makeFolder(current, part, folder)) created.push(at);
      }
      const next = openInRoot(root, at === '' ? '/' : pathOf(at), folderOnly, 0, { noSymlinks: true });
      closeSync(current);
      current = next;
    }
    return { fd: current, created };
  } catch (error) {
    closeSync(current);
    throw error;
  }
}

function rawLink(folder: number, name: ByteString): ByteString | undefined {
  return attempt(() => readlinkat(folder, pathOf(name)).toString('latin1'), 'ENOENT', 'EINVAL');
}

function components(path: ByteString): ByteString[] {
  return path.split('/').filter((part) => part !== '' && part !== '.');
}

function makeFolder(parent: number, part: ByteString, folder: NewFolder): boolean {
  const name = pathOf(part);
  if (attempt(() => mkdirat(parent, name, 0o700) ?? true, 'EEXIST') === undefined) return false;
  const fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  try {
    fchownat(fd, '', folder.uid, folder.gid);
    fchmodSync(fd, folder.mode & 0o7777);
  } finally {
    closeSync(fd);
  }
  return true;
}

/** Reads a regular file inside `root`. EFBIG when it holds more than `limit` bytes, EINVAL when it is no file. */
export function readFileInRoot(root: Root, path: string, limit: number): Buffer {
  const fd = openInRoot(root, path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
  try {
    const stat = fstatSync(fd);
    if (stat.isDirectory()) throw systemError('read', errno.EISDIR, path);
    if (!stat.isFile()) throw systemError('read', errno.EINVAL, path, 'not a regular file');
    if (stat.size > limit) throw systemError('read', errno.EFBIG, path);
    return readAtMost(fd, limit, path);
  } finally {
    closeSync(fd);
  }
}

function readAtMost(fd: number, limit: number, path: string): Buffer {
  const chunks: Buffer[] = [];
  for (let total = 0; ; ) {
    const chunk = Buffer.allocUnsafe(Math.min(limit + 1 - total, 1 << 16));
    const count = readSync(fd, chunk, 0, chunk.length, null);
    if (count === 0) return Buffer.concat(chunks);
    total += count;
    if (total > limit) throw systemError('read', errno.EFBIG, path);
    chunks.push(chunk.subarray(0, count));
  }
}

/** lstat or stat inside `root`; undefined when the path is absent. */
export function statInRoot(
  root: Root,
  path: string,
  options: FinalOptions & {
    /** A path that goes on behind what is no folder: nothing is there (the default), or that is a mistake. */
    readonly throughFile?: 'nothing' | 'throw';
  } = {},
): Stats | undefined {
  const flags = O_PATH | (options.follow === false ? O_NOFOLLOW : 0);
  const nothing = options.throughFile === 'throw' ? ['ENOENT'] : ['ENOENT', 'ENOTDIR'];
  const fd = attempt(() => openInRoot(root, path, flags), ...nothing);
  if (fd === undefined) return undefined;
  try {
    return fstatSync(fd);
  } finally {
    closeSync(fd);
  }
}

function withRoot<Result>(root: Root, action: (folder: number) => Result): Result {
  if (typeof root === 'number') return action(root);
  const folder = openat(-100, root, folderOnly);
  try {
    return action(folder);
  } finally {
    closeSync(folder);
  }
}
