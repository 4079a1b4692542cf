import { createHash, randomBytes } from 'node:crypto';
import { mkdir, readdir, rm, stat, utimes } from 'node:fs/promises';
import { join } from 'node:path';

/** Folders of clients that are kept for their next build, at most. */
const most = 16;
const longestMs = 48 * 3600_000;

/** What clients sent, kept so that the next build of the same folder sends only what changed. */
export interface KeptFolders {
  /** The folder of this key as the last build left it; another one, empty, while somebody else has it. */
  take(key: string): Promise<{ readonly dir: string; release(): Promise<void> }>;
}

/** Folders below `root`, which is this room's own. */
export function createKeptFolders(root: string): KeptFolders {
  const taken = new Set<string>();

  /** The oldest go: first those that nobody asked for in two days. */
  async function tidy(): Promise<void> {
    const found = await Promise.all(
      (await readdir(root)).map(async (name) => ({ name, at: (await stat(join(root, name))).mtimeMs })),
    );
    const idle = found.filter(({ name }) => !taken.has(name)).sort((a, b) => b.at - a.at);
    for (const [i, { name, at }] of idle.entries())
      if (i >= most || at < Date.now() - longestMs) await rm(join(root, name), { recursive: true, force: true });
  }

  return {
    async take(key) {
      await mkdir(root, { recursive: true, mode: 0o700 });
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
  };
}
