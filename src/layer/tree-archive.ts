import { type BigIntStats, closeSync, constants } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { StrataError } from '../errors/index.ts';
import {
  compareNames,
  fdPath,
  getOpenXattr,
  lstat,
  majorMinor,
  open,
  openInRoot,
  readdir,
  readlink,
  statInRoot,
} from '../sys/index.ts';
import type { NewTarHeader } from './tar-header.ts';
import { type NewTarEntry, writeTar } from './tar-write.ts';

export interface TreeOptions {
  /** Path in the archive of what is at `path`: `etc`, `.` or `/`; empty for what is in the folder without itself. */
  readonly name: string;
  /** Leave what is mounted below as empty folders (`export`). */
  readonly oneFileSystem?: boolean;
}

/** Deeper trees are an attack on our descriptors: each level holds one. */
const maxDepth = 2000;
const { O_DIRECTORY, O_NOFOLLOW, O_NONBLOCK, O_RDONLY } = constants;

/**
 * The file or tree at `path` inside `root` as a tar stream. The last component is not followed. Every level is entered
 * through a descriptor of the level above, so that nobody who swaps names for links can lead the walk out of `root`.
 */
export async function* archiveTree(root: string, path: string, options: TreeOptions): AsyncGenerator<Uint8Array> {
  yield* writeTar(entries(root, path, options));
}

async function* entries(root: string, path: string, options: TreeOptions): AsyncGenerator<NewTarEntry> {
  const links = new Map<string, string>();
  const found = statInRoot(root, path, { follow: false });
  if (!found) throw new StrataError('not_found', `${path} is not there any more`);
  if (found.isDirectory()) {
    const folder = await adopt(openInRoot(root, path, O_RDONLY | O_DIRECTORY));
    yield* walkFolder(folder, options.name, { ...options, links }, 0);
    return;
  }
  const slash = path.lastIndexOf('/');
  const parent = await adopt(openInRoot(root, path.slice(0, slash + 1) || '/', O_RDONLY | O_DIRECTORY));
  try {
    yield* entry(parent, path.slice(slash + 1), options.name, { ...options, links }, 0, undefined);
  } finally {
    await parent.close();
  }
}

/** A handle with the asynchronous methods for a descriptor that the kernel resolved inside the root. */
async function adopt(fd: number): Promise<FileHandle> {
  try {
    return await open(fdPath(fd), O_RDONLY | O_NONBLOCK);
  } finally {
    closeSync(fd);
  }
}

interface Walk extends TreeOptions {
  /** Archive names of files with several names, by device and inode. */
  readonly links: Map<string, string>;
}

async function* walkFolder(folder: FileHandle, name: string, walk: Walk, depth: number): AsyncGenerator<NewTarEntry> {
  try {
    if (depth > maxDepth) throw new StrataError('invalid_argument', `${name}: the tree is too deep`);
    const stats = await folder.stat({ bigint: true });
    const prefix = name === '' || name.endsWith('/') ? name : `${name}/`;
    if (prefix !== '') yield { header: { ...headerOf(stats, 'dir', prefix), xattrs: capabilities(folder.fd) } };
    for (const child of (await readdir(fdPath(folder.fd))).sort(compareNames)) {
      yield* entry(folder, child, prefix + child, walk, depth + 1, stats.dev);
    }
  } finally {
    await folder.close();
  }
}

async function* entry(
  parent: FileHandle,
  child: string,
  name: string,
  walk: Walk,
  depth: number,
  device: bigint | undefined,
): AsyncGenerator<NewTarEntry> {
  const at = `${fdPath(parent.fd)}/${child}`;
  const stats = await unlessGone(lstat(at, { bigint: true }));
  if (!stats) return;
  if (stats.isDirectory()) {
    if (walk.oneFileSystem && device !== undefined && stats.dev !== device) {
      yield { header: headerOf(stats, 'dir', `${name}/`) };
      return;
    }
    const folder = await unlessGone(open(at, O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
    if (folder) yield* walkFolder(folder, name, walk, depth);
    return;
  }
  if (stats.isSymbolicLink()) {
    const link = await unlessGone(readlink(at));
    if (link !== undefined) yield { header: { ...headerOf(stats, 'symlink', name), link } };
    return;
  }
  if (stats.isFile()) {
    yield* file(at, name, walk);
    return;
  }
  const type = stats.isCharacterDevice()
    ? 'char'
    : stats.isBlockDevice()
      ? 'block'
      : stats.isFIFO()
        ? 'fifo'
        : undefined;
  // A socket means nothing without its listener.
  if (type === undefined) return;
  yield { header: { ...headerOf(stats, type, name), ...majorMinor(stats.rdev) } };
}

async function* file(at: string, name: string, walk: Walk): AsyncGenerator<NewTarEntry> {
  const handle = await unlessGone(open(at, O_RDONLY | O_NOFOLLOW | O_NONBLOCK));
  if (!handle) return;
  try {
    const stats = await handle.stat({ bigint: true });
    if (!stats.isFile()) return;
    const key = `${stats.dev}:${stats.ino}`;
    const first = stats.nlink > 1n ? walk.links.get(key) : undefined;
    if (first !== undefined) {
      yield { header: { ...headerOf(stats, 'hardlink', name), link: first } };
      return;
    }
    if (stats.nlink > 1n) walk.links.set(key, name);
    const size = Number(stats.size);
    yield {
      header: { ...headerOf(stats, 'file', name), size, xattrs: capabilities(handle.fd) },
      body: exactly(handle, size),
    };
  } finally {
    await handle.close();
  }
}

/** Exactly `size` bytes, although the file may grow or shrink meanwhile. */
async function* exactly(handle: FileHandle, size: number): AsyncGenerator<Uint8Array> {
  for (let left = size; left > 0; ) {
    const chunk = Buffer.alloc(Math.min(left, 256 * 1024));
    const { bytesRead } = await handle.read(chunk, 0, chunk.length, size - left);
    left -= bytesRead === 0 ? chunk.length : bytesRead;
    yield bytesRead === 0 ? chunk : chunk.subarray(0, bytesRead);
  }
}

function headerOf(stats: BigIntStats, type: NewTarHeader['type'], path: string): NewTarHeader {
  const second = 1_000_000_000n;
  return {
    path,
    type,
    mode: Number(stats.mode & 0o7777n),
    uid: Number(stats.uid),
    gid: Number(stats.gid),
    mtimeSeconds: Number(stats.mtimeNs / second),
    mtimeNanoseconds: Number(stats.mtimeNs % second),
  };
}

function capabilities(fd: number): ReadonlyMap<string, Uint8Array> {
  const value = getOpenXattr(fd, 'security.capability');
  return new Map(value ? [['security.capability', value]] : []);
}

/** A live tree loses files while it is read. */
async function unlessGone<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ELOOP' || code === 'ENOTDIR' || code === 'ENXIO') return undefined;
    throw error;
  }
}
