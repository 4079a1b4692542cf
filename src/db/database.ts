import { closeSync, openSync } from 'node:fs';
import { DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite';
import { messageOf, StrataError } from '../errors/index.ts';

/** How long a connection waits for another that writes. */
const BUSY_MS = 5000;

/** One change of a room's tables. A room's versions count from 1 without gaps and are never edited once released. */
export interface Migration {
  readonly room: string;
  readonly version: number;
  readonly sql: string;
}

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
  close(): void;
}

/**
 * Opens `file` (made 0600: rows hold the environments of containers) and brings its tables up to date, in the order
 * given. A file that a newer program made is refused (`failed_precondition`) rather than half understood; one that
 * SQLite cannot read is `data_loss`.
 */
export function openDatabase(file: string, migrations: readonly Migration[]): Database {
  // SQLite gives its log and index files the mode of this one.
  closeSync(openSync(file, 'a', 0o600));
  let db: DatabaseSync | undefined;
  try {
    db = new DatabaseSync(file);
    db.exec(`PRAGMA busy_timeout = ${BUSY_MS}`);
    writeAhead(db);
    // NORMAL may lose the last commits in a power cut but never tears: what they named is then swept as garbage.
    db.exec('PRAGMA synchronous = NORMAL; PRAGMA foreign_keys = ON;');
    const database = wrap(db);
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

/** SQLITE_CORRUPT and SQLITE_NOTADB. */
function isDamage(error: unknown): boolean {
  const code = sqliteCode(error);
  return code === 11 || code === 26;
}

/** The low byte, which is the same in all extended codes of one kind. */
function sqliteCode(error: unknown): number {
  return ((error as { errcode?: number }).errcode ?? 0) & 0xff;
}

function wrap(db: DatabaseSync): Database {
  const statements = new Map<string, StatementSync>();
  let depth = 0;
  const prepared = (sql: string): StatementSync => {
    const known = statements.get(sql);
    if (known) return known;
    const made = db.prepare(sql);
    statements.set(sql, made);
    return made;
  };
  return {
    get: <T>(sql: string, ...values: Value[]) => prepared(sql).get(...values) as T | undefined,
    all: <T>(sql: string, ...values: Value[]) => prepared(sql).all(...values) as T[],
    run: (sql, ...values) => ({ changes: Number(prepared(sql).run(...values).changes) }),
    transaction(body) {
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
    },
    close: () => db.close(),
  };
}

function migrate(db: DatabaseSync, database: Database, migrations: readonly Migration[], file: string): void {
  db.exec('CREATE TABLE IF NOT EXISTS migrations (room TEXT PRIMARY KEY, version INTEGER NOT NULL) STRICT');
  const rooms = new Map<string, Migration[]>();
  for (const migration of migrations) rooms.set(migration.room, [...(rooms.get(migration.room) ?? []), migration]);
  // Looked at and changed in one transaction: several threads may open a new file at once.
  for (const [room, steps] of rooms) database.transaction(() => migrateRoom(db, database, room, steps, file));
}

function migrateRoom(
  db: DatabaseSync,
  database: Database,
  room: string,
  steps: readonly Migration[],
  file: string,
): void {
  const have = database.get<{ version: number }>('SELECT version FROM migrations WHERE room = ?', room)?.version ?? 0;
  const latest = Math.max(...steps.map(({ version }) => version));
  if (have > latest) {
    throw new StrataError(
      'failed_precondition',
      `${file} was written by a newer Strata (${room} ${have}, this one knows ${latest})`,
      {
        code: 'database_too_new',
        hint: 'use the newer program, or another data root',
      },
    );
  }
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
