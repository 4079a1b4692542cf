import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';

/** Folders of layers below `root`: `<id>/d` is the diff, `<id>/w` the work folder while it is written. */
export interface LayerFolders {
  create(): string;
  diff(id: string): string;
  /** The work folder, without the mark that a volatile mount leaves there and that forbids another mount. */
  cleanWork(id: string): string;
  /** The layer is complete: its work folder goes. */
  seal(id: string): void;
  /** Gone from its name at once, from the disk in the background. */
  remove(id: string): void;
  ids(): readonly string[];
  /** Waits for removals under way. */
  settle(): Promise<void>;
}

const trash = '.trash';

export function createLayerFolders(root: string): LayerFolders {
  mkdirSync(join(root, trash), { recursive: true, mode: 0o700 });
  chmodSync(root, 0o700);
  const removals = new Set<Promise<void>>();
  const discard = (path: string) => {
    const removal = removeTree(path).finally(() => removals.delete(removal));
    removals.add(removal);
  };
  for (const name of readdirSync(join(root, trash))) discard(join(root, trash, name));
  return {
    create() {
      // Short, since every layer's path is part of a mount's options.
      const id = randomBytes(6).toString('hex');
      mkdirSync(join(root, id));
      mkdirSync(join(root, id, 'd'), { mode: 0o755 });
      mkdirSync(join(root, id, 'w'));
      return id;
    },
    diff: (id) => join(root, id, 'd'),
    cleanWork(id) {
      const work = join(root, id, 'w');
      if (existsSync(join(work, 'work', 'incompat'))) rmSync(join(work, 'work'), { recursive: true });
      return work;
    },
    seal: (id) => rmSync(join(root, id, 'w'), { recursive: true, force: true }),
    remove(id) {
      const target = join(root, trash, `${id}-${randomBytes(3).toString('hex')}`);
      try {
        renameSync(join(root, id), target);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
        throw error;
      }
      discard(target);
    },
    ids: () => readdirSync(root).filter((name) => name !== trash),
    settle: async () => void (await Promise.allSettled(removals)),
  };
}

/** What cannot be removed stays in the trash and is tried again at the next start. */
async function removeTree(path: string): Promise<void> {
  try {
    await rm(path, { recursive: true, force: true, maxRetries: 2 });
  } catch {
    // Paths that are longer than the kernel takes at once: the program goes down step by step.
    await new Promise<void>((done) => void execFile('rm', ['-rf', '--', path], () => done()));
  }
}
