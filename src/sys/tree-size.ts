import { join } from 'node:path';
import { isErrno } from './errno.ts';
import { lstat, readdir } from './named-files.ts';

/** Bytes of the regular files below `folder`, which may change meanwhile; a file of several names counts once. */
export async function treeSize(folder: string): Promise<number> {
  const counted = new Set<string>();
  let sum = 0;
  const open = [folder];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    for (const entry of (await unlessGone(readdir(next, { withFileTypes: true }))) ?? []) {
      const path = join(next, entry.name);
      if (entry.isDirectory()) open.push(path);
      if (!entry.isFile()) continue;
      const stats = await unlessGone(lstat(path));
      const inode = stats && stats.nlink > 1 ? `${stats.dev}:${stats.ino}` : '';
      if (!stats?.isFile() || counted.has(inode)) continue;
      if (inode !== '') counted.add(inode);
      sum += stats.size;
    }
  }
  return sum;
}

async function unlessGone<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work;
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) return undefined;
    throw error;
  }
}
