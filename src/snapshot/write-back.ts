import { spawn } from 'node:child_process';

export interface WriteBack {
  /** Something was written that should be on the disk before long. */
  soon(): void;
  stop(): void;
}

const quietMilliseconds = 5000;

/**
 * Has the kernel write the file system of `root` out once it has been quiet for a while. Steps of a build write through
 * volatile mounts, which wait for no disk; what a power cut can take is then the last few seconds, not half a minute.
 */
export function createWriteBack(root: string): WriteBack {
  let timer: NodeJS.Timeout | undefined;
  const run = () => {
    timer = undefined;
    // In a process of its own: the call blocks for as long as the disk takes. Where it fails, the kernel does it later.
    spawn('sync', ['-f', root], { stdio: 'ignore' })
      .on('error', () => {})
      .unref();
  };
  return {
    soon() {
      timer = timer?.refresh() ?? setTimeout(run, quietMilliseconds).unref();
    },
    stop: () => clearTimeout(timer),
  };
}
