/**
 * Which database belongs to which store, and how far it is.
 *
 * What no row names is swept at start. So a start with another database than the store's own, or with an old copy of it,
 * would take away what the lost rows named. The store and its database therefore carry the same identity and count the
 * same *epochs*: the number grows in the database first and in the store afterwards, so the store is never ahead of a
 * database that is its own and whole.
 */
import { randomUUID } from 'node:crypto';
import { closeSync, existsSync, openSync, readdirSync, readFileSync, readSync, statSync } from 'node:fs';
import { open, rename } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { Database } from '../db/index.ts';
import { diskFullText, messageOf, StrataError } from '../errors/index.ts';
import { fsyncDir } from '../sys/index.ts';

interface Mark {
  readonly store: string;
  readonly epoch: number;
}

export interface StoreMark {
  /** The engine's identity, made with its data root. */
  readonly id: string;
  /** Begins another epoch where something was changed in this one. */
  tick(): Promise<void>;
  /** The last epoch, and no other after it. */
  close(): Promise<void>;
}

/** So much may be lost in an old copy of the database without being noticed. */
const epochMs = 10_000;

/** Before the database is opened, which would make a new one: refuses where there was one. */
export function refuseWithoutDatabase(dataRoot: string): void {
  const file = join(dataRoot, 'strata.db');
  const size = statSync(file, { throwIfNoEntry: false })?.size;
  if (holds(dataRoot) === undefined) return;
  if (size !== undefined && size > 0) {
    if (!isSqlite(file)) throw lost(dataRoot, `its database ${file} is damaged`, 'database_damaged');
    return;
  }
  throw lost(dataRoot, `its database ${file} is ${size === undefined ? 'missing' : 'empty'}`, 'database_missing');
}

/** SQLite takes a file of less than a page for a new one, and other files for damaged ones. */
function isSqlite(file: string): boolean {
  const title = Buffer.alloc(16);
  const fd = openSync(file, 'r');
  try {
    readSync(fd, title, 0, 16, 0);
  } finally {
    closeSync(fd);
  }
  return title.toString('latin1') === 'SQLite format 3\0';
}

/** Refuses a database that is not the one of the store, then counts on in both. */
export async function claimStore(db: Database, roots: { dataRoot: string; stateRoot: string }): Promise<StoreMark> {
  const { dataRoot, stateRoot } = roots;
  const own = readMark(markFile(dataRoot));
  const known = storedValue(db, 'id');
  const epoch = Number(storedValue(db, 'epoch') ?? 0);
  const file = join(dataRoot, 'strata.db');
  if (holds(dataRoot) !== undefined) {
    if (known === undefined && (own !== undefined || isBlank(db)))
      throw lost(dataRoot, `its database ${file} is empty`, 'database_missing');
    if (own && own.store !== known)
      throw lost(dataRoot, `its database ${file} is the one of another store`, 'database_foreign');
    if (own && own.epoch > epoch)
      throw lost(dataRoot, `its database ${file} is an older copy, which does not name all of it`, 'database_older');
  }
  const id = known ?? randomUUID();
  refuseOtherState(stateRoot, id);
  let mark: Mark = { store: id, epoch: Math.max(epoch, own?.store === id ? own.epoch : 0) };
  let written = false;
  let seen = -1;

  async function count(): Promise<void> {
    // What could not be written is the next to be written: the database may be one ahead, or the store would be.
    if (written) mark = { ...mark, epoch: mark.epoch + 1 };
    written = false;
    db.transaction(() => {
      setValue(db, 'id', mark.store);
      setValue(db, 'epoch', String(mark.epoch));
    });
    seen = db.changes();
    await db.durable();
    await writeMark(markFile(dataRoot), mark);
    written = true;
  }

  written = true;
  try {
    await count();
    await writeMark(join(stateRoot, 'store'), mark);
  } catch (error) {
    // A store that is known starts on a full disk, too, so that space can be freed: the next tick tries again.
    if (known === undefined || diskFullText(error) === undefined) throw error;
  }
  let running = Promise.resolve();
  const tick = () => {
    // On a full disk it is tried again.
    if (db.changes() !== seen || !written) running = running.then(count).catch(() => {});
    return running;
  };
  const timer = setInterval(() => void tick(), epochMs).unref();
  return {
    id,
    tick,
    async close() {
      clearInterval(timer);
      await tick();
    },
  };
}

