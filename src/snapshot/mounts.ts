import { readdirSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';
import { mount, mountOverlay, mountsBelow, unmount } from '../sys/index.ts';
import type { Mount } from './types.ts';

export interface Tree {
  readonly target: string;
  /** Layer directories, topmost first. */
  readonly lowers: readonly string[];
  /** Where the writes go; with it comes `work`. */
  readonly upper?: string;
  readonly work?: string;
  readonly volatile: boolean;
}

/** Mounts a merged tree; one without any layer is an empty folder. */
export function mountTree({ target, lowers, upper, work, volatile }: Tree): void {
  if (upper !== undefined && lowers.length > 0) {
    mountOverlay({ lowers, upper, work: work!, target, ...(volatile && { options: ['volatile'] }) });
  } else if (upper !== undefined) mount(upper, target, null, ['bind']);
  else if (lowers.length > 0) mountOverlay({ lowers, target });
  else mount('tmpfs', target, 'tmpfs', ['ro'], 'size=4k,mode=0755');
}

export function mountHandle(target: string, ownFolder: boolean): Mount {
  let mounted = true;
  return {
    target,
    async unmount() {
      if (!mounted) return;
      mounted = false;
      try {
        unmount(target);
      } catch {
        // Somebody still has a file open: it goes away with the last user.
        unmount(target, { detach: true });
      }
      if (ownFolder) rmdirSync(target);
    },
  };
}

/** Takes away the mounts that an earlier process left below `root`, and their folders. */
export function unmountAllBelow(root: string): void {
  for (const target of mountsBelow(root)) unmount(target, { detach: true });
  for (const name of readdirSync(root)) {
    try {
      rmdirSync(join(root, name));
    } catch {
      // Not a folder of ours, or not empty: no reason not to start.
    }
  }
}
