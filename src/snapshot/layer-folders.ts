import { randomBytes } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { createRemover } from './remover.ts';

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
  /** Waits for removals under way; what cannot be removed is tried again at the next start. */
  settle(): Promise<void>;
}

const trash = '.trash';

/** What a damaged row calls a layer is no folder of a layer: it never is one of others. */
const nowhere = '.damaged';

export function createLayerFolders(root: string): LayerFolders {
  const place = (id: string) => join(root, /^[0-9a-f]{12}$/.test(id) ? id : nowhere);
  mkdirSync(join(root, trash), { recursive: true, mode: 0o700 });
  chmodSync(root, 0o700);
  const remover = createRemover();
  for (const name of readdirSync(join(root, trash))) remover.remove(join(root, trash, name));
  return {
    create() {
      // Short, since every layer's path is part of a mount's options.
      const id = randomBytes(6).toString('hex');
      mkdirSync(join(root, id));
      mkdirSync(join(root, id, 'd'), { mode: 0o755 });
      mkdirSync(join(root, id, 'w'));
      return id;
    },
    diff: (id) => join(place(id), 'd'),
    cleanWork(id) {
      const work = join(place(id), 'w');
      if (existsSync(join(work, 'work', 'incompat'))) rmSync(join(work, 'work'), { recursive: true });
      return work;
    },
    seal: (id) => rmSync(join(place(id), 'w'), { recursive: true, force: true }),
    remove(id) {
      const from = place(id);
      const target = join(root, trash, `${basename(from)}-${randomBytes(3).toString('hex')}`);
      try {
        renameSync(from, target);
      } catch (error) {
        const { code } = error as NodeJS.ErrnoException;
        if (code === 'ENOENT') return;
        // The other folder had no room for another name.
        if (code !== 'ENOSPC' && code !== 'EDQUOT') throw error;
        remover.remove(from);
        return;
      }
      remover.remove(target);
    },
    ids: () => readdirSync(root).filter((name) => name !== trash),
    settle: () => remover.settle(),
  };
}
