/**
 * Space that is kept for the day the disk is full.
 *
 * Whoever then removes something must be able to: the database has to note it before the files can go. So a few files are
 * kept in the data root that hold nothing but their space, and an inode each. One after another is given up when something
 * has no room, and they are made again when the disk has.
 */
import { closeSync, mkdirSync, openSync, rmSync, statfsSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { allocate, readdirSync } from '../sys/index.ts';

export interface Reserve {
  /** Gives up a piece; false: none is left. */
  give(): boolean;
  /** Gives up what it takes to have a little room on the disk. Whether the disk was full. */
  makeRoom(): boolean;
  /** Makes the pieces that are missing, for as long as the disk has space for several more. */
  restore(): void;
  /** Restores from time to time, until then. */
  stop(): void;
}

const pieces = 16;
const largestPiece = 1024 * 1024;
const restoreMs = 10_000;
/** So few free inodes are none: a removal makes some small files. */
const fewInodes = 8;

export function createReserve(dataRoot: string): Reserve {
  const folder = join(dataRoot, 'reserve');
  const probe = join(dataRoot, 'reserve.probe');
  const free = () => {
    const { bavail, bsize, blocks, files, ffree } = statfsSync(dataRoot);
    // A thirtieth of a small disk in all.
    const piece = Math.min(largestPiece, Math.max(bsize, Math.floor((blocks * bsize) / 512)));
    // A file system that has no number of inodes says 0 of 0.
    const inodes = files === 0 ? Number.POSITIVE_INFINITY : ffree;
    return { bytes: bavail * bsize, piece, inodes };
  };

  function give(): boolean {
    const name = names(folder).at(-1);
    if (name === undefined) return false;
    try {
      rmSync(join(folder, name));
      return true;
    } catch {
      return false;
    }
  }

  /** Tried, not calculated: the engine may have what is kept for root, but no more than its quota. */
  function isTight(): boolean {
    const { bytes, piece, inodes } = free();
    if (bytes >= 2 * largestPiece && inodes >= 1000) return false;
    if (inodes < fewInodes) return true;
    try {
      makePiece(probe, piece);
      rmSync(probe);
      return false;
    } catch {
      return true;
    }
  }

  function restore(): void {
    try {
      const kept = new Set(names(folder));
      if (kept.size === pieces) return;
      mkdirSync(folder, { recursive: true, mode: 0o700 });
      for (let number = 0; number < pieces; number++) {
        const name = String(number).padStart(2, '0');
        if (kept.has(name)) continue;
        const { bytes, piece, inodes } = free();
        if (bytes < 4 * piece || inodes < 4 * fewInodes) return;
        makePiece(join(folder, name), piece);
      }
    } catch {
      // Others took the space meanwhile: it is tried again.
    }
  }

  const timer = setInterval(restore, restoreMs).unref();
  return {
    give,
    makeRoom() {
      if (!isTight()) return false;
      while (give() && isTight());
      return true;
    },
    restore,
    stop: () => clearInterval(timer),
  };
}

function names(folder: string): string[] {
  try {
    return readdirSync(folder).sort();
  } catch {
    return [];
  }
}

function makePiece(file: string, size: number): void {
  const fd = openSync(file, 'w', 0o600);
  try {
    if (!allocate(fd, size)) writeSync(fd, Buffer.alloc(size, 1));
  } catch (error) {
    rmSync(file);
    throw error;
  } finally {
    closeSync(fd);
  }
}
