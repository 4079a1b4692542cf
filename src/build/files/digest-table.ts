import type { BigIntStats } from 'node:fs';

interface Known {
  readonly size: bigint;
  readonly mtime: bigint;
  readonly ctime: bigint;
  readonly digest: string;
}

/** Where digests outlive the process. */
export interface DigestRows {
  find(device: bigint, inode: bigint): { size: bigint; mtime: bigint; ctime: bigint; digest: string } | undefined;
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
  readonly #recent = new Map<string, Known>();
  readonly #now: () => bigint;

  constructor(rows: DigestRows, now = () => BigInt(Date.now()) * 1_000_000n) {
    this.#rows = rows;
    this.#now = now;
  }

  find(stat: BigIntStats): string | undefined {
    const key = `${stat.dev}:${stat.ino}`;
    const known = this.#recent.get(key) ?? this.#rows.find(stat.dev, stat.ino);
    if (!known || known.size !== stat.size || known.mtime !== stat.mtimeNs || known.ctime !== stat.ctimeNs) {
      return undefined;
    }
    this.#remember(key, known);
    return known.digest;
  }

  keep(stat: BigIntStats, digest: string): void {
    const settled = this.#now() - racyWindow;
    if (stat.mtimeNs > settled || stat.ctimeNs > settled) return;
    const known = { size: stat.size, mtime: stat.mtimeNs, ctime: stat.ctimeNs, digest };
    this.#remember(`${stat.dev}:${stat.ino}`, known);
    this.#rows.keep(stat.dev, stat.ino, known);
  }

  #remember(key: string, known: Known): void {
    if (this.#recent.size >= 200_000) this.#recent.clear();
    this.#recent.set(key, known);
  }
}
