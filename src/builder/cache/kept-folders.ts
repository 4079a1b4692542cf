import { createHash, randomBytes } from 'node:crypto';
import { mkdirSync, renameSync } from 'node:fs';
import { mkdir, readdir, rm, stat, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { isErrno, treeSize } from '../../sys/index.ts';

/** Folders of clients that are kept for their next build, at most. */
const most = 16;
const longestMs = 48 * 3600_000;

export interface KeptFolder {
  readonly id: string;
  readonly path: string;
  /** Bytes of its files. */
  readonly size: number;
  /** When the last build let go of it, milliseconds since 1970. */
  readonly usedAt: number;
  readonly inUse: boolean;
}

/** What clients sent, kept so that the next build of the same folder sends only what changed. */
export interface KeptFolders {
  /** The folder of this key as the last build left it; another one, empty, while somebody else has it. */
  take(key: string): Promise<{ readonly dir: string; release(): Promise<void> }>;
  list(): Promise<readonly KeptFolder[]>;
  /** False while a build has it. */
  remove(id: string): Promise<boolean>;
}

/** Folders below `root`, which nothing else uses. */
export function createKeptFolders(root: string): KeptFolders {
  const taken = new Set<string>();
  const sizes = new Map<string, { readonly at: number; readonly size: number }>();
  mkdirSync(root, { recursive: true, mode: 0o700 });

  async function found(): Promise<readonly { readonly name: string; readonly at: number }[]> {
    const all = (await readdir(root)).map(async (name) => {
      try {
        return [{ name, at: (await stat(join(root, name))).mtimeMs }];
      } catch (error) {
        // Somebody else has just removed it.
        if (isErrno(error, 'ENOENT')) return [];
        throw error;
      }
    });
    return (await Promise.all(all)).flat();
  }

  /** Walked again only after a build had it: the cache is listed after every build. */
  async function sizeOf(name: string, at: number): Promise<number> {
    const known = sizes.get(name);
    if (known?.at === at && !taken.has(name)) return known.size;
    const size = await treeSize(join(root, name));
    sizes.set(name, { at, size });
    return size;
  }

  async function remove(name: string): Promise<boolean> {
    if (taken.has(name)) return false;
    // A name of its own first: a build that asks for the folder while it goes begins a new one.
    const leaving = randomBytes(16).toString('hex');
    taken.add(leaving);
    try {
      renameSync(join(root, name), join(root, leaving));
      sizes.delete(name);
      await rm(join(root, leaving), { recursive: true, force: true });
      return true;
    } catch (error) {
      // Somebody else has just removed it.
      if (!isErrno(error, 'ENOENT')) throw error;
      return false;
    } finally {
      taken.delete(leaving);
    }
  }

  /** The oldest go: first those that nobody asked for in two days. */
  async function tidy(): Promise<void> {
    const idle = (await found()).filter(({ name }) => !taken.has(name)).sort((a, b) => b.at - a.at);
    for (const [i, { name, at }] of idle.entries()) if (i >= most || at < Date.now() - longestMs) await remove(name);
  }

  return {
    async take(key) {
      const own = createHash('sha256').update(key).digest('hex').slice(0, 32);
      const kept = key !== '' && !taken.has(own);
      const name = kept ? own : randomBytes(16).toString('hex');
      taken.add(name);
      const dir = join(root, name, 'files');
      await mkdir(dir, { recursive: true, mode: 0o755 });
      return {
        dir,
        async release() {
          const now = new Date();
          if (kept) await utimes(join(root, name), now, now).catch(() => undefined);
          else await rm(join(root, name), { recursive: true, force: true });
          taken.delete(name);
          await tidy().catch(() => undefined);
        },
      };
    },
    async list() {
      return await Promise.all(
        (await found()).map(async ({ name, at }) => {
          const size = await sizeOf(name, at);
          return { id: name, path: join(root, name), size, usedAt: Math.round(at), inUse: taken.has(name) };
        }),
      );
    },
    remove,
  };
}
