import { statfs } from 'node:fs/promises';
import { messageOf } from '../errors/index.ts';
import type { Images } from '../image/index.ts';
import { longestTimer } from './longest-timer.ts';
import type { EngineConfig } from './types.ts';

/** Brings images that were made here into the OCI layout, without keeping anybody waiting. */
export interface LayoutPacking {
  /** There is an image that the layout does not list. */
  soon(): void;
  /** Something begins that needs the processors: what is being packed for the layout alone is given up, and done later. */
  giveWay(): void;
  stop(): Promise<void>;
}

/** Layers of so many bytes in all are packed before anybody notices. */
const little = 8 * 1024 * 1024;
/** Commands often come one after another. */
const pause = 200;

/**
 * Small layers are packed as soon as nothing is built, large ones when nothing was for `layout.idleSeconds`, and while the
 * disk has `gc.minFreeBytes` to spare.
 */
export function createLayoutPacking(parts: {
  readonly config: Pick<EngineConfig, 'dataRoot' | 'gc' | 'layout'>;
  readonly images: Pick<Images, 'completeLayout'>;
  readonly isBusy: () => boolean;
  readonly log: (line: string) => void;
}): LayoutPacking {
  const { config, images, isBusy, log } = parts;
  let stop = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  let running: Promise<void> | undefined;
  let isOver = false;

  function wait(milliseconds: number, most: number): void {
    clearTimeout(timer);
    if (isOver || !config.layout.pack) return;
    timer = setTimeout(
      () => {
        // A build that is under way calls for it again when it ends.
        if (!isBusy()) void pack(most);
      },
      Math.min(milliseconds, longestTimer),
    );
    timer.unref();
  }

  async function pack(most: number): Promise<void> {
    await running;
    const { signal } = stop;
    let isLeft = false;
    const mayPack = async (bytes: number) => {
      if (bytes > most) {
        isLeft = true;
        return false;
      }
      const { bavail, bsize } = await statfs(config.dataRoot);
      return bavail * bsize > bytes + (bytes > little ? config.gc.minFreeBytes : 8 * little);
    };
    running = images.completeLayout({ mayPack, signal }).catch((error: unknown) => {
      if (!signal.aborted) log(`an image could not be brought into the OCI layout: ${messageOf(error)}`);
    });
    await running;
    if (isLeft && !signal.aborted) wait(config.layout.idleSeconds * 1000, Number.POSITIVE_INFINITY);
  }

  return {
    soon: () => wait(pause, little),
    giveWay() {
      stop.abort();
      stop = new AbortController();
      clearTimeout(timer);
    },
    async stop() {
      isOver = true;
      stop.abort();
      clearTimeout(timer);
      await running;
    },
  };
}
