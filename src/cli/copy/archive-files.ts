import type { BigIntStats } from 'node:fs';
import { join } from 'node:path';
import { StrataError } from '../../errors/index.ts';
import { type NewTarEntry, type NewTarHeader, writeTar } from '../../layer/index.ts';
import { compareNames, createReadStream, lstat, readdir, readlink } from '../../sys/index.ts';

/** An archive of a file or of a folder with all in it, its entries below `name`. Sockets are left out. */
export function archiveFiles(path: string, name: string): AsyncGenerator<Uint8Array> {
  return writeTar(walk(path, name, new Map()));
}

/** `first`: the name in the archive of each file that has several, by device and inode. */
async function* walk(path: string, name: string, first: Map<string, string>): AsyncGenerator<NewTarEntry> {
  const stats = await lstat(path, { bigint: true });
  const header = await headerOf(path, name, stats);
  if (!header) return;
  const inode = `${stats.dev}:${stats.ino}`;
  const link = header.type === 'file' && stats.nlink > 1n ? first.get(inode) : undefined;
  if (link !== undefined) {
    yield { header: { ...header, type: 'hardlink', size: 0, link } };
    return;
  }
  if (header.type === 'file' && stats.nlink > 1n) first.set(inode, name);
  yield { header, ...(header.type === 'file' && { body: content(path, Number(stats.size)) }) };
  if (header.type !== 'dir') return;
  for (const child of (await readdir(path)).sort(compareNames))
    yield* walk(join(path, child), `${name}/${child}`, first);
}

async function headerOf(path: string, name: string, stats: BigIntStats): Promise<NewTarHeader | undefined> {
  const common = {
    path: name,
    mode: Number(stats.mode & 0o7777n),
    uid: Number(stats.uid),
    gid: Number(stats.gid),
    mtimeSeconds: Number(stats.mtimeNs / 1_000_000_000n),
    mtimeNanoseconds: Number(stats.mtimeNs % 1_000_000_000n),
  };
  const device = {
    major: Number((stats.rdev >> 8n) & 0xfffn),
    minor: Number((stats.rdev & 0xffn) | ((stats.rdev >> 12n) & 0xfff00n)),
  };
  if (stats.isFile()) return { ...common, type: 'file', size: Number(stats.size) };
  if (stats.isDirectory()) return { ...common, type: 'dir', path: `${name}/` };
  if (stats.isSymbolicLink()) return { ...common, type: 'symlink', link: await readlink(path) };
  if (stats.isFIFO()) return { ...common, type: 'fifo' };
  if (stats.isCharacterDevice()) return { ...common, type: 'char', ...device };
  if (stats.isBlockDevice()) return { ...common, type: 'block', ...device };
  return undefined;
}

/** Exactly as many bytes as the header says, though the file may grow meanwhile. */
async function* content(path: string, size: number): AsyncGenerator<Uint8Array> {
  if (size === 0) return;
  try {
    yield* createReadStream(path, { end: size - 1, highWaterMark: 256 * 1024 });
  } catch (cause) {
    throw new StrataError('permission_denied', `cannot read ${path}`, { cause });
  }
}