/** Whether the database names nothing at all. One that was written before stores had a mark names what is there. */
function isBlank(db: Database): boolean {
  const tables = db.all<{ name: string }>(
    "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'",
  );
  const told = tables.filter(({ name }) => name !== 'migrations' && name !== 'engine');
  return told.every(({ name }) => db.get(`SELECT 1 FROM "${name}" LIMIT 1`) === undefined);
}

const markFile = (dataRoot: string) => join(dataRoot, 'store');

/** Folders that something is kept in, and the word for one thing there. */
const kept: readonly (readonly [folder: string, what: string])[] = [
  ['snapshots', 'layer'],
  ['oci/blobs/sha256', 'blob'],
  ['containers', 'container'],
  ['volumes', 'volume'],
  ['build/cache-mounts', 'cache mount'],
];

/** What is in the store, in words; undefined for an empty one. */
function holds(dataRoot: string): string | undefined {
  const counts = kept.map(([folder, what]) => {
    const path = join(dataRoot, folder);
    const count = existsSync(path) ? readdirSync(path).filter((name) => name !== '.trash').length : 0;
    return count === 0 ? [] : [`${count} ${what}${count === 1 ? '' : 's'}`];
  });
  const words = counts.flat();
  return words.length === 0 ? undefined : words.join(', ');
}

function lost(dataRoot: string, why: string, code: string): StrataError {
  return new StrataError(
    'failed_precondition',
    `cannot use the store ${dataRoot} (${holds(dataRoot)}): ${why}. Nothing was deleted.`,
    {
      code,
      hint: `put the right strata.db back (with strata.db-wal, if there was one), or begin anew: mv ${dataRoot} ${join(dirname(dataRoot), `${basename(dataRoot)}.old`)}`,
    },
  );
}

/** Mounts and processes there are another store's: they are not ended as if nobody had them. */
function refuseOtherState(stateRoot: string, id: string): void {
  const mark = readMark(join(stateRoot, 'store'));
  const bundles = join(stateRoot, 'containers');
  if (!mark || mark.store === id || !existsSync(bundles) || readdirSync(bundles).length === 0) return;
  throw new StrataError(
    'failed_precondition',
    `the state root ${stateRoot} holds containers of another store (${mark.store})`,
    {
      code: 'state_root_foreign',
      hint: 'choose another folder with --state-root, or restart the machine: what ran there ends with it',
    },
  );
}

/** undefined: there is none, or none that can be read. */
function readMark(file: string): Mark | undefined {
  try {
    const { store, epoch } = JSON.parse(readFileSync(file, 'utf8')) as Partial<Mark>;
    return typeof store === 'string' && Number.isSafeInteger(epoch) ? { store, epoch: epoch! } : undefined;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === undefined || code === 'ENOENT') return undefined;
    throw new StrataError('failed_precondition', `cannot read ${file}: ${messageOf(error)}`, { cause: error });
  }
}

async function writeMark(file: string, mark: Mark): Promise<void> {
  const part = `${file}.part`;
  const handle = await open(part, 'w', 0o600);
  try {
    await handle.writeFile(JSON.stringify(mark));
    await handle.datasync();
  } finally {
    await handle.close();
  }
  await rename(part, file);
  fsyncDir(dirname(file));
}

function storedValue(db: Database, key: string): string | undefined {
  return db.get<{ value: string }>('SELECT value FROM engine WHERE key = ?', key)?.value;
}

function setValue(db: Database, key: string, value: string): void {
  db.run(
    'INSERT INTO engine (key, value) VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value',
    key,
    value,
  );
}
