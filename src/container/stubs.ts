/**
 * Mount stubs: empty files and folders in a root that something is mounted over. A runtime makes what is missing by
 * itself; made here, it is known what to take away again, so that no stub becomes part of a layer.
 */
import { type BigIntStats, closeSync, constants, fstatSync } from 'node:fs';
import { posix } from 'node:path';
import { fdPath, isErrno, mkdirat, O_PATH, openat, openInRoot, readlinkat, setTimes, unlinkat } from '../sys/index.ts';

export interface Stubs {
  /** Makes what is missing of `path`, following links inside the root as the runtime will. */
  make(path: string, kind: 'file' | 'folder'): void;
  /** Takes away what was made and is still empty, and puts the dates of folders back that nothing else changed. */
  remove(): void;
}

/** A folder that holds stubs. Kept open: what the step puts in its place or moves it to then plays no part. */
interface Folder {
  readonly fd: number;
  /** Modification time before the first stub. */
  readonly before: bigint;
  /** After the last one: another time later means that the step changed something. */
  after: bigint;
}

interface Stub {
  readonly folder: Folder;
  readonly name: string;
  readonly kind: 'file' | 'folder';
  readonly inode: bigint;
}

const { O_CREAT, O_DIRECTORY, O_EXCL, O_NOFOLLOW, O_RDONLY } = constants;
const mostLinks = 40;

export function createStubs(root: string): Stubs {
  const folders = new Map<string, Folder>();
  const stubs: Stub[] = [];

  function make(path: string, kind: 'file' | 'folder', links = 0): void {
    const clean = posix.normalize(`/${path}`).replace(/(.)\/$/, '$1');
    if (clean === '/' || links > mostLinks || exists(root, clean)) return;
    const [parent, name] = [posix.dirname(clean), posix.basename(clean)];
    make(parent, 'folder', links);
    const folder = keep(openInRoot(root, parent, O_RDONLY | O_DIRECTORY));
    const link = linkTarget(folder.fd, name);
    if (link !== undefined) make(link.startsWith('/') ? link : `${parent}/${link}`, kind, links + 1);
    else create(folder, name, kind);
  }

  function keep(fd: number): Folder {
    const { dev, ino, mtimeNs } = stat(fd);
    const known = folders.get(`${dev}:${ino}`);
    if (known) closeSync(fd);
    const folder = known ?? { fd, before: mtimeNs, after: mtimeNs };
    folders.set(`${dev}:${ino}`, folder);
    return folder;
  }

  function create(folder: Folder, name: string, kind: 'file' | 'folder'): void {
    if (kind === 'folder') mkdirat(folder.fd, name, 0o755);
    const flags = kind === 'folder' ? O_RDONLY | O_DIRECTORY | O_NOFOLLOW : O_RDONLY | O_CREAT | O_EXCL | O_NOFOLLOW;
    const fd = openat(folder.fd, name, flags, 0o644);
    stubs.push({ folder, name, kind, inode: stat(fd).ino });
    closeSync(fd);
    folder.after = stat(folder.fd).mtimeNs;
  }

  return {
    make: (path, kind) => make(path, kind),
    remove() {
      const changed = new Map([...folders.values()].map((folder) => [folder, stat(folder.fd).mtimeNs]));
      for (const stub of stubs.splice(0).reverse()) removeStub(stub);
      for (const [folder, now] of changed) {
        const time = now === folder.after ? folder.before : now;
        setTimes(`${fdPath(folder.fd)}/.`, Number(time / 1_000_000_000n), Number(time % 1_000_000_000n));
        closeSync(folder.fd);
      }
      folders.clear();
    },
  };
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
    return readlinkat(folder, name).toString();
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'EINVAL')) return undefined;
    throw error;
  }
}

function removeStub({ folder, name, kind, inode }: Stub): void {
  try {
    const fd = openat(folder.fd, name, O_PATH | O_NOFOLLOW);
    const found = stat(fd);
    closeSync(fd);
    if (found.ino !== inode || (kind === 'file' && found.size > 0n)) return;
    unlinkat(folder.fd, name, { folder: kind === 'folder' });
  } catch (error) {
    // Removed, replaced or filled by the step: it is the step's then.
    if (!isErrno(error, 'ENOENT', 'ENOTDIR', 'EISDIR', 'ENOTEMPTY')) throw error;
  }
}

function stat(fd: number): BigIntStats {
  return fstatSync(fd, { bigint: true });
}
