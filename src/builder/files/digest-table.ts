import type { BigIntStats } from 'node:fs';

interface Known {
  readonly size: bigint;
  readonly mtime: bigint;
  readonly ctime: bigint;
  readonly digest: string;
}

/** Where digests are kept: not in memory, where those of a large context would take tens of megabytes for each thread. */
export interface DigestRows {
  find(device: bigint, inode: bigint): Known | undefined;
  keep(device: bigint, inode: bigint, known: Known): void;
}

/** A file changed within this time before it was digested could change again and look the same. Nanoseconds. */
const racyWindow = 2_000_000_000n;

/**
 * Digests of files by what stat(2) says of them: an unchanged file is not read again. The change time cannot be set
 * by a program, so a file that was edited and then dated back is noticed as well.
 */
export class DigestTable {
  readonly #rows: DigestRows;
  readonly #now: () => bigint;

  constructor(rows: DigestRows, now = () => BigInt(Date.now()) * 1_000_000n) {
    this.#rows = rows;
    this.#now = now;
  }

  find(stat: BigIntStats): string | undefined {
    const known = this.#rows.find(stat.dev, stat.ino);
    const same = known?.size === stat.size && known.mtime === stat.mtimeNs && known.ctime === stat.ctimeNs;
    return same ? known.digest : undefined;
  }

  keep(stat: BigIntStats, digest: string): void {
    const settled = this.#now() - racyWindow;
    if (stat.mtimeNs > settled || stat.ctimeNs > settled) return;
    this.#rows.keep(stat.dev, stat.ino, { size: stat.size, mtime: stat.mtimeNs, ctime: stat.ctimeNs, digest });
  }
}
