import { closeSync, constants, fdatasync, fsyncSync, openSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite';
import { promisify } from 'node:util';
import { messageOf, StrataError } from '../errors/index.ts';

const syncData = promisify(fdatasync);

/** How long a connection waits for another that writes. */
const BUSY_MS = 5000;

/** One change of a room's tables. A room's versions count from 1 without gaps and are never edited once released. */
export interface Migration {
  readonly room: string;
  readonly version: number;
  readonly sql: string;
}

/** Frees some space on a full disk; false: there is no more to free. */
export type MakeRoom = () => boolean;

export type Value = SQLInputValue;
export type Row = Record<string, unknown>;

/** The one SQLite file. Synchronous: a statement costs microseconds, less than a turn of the event loop. */
export interface Database {
  /** First row, or undefined. Statements are prepared once and kept. */
  get<T = Row>(sql: string, ...values: Value[]): T | undefined;
  all<T = Row>(sql: string, ...values: Value[]): T[];
  run(sql: string, ...values: Value[]): { readonly changes: number };
  /**
   * Runs `body` in one transaction, which nests (savepoints) and is undone when `body` throws. `body` is synchronous:
   * one that returns a promise is refused, since what it does later would be in nobody's transaction.
   */
  transaction<T>(body: () => T): T;
  /** Resolves when all that was committed until now survives a power cut. Calls that come at once share the work. */
  durable(): Promise<void>;
  /** Counts what was changed. */
  changes(): number;
  close(): void;
}

/**
 * Opens `file` (made 0600: rows hold the environments of containers) and brings its tables up to date, in the order
 * given. A file that a newer program made is refused (`failed_precondition`) rather than half understood; one that
 * SQLite cannot read is `data_loss`. What finds the disk full is done once more for as long as `makeRoom` makes room.
 */
export function openDatabase(
  file: string,
  migrations: readonly Migration[],
  makeRoom: MakeRoom = () => false,
): Database {
  // SQLite gives its log and index files the mode of this one.
  closeSync(openSync(file, 'a', 0o600));
  return withRoom(makeRoom, () => open(file, migrations, makeRoom));
}

function open(file: string, migrations: readonly Migration[], makeRoom: MakeRoom): Database {
  let db: DatabaseSync | undefined;
  try {
    db = new DatabaseSync(file);
    db.exec(`PRAGMA busy_timeout = ${BUSY_MS}`);
    writeAhead(db);
    // NORMAL never tears. What must outlive a power cut is told with `durable`, once for many commits.
    db.exec('PRAGMA synchronous = NORMAL; PRAGMA foreign_keys = ON;');
    const database = wrap(db, file, makeRoom);
    checkWhole(database);
    migrate(db, database, migrations, file);
    return database;
  } catch (error) {
    db?.close();
    if (!isDamage(error)) throw error;
    throw new StrataError('data_loss', `${file} cannot be read: ${messageOf(error)}`, {
      code: 'database_damaged',
      hint: 'put a copy of the file back, or start with another data root',
      cause: error,
    });
  }
}

/**
 * WAL: a reader never waits, and a commit is one append. The change to it needs the whole file for a moment, and SQLite
 * does not wait for that as it does for a transaction: two that open a new file at once would meet "database is locked".
 */
function writeAhead(db: DatabaseSync): void {
  const nap = new Int32Array(new SharedArrayBuffer(4));
  for (const giveUp = Date.now() + BUSY_MS; ; ) {
    try {
      db.exec('PRAGMA journal_mode = WAL');
      return;
    } catch (error) {
      if (sqliteCode(error) !== 5 || Date.now() > giveUp) throw error;
      Atomics.wait(nap, 0, 0, 5);
    }
  }
}

/** Rows that cannot be read must be met before anybody decides what no row names. */
function checkWhole(database: Database): void {
  const [first] = database.all<{ quick_check: string }>('PRAGMA quick_check(1)');
  if (first?.quick_check === 'ok') return;
  throw Object.assign(new Error(first?.quick_check ?? 'it cannot be checked'), { errcode: 11 });
}

/** SQLITE_CORRUPT and SQLITE_NOTADB. */
function isDamage(error: unknown): boolean {
  const code = sqliteCode(error);
  return code === 11 || code === 26;
}

/** The low byte, which is the same in all extended codes of one kind. */
function sqliteCode(error: unknown): number {
  return ((error as { errcode?: number }).errcode ?? 0) & 0xff;
}

/** SQLITE_FULL, and what SQLite tells when there is no room for its index or no inode for another file. */
function lacksRoom(error: unknown): boolean {
  const [full, cannotOpen, shmOpen, shmSize] = [13, 14, 4618, 4874];
  const code = (error as { errcode?: number }).errcode ?? 0;
  return sqliteCode(error) === full || [cannotOpen, shmOpen, shmSize].includes(code);
}

function withRoom<T>(makeRoom: MakeRoom, work: () => T): T {
  for (;;) {
    try {
      return work();
    } catch (error) {
      if (!lacksRoom(error) || !makeRoom()) throw error;
    }
  }
}

function wrap(db: DatabaseSync, file: string, makeRoom: MakeRoom): Database {
  const statements = new Map<string, StatementSync>();
  const log = createLogSync(file);
  let depth = 0;
  let changed = 0;
  const prepared = (sql: string): StatementSync => {
    const known = statements.get(sql);
    if (known) return known;
    const made = db.prepare(sql);
    statements.set(sql, made);
    return made;
  };
  /** SQLite has undone a transaction that found the disk full: the whole of it is what can be done again. */
  const persist = <T>(work: () => T): T => (depth === 0 ? withRoom(makeRoom, work) : work());

  const database: Database = {
    get: <T>(sql: string, ...values: Value[]) => persist(() => prepared(sql).get(...values)) as T | undefined,
    all: <T>(sql: string, ...values: Value[]) => persist(() => prepared(sql).all(...values)) as T[],
    run(sql, ...values) {
      const changes = persist(() => Number(prepared(sql).run(...values).changes));
      changed += changes;
      return { changes };
    },
    transaction: (body) => persist(() => transact(body)),
    durable: () => log.sync(changed),
    changes: () => changed,
    close() {
      db.close();
      log.close();
    },
  };
  return database;

  function transact<T>(body: () => T): T {
    const name = `nested${depth}`;
    db.exec(depth === 0 ? 'BEGIN IMMEDIATE' : `SAVEPOINT ${name}`);
    depth++;
    try {
      const result = body();
      if (result instanceof Promise) throw new Error('the body of a transaction must not be asynchronous');
      db.exec(depth === 1 ? 'COMMIT' : `RELEASE ${name}`);
      return result;
    } catch (error) {
      // A full disk or a failing one has undone the transaction already: then that error is the one to tell.
      if (db.isTransaction) db.exec(depth === 1 ? 'ROLLBACK' : `ROLLBACK TO ${name}; RELEASE ${name}`);
      throw error;
    } finally {
      depth--;
    }
  }
}

/** Brings the write-ahead log to the disk, which SQLite itself does at a checkpoint alone. */
function createLogSync(file: string): { sync(changed: number): Promise<void>; close(): void } {
  let fd: number | undefined;
  let synced = 0;
  let running: Promise<void> | undefined;
  let next: { readonly promise: Promise<void>; changed: number } | undefined;

  async function write(changed: number): Promise<void> {
    fd ??= openLog(file);
    await syncData(fd);
    synced = Math.max(synced, changed);
  }

  function start(changed: number): Promise<void> {
    const work = write(changed).finally(() => {
      running = undefined;
    });
    running = work;
    return work;
  }

  return {
    async sync(changed) {
      if (changed <= synced) return;
      if (!running) return await start(changed);
      // The one under way may have begun before the last commit.
      if (next) next.changed = changed;
      else {
        const following = { changed, promise: Promise.resolve() };
        following.promise = running
          .catch(() => {})
          .then(() => {
            next = undefined;
            return start(following.changed);
          });
        next = following;
      }
      await next.promise;
    },
    close() {
      if (fd !== undefined) closeSync(fd);
      fd = undefined;
    },
  };
}

/** Its name must be on the disk, too. No lock of SQLite's is on this file, which closing it would drop. */
function openLog(file: string): number {
  const folder = openSync(dirname(file), constants.O_RDONLY);
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
  return openSync(`${file}-wal`, constants.O_RDONLY);
}

function migrate(db: DatabaseSync, database: Database, migrations: readonly Migration[], file: string): void {
  db.exec('CREATE TABLE IF NOT EXISTS migrations (room TEXT PRIMARY KEY, version INTEGER NOT NULL) STRICT');
  const rooms = new Map<string, Migration[]>();
  for (const migration of migrations) rooms.set(migration.room, [...(rooms.get(migration.room) ?? []), migration]);
  // A file that is refused is left as it was.
  refuseNewer(database, rooms, file);
  // Looked at and changed in one transaction: several threads may open a new file at once.
  for (const [room, steps] of rooms) database.transaction(() => migrateRoom(db, database, room, steps));
}

function refuseNewer(database: Database, rooms: ReadonlyMap<string, readonly Migration[]>, file: string): void {
  for (const { room, version } of database.all<{ room: string; version: number }>('SELECT * FROM migrations')) {
    const latest = latestOf(rooms.get(room) ?? []);
    if (version <= latest) continue;
    throw new StrataError(
      'failed_precondition',
      `${file} was written by a newer Strata (${room} ${version}, this one knows ${latest})`,
      { code: 'database_too_new', hint: 'use the newer program, or another data root' },
    );
  }
}

function latestOf(steps: readonly Migration[]): number {
  return Math.max(0, ...steps.map(({ version }) => version));
}

function migrateRoom(db: DatabaseSync, database: Database, room: string, steps: readonly Migration[]): void {
  const have = database.get<{ version: number }>('SELECT version FROM migrations WHERE room = ?', room)?.version ?? 0;
  for (const { version, sql } of steps.toSorted((a, b) => a.version - b.version)) {
    if (version <= have) continue;
    db.exec(sql);
    database.run(
      'INSERT INTO migrations (room, version) VALUES (?, ?) ON CONFLICT (room) DO UPDATE SET version = excluded.version',
      room,
      version,
    );
  }
}
