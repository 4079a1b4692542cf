/**
 * Mount stubs: the empty files and folders that a runtime makes in a root to mount over. They must not become part of a
 * layer. What was there before is noted ahead of the run; what is new, empty and of the noted kind afterwards is removed,
 * and the dates of the folders that held it are put back.
 */
import {
  type BigIntStats,
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  readdirSync,
  rmdirSync,
  unlinkSync,
} from 'node:fs';
import { posix } from 'node:path';
import { fdPath, openInRoot, setTimes } from '../sys/index.ts';

export interface Stubs {
  /** A path that something will be mounted at. */
  note(path: string): void;
  remove(): void;
}

interface Noted {
  readonly path: string;
  /** The nearest folder above that existed, with its date before. */
  readonly parent: string;
  readonly before: BigIntStats;
}

export function createStubs(root: string): Stubs {
  const noted: Noted[] = [];
  return {
    note(path) {
      // Each missing part of the path is a stub of its own, deepest last.
      const parts = posix.normalize(`/${path}`).split('/').filter(Boolean);
      let at = '';
      for (const part of parts) {
        const parent = at === '' ? '/' : at;
        at = `${at}/${part}`;
        if (exists(root, at)) continue;
        const before = statFolder(root, existing(root, parent));
        if (before) noted.push({ path: at, parent, before });
      }
    },
    remove() {
      for (const { path, parent, before } of noted.reverse()) removeStub(root, path, parent, before);
    },
  };
}

function exists(root: string, path: string): boolean {
  const fd = tryOpen(root, path, constants.O_RDONLY | 0x200000 | constants.O_NOFOLLOW);
  if (fd === undefined) return false;
  closeSync(fd);
  return true;
}

function existing(root: string, path: string): string {
  for (let at = path; at !== '/'; at = posix.dirname(at)) if (exists(root, at)) return at;
  return '/';
}

function statFolder(root: string, path: string): BigIntStats | undefined {
  const fd = tryOpen(root, path, constants.O_RDONLY | constants.O_DIRECTORY);
  if (fd === undefined) return undefined;
  try {
    return fstatSync(fd, { bigint: true });
  } finally {
    closeSync(fd);
  }
}

/** Works on the opened parent, so that a link put in its place meanwhile leads nowhere. */
function removeStub(root: string, path: string, parent: string, before: BigIntStats): void {
  const fd = tryOpen(root, parent, constants.O_RDONLY | constants.O_DIRECTORY);
  if (fd === undefined) return;
  try {
    const stub = `${fdPath(fd)}/${posix.basename(path)}`;
    const found = lstatSync(stub);
    if (found.isDirectory() && readdirSync(stub).length === 0) rmdirSync(stub);
    else if (found.isFile() && found.size === 0) unlinkSync(stub);
    else return;
    if (fstatSync(fd, { bigint: true }).ino === before.ino)
      setTimes(`${fdPath(fd)}/.`, Number(before.mtimeNs / 1_000_000_000n), Number(before.mtimeNs % 1_000_000_000n));
  } catch (error) {
    if (!['ENOENT', 'ENOTDIR', 'ENOTEMPTY'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
  } finally {
    closeSync(fd);
  }
}

function tryOpen(root: string, path: string, flags: number): number | undefined {
  try {
    return openInRoot(root, path, flags);
  } catch {
    return undefined;
  }
}
