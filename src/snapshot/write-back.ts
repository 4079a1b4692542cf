import { spawn } from 'node:child_process';

export interface WriteBack {
  /** Something was written that should be on the disk before long. */
  soon(): void;
  /** Resolves when all that was written until now is on the disk. */
  settled(): Promise<void>;
  stop(): void;
}

const quietMilliseconds = 5000;

/**
 * Has the kernel write the file system of `root` out once it has been quiet for a while, or when somebody is to be told of
 * what was made. Steps of a build write through volatile mounts, which wait for no disk; what a power cut can take is then
 * the last few seconds of what nobody was told of.
 */
export function createWriteBack(root: string): WriteBack {
  let timer: NodeJS.Timeout | undefined;
  let isDirty = false;
  let running: Promise<void> | undefined;

  /** In a process of its own: the call blocks for as long as the disk takes. Where it fails, the kernel does it later. */
  function write(): Promise<void> {
    isDirty = false;
    clearTimeout(timer);
    timer = undefined;
    const done = new Promise<void>((resolve) => {
      const child = spawn('sync', ['-f', root], { stdio: 'ignore' });
      child.on('error', () => resolve()).on('close', () => resolve());
    });
    running = done.finally(() => {
      running = undefined;
    });
    return running;
  }

  return {
    soon() {
      isDirty = true;
      timer = timer?.refresh() ?? setTimeout(() => void write(), quietMilliseconds).unref();
    },
    async settled() {
      await running;
      if (isDirty) await write();
    },
    stop: () => clearTimeout(timer),
  };
}
