/**
 * What is fetched or made once and kept between runs: base images, programs of packages, sources. Everything is below
 * one folder, /var/cache/strata, or where STRATA_CACHE says.
 *
 * Several runs of one machine may want the same thing at the same moment. One of them makes it, under a lock of the
 * kernel's, and the others wait. A thing is there as a whole or not at all: it is made beside its place and renamed.
 */
import { createHash } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';

export type Say = (line: string) => void;

export interface Thing {
  /** Path below the folder of kept things. */
  readonly name: string;
  /** For the one who waits. */
  readonly what: string;
  /** What decides how it turns out. Another recipe makes another thing; the one of an older checkout stays its own. */
  readonly recipe: unknown;
  /** Fills the empty folder. */
  make(folder: string): void;
}

export function keptFolder(): string {
  return process.env['STRATA_CACHE'] || '/var/cache/strata';
}

/** The folder of the thing, which is made unless it is there. */
export function kept(thing: Thing, say: Say = () => {}): string {
  const place = join(keptFolder(), `${thing.name}-${keyOf(thing)}`);
  if (existsSync(place)) return place;
  // What is kept must not depend on the caller's mask.
  const mask = process.umask(0o022);
  mkdirSync(dirname(place), { recursive: true });
  const unlock = lock(`${place}.lock`, () => say(`waiting for another run that prepares this: ${thing.what} …`));
  try {
    if (existsSync(place)) return place;
    say(`preparing ${thing.what} (once; kept in ${keptFolder()}) …`);
    const started = Date.now();
    const work = mkdtempSync(`${place}.part-`);
    try {
      chmodSync(work, 0o755);
      thing.make(work);
      renameSync(work, place);
    } finally {
      rmSync(work, { recursive: true, force: true });
    }
    say(`  done in ${((Date.now() - started) / 1000).toFixed(1)} s`);
    return place;
  } finally {
    unlock();
    process.umask(mask);
  }
}

function keyOf({ recipe, make }: Thing): string {
  const text = JSON.stringify([recipe, process.arch, make.toString()]);
  return createHash('sha256').update(text).digest('hex').slice(0, 12);
}

/** SQLite's exclusive lock on a file: the kernel drops it with the process, however that ends. */
function lock(file: string, wait: () => void): () => void {
  const db = new DatabaseSync(file);
  let told = false;
  for (;;) {
    try {
      db.exec(`PRAGMA busy_timeout = ${told ? 1000 : 0}; BEGIN EXCLUSIVE`);
      return () => db.close();
    } catch (error) {
      if (!/locked/.test((error as Error).message)) throw error;
      if (!told) wait();
      told = true;
    }
  }
}
