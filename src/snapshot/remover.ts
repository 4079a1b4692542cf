import { execFile } from 'node:child_process';
import { rm } from 'node:fs/promises';

/** Takes trees off the disk in the background. */
export interface Remover {
  remove(path: string): void;
  /** Waits until all are gone. What cannot be removed stays. */
  settle(): Promise<void>;
}

/** As many paths as fit into the arguments of one process with ease. */
const most = 100;

/**
 * The work is `rm`'s, one process at a time: Node's own removal keeps a promise for every file of a tree at once, which for
 * a layer of 50,000 files is a hundred megabytes, and it gives up where a path is longer than the kernel takes.
 */
export function createRemover(): Remover {
  const waiting: string[] = [];
  let running: Promise<void> | undefined;

  async function work(): Promise<void> {
    while (waiting.length > 0) await removeAll(waiting.splice(0, most));
    running = undefined;
  }

  return {
    remove(path) {
      waiting.push(path);
      running ??= work();
    },
    async settle() {
      while (running) await running;
    },
  };
}

async function removeAll(paths: readonly string[]): Promise<void> {
  const missing = await new Promise<boolean>((done) => {
    execFile('rm', ['-rf', '--', ...paths], (error) => done(error !== null && error.code === 'ENOENT'));
  });
  if (!missing) return;
  for (const path of paths) await rm(path, { recursive: true, force: true }).catch(() => {});
}
