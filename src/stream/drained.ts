import type { Writable } from 'node:stream';

/**
 * Resolves when `output`, which said that it is full, can take more, or is gone: whoever writes looks which. Never
 * rejects, and leaves no listener behind, however often it is waited for.
 */
export async function drained(output: Writable): Promise<void> {
  if (output.destroyed || !output.writableNeedDrain) return;
  await new Promise<void>((resolve) => {
    const events = ['drain', 'close', 'error'];
    const done = () => {
      for (const event of events) output.off(event, done);
      resolve();
    };
    for (const event of events) output.on(event, done);
  });
}
