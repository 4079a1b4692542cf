/**
 * Mount stubs: empty files and folders in a root that something is mounted over. A runtime makes what is missing by
 * itself; made here, it is known what to take away again, so that no stub becomes part of a layer.
 */
import { type BigIntStats, closeSync, constants, fstatSync } from 'node:fs';
import { posix } from 'node:path';
import {
  fdPath,
  isErrno,
  mkdirat,
  nameOf,
  O_PATH,
  openat,
  openInRoot,
  readlinkat,
  readlinkSync,
  setTimes,
  unlinkat,
} from '../sys/index.ts';

/** A stub that was made; plain data, so that another process can remove it. */
export interface StubRecord {
  /** Path in the root, without links. */
  readonly folder: string;
  readonly name: string;
  readonly kind: 'file' | 'folder';
  readonly inode: string;
  /** Modification time of the folder, in nanoseconds: before its first stub, and after this one. */
  readonly before: string;
  readonly after: string;
}

export interface StubTarget {
  readonly path: string;
  readonly kind: 'file' | 'folder';
  /** Of a file; default 0644. */
  readonly mode?: number;
}

const { O_CREAT, O_DIRECTORY, O_EXCL, O_NOFOLLOW, O_RDONLY } = constants;
const mostLinks = 40;

/** Makes what is missing of each path, following links inside the root as the runtime will. */
export function makeStubs(root: string, targets: readonly StubTarget[]): readonly StubRecord[] {
  const made: StubRecord[] = [];
  const rootPath = realPath(root, '/');
  for (const target of targets) make(target, 0);
  return made;

  function make(target: StubTarget, links: number): void {
    const { path, kind, mode = 0o644 } = target;
    const clean = posix.normalize(`/${path}`).replace(/(.)\/$/, '$1');
    if (clean === '/' || links > mostLinks || exists(root, clean)) return;
    const [parent, name] = [posix.dirname(clean), posix.basename(clean)];
    make({ path: parent, kind: 'folder' }, links);
    const folder = openInRoot(root, parent, O_RDONLY | O_DIRECTORY);
    try {
      const link = linkTarget(folder, name);
      if (link !== undefined) make({ ...target, path: link.startsWith('/') ? link : `${parent}/${link}` }, links + 1);
      else create(folder, name, kind, mode);
    } finally {
      closeSync(folder);
    }
  }

  function create(folder: number, name: string, kind: 'file' | 'folder', mode: number): void {
    const path = readlinkSync(fdPath(folder)).slice(rootPath.length) || '/';
    const earlier = made.find((stub) => stub.folder === path);
    const before = earlier?.before ?? String(stat(folder).mtimeNs);
    if (kind === 'folder') mkdirat(folder, name, 0o755);
    const flags = kind === 'folder' ? O_RDONLY | O_DIRECTORY | O_NOFOLLOW : O_RDONLY | O_CREAT | O_EXCL | O_NOFOLLOW;
    const fd = openat(folder, name, flags, mode);
    const inode = String(stat(fd).ino);
    closeSync(fd);
    made.push({ folder: path, name, kind, inode, before, after: String(stat(folder).mtimeNs) });
  }
}

/**
 * Takes away what is still as it was made: empty, and the same inode in the same folder. A folder that nothing else
 * changed gets its date back. Nothing is followed: a link in the place of a folder leaves its stubs where they are.
 */
export function removeStubs(root: string, stubs: readonly StubRecord[]): void {
  const depth = (path: string) => (path === '/' ? 0 : path.split('/').length);
  const folders = [...new Set(stubs.map(({ folder }) => folder))].sort((a, b) => depth(b) - depth(a));
  for (const path of folders) {
    const own = stubs.filter(({ folder }) => folder === path);
    const folder = openFolder(root, path);
    if (folder === undefined) continue;
    try {
      const now = stat(folder).mtimeNs;
      for (const stub of own.toReversed()) removeStub(folder, stub);
      const time = String(now) === own.at(-1)!.after ? BigInt(own[0]!.before) : now;
      setTimes(`${fdPath(folder)}/.`, Number(time / 1_000_000_000n), Number(time % 1_000_000_000n));
    } finally {
      closeSync(folder);
    }
  }
}

function openFolder(root: string, path: string): number | undefined {
  try {
    return openInRoot(root, path, O_RDONLY | O_DIRECTORY, 0, { noSymlinks: true });
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR', 'ELOOP')) return undefined;
    throw error;
  }
}

function removeStub(folder: number, { name, kind, inode }: StubRecord): void {
  try {
    const fd = openat(folder, name, O_PATH | O_NOFOLLOW);
    const found = stat(fd);
    closeSync(fd);
    if (String(found.ino) !== inode || (kind === 'file' && found.size > 0n)) return;
    unlinkat(folder, name, { folder: kind === 'folder' });
  } catch (error) {
    // Removed, replaced or filled by the process: it is the process's own then.
    if (!isErrno(error, 'ENOENT', 'ENOTDIR', 'EISDIR', 'ENOTEMPTY', 'EBUSY')) throw error;
  }
}

function realPath(root: string, path: string): string {
  const fd = openInRoot(root, path, O_PATH | O_DIRECTORY);
  try {
    const real = readlinkSync(fdPath(fd));
    return real === '/' ? '' : real;
  } finally {
    closeSync(fd);
  }
}

function exists(root: string, path: string): boolean {
  try {
    closeSync(openInRoot(root, path, O_PATH));
    return true;
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return false;
    throw error;
  }
}

function linkTarget(folder: number, name: string): string | undefined {
  try {
    return nameOf(readlinkat(folder, name));
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'EINVAL')) return undefined;
    throw error;
  }
}

function stat(fd: number): BigIntStats {
  return fstatSync(fd, { bigint: true });
}
