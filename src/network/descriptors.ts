import { readFileSync } from 'node:fs';

/** Descriptors that what passes through published ports may take together: the rest is the daemon's own work's. */
export interface Descriptors {
  /** False: there are no more, and nothing was taken. */
  take(count: number): boolean;
  give(count: number): void;
}

export function createDescriptors(most: number): Descriptors {
  let left = most;
  return {
    take(count) {
      if (left < count) return false;
      left -= count;
      return true;
    },
    give(count) {
      left += count;
    },
  };
}

/** Half of what the process may have open. Node.js raises the soft limit to the hard one when it starts. */
export function relayShare(): number {
  const limit = /^Max open files\s+(\d+|unlimited)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1];
  return Math.floor((limit === undefined || limit === 'unlimited' ? 1_048_576 : Number(limit)) / 2);
}
