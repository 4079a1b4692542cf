import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { Worker } from 'node:worker_threads';
import { StrataError } from '../errors/index.ts';
import { type Migration, openDatabase } from './database.ts';

const dir = mkdtempSync(join(tmpdir(), 'strata-db-'));
after(() => rmSync(dir, { recursive: true }));
const first: Migration = { room: 'a', version: 1, sql: 'CREATE TABLE t (k TEXT PRIMARY KEY) STRICT' };
const second: Migration = { room: 'a', version: 2, sql: 'ALTER TABLE t ADD COLUMN v INTEGER' };

test('migrations run once each, in order, also on a file of an older program', () => {
  const file = join(dir, 'grow.db');
  openDatabase(file, [first]).close();
  const db = openDatabase(file, [second, first]);
  db.run('INSERT INTO t VALUES (?, ?)', 'k', 1);
  db.close();
  assert.deepEqual({ ...openDatabase(file, [first, second]).get<object>('SELECT * FROM t') }, { k: 'k', v: 1 });
});

test('threads that open a new file at once all get its tables', async () => {
  const script = `import { workerData } from 'node:worker_threads';
const { openDatabase } = await import(workerData.module);
for (const file of workerData.files) openDatabase(file, workerData.migrations).close();`;
  const workerData = {
    module: new URL('./database.ts', import.meta.url).href,
    files: Array.from({ length: 40 }, (_, i) => join(dir, `threads${i}.db`)),
    migrations: [first, second],
  };
  const threads = Array.from({ length: 4 }, async () => {
    const worker = new Worker(new URL(`data:text/javascript,${encodeURIComponent(script)}`), { workerData });
    await once(worker, 'exit');
  });
  await Promise.all(threads);
});

test('a file of a newer program is refused', () => {
  const file = join(dir, 'newer.db');
  openDatabase(file, [first, second]).close();
  assert.throws(() => openDatabase(file, [first]), /newer Strata/);
});

test('a failing migration leaves the version and the tables as they were', () => {
  const file = join(dir, 'broken.db');
  assert.throws(() =>
    openDatabase(file, [first, { room: 'a', version: 2, sql: 'CREATE TABLE u (x INTEGER); SYNTAX ERROR' }]),
  );
  const db = openDatabase(file, [first]);
  assert.equal(db.get("SELECT name FROM sqlite_master WHERE name = 'u'"), undefined);
});

test('a transaction that throws is undone, an inner one without the outer', () => {
  const db = openDatabase(join(dir, 'tx.db'), [first]);
  db.transaction(() => {
    db.run('INSERT INTO t VALUES (?)', 'outer');
    assert.throws(() =>
      db.transaction(() => {
        db.run('INSERT INTO t VALUES (?)', 'inner');
        throw new Error('no');
      }),
    );
  });
  assert.deepEqual(
    db.all<{ k: string }>('SELECT k FROM t').map(({ k }) => k),
    ['outer'],
  );
});

test('nobody but the owner can read the file, nor what SQLite keeps beside it', () => {
  const file = join(dir, 'private.db');
  const db = openDatabase(file, [first]);
  db.run('INSERT INTO t VALUES (?)', 'secret');
  for (const name of [file, `${file}-wal`, `${file}-shm`]) assert.equal(statSync(name).mode & 0o077, 0, name);
  db.close();
});

test('a file that is no database is told as damage, by its name', () => {
  const file = join(dir, 'damaged.db');
  writeFileSync(file, 'this is not what SQLite writes. '.repeat(64));
  assert.throws(
    () => openDatabase(file, [first]),
    (error) => error instanceof StrataError && error.kind === 'data_loss' && error.message.includes(file),
  );
});

test('an asynchronous transaction is refused and leaves nothing', () => {
  const db = openDatabase(join(dir, 'async.db'), [first]);
  assert.throws(
    () =>
      db.transaction(async () => {
        db.run('INSERT INTO t VALUES (?)', 'early');
      }),
    /must not be asynchronous/,
  );
  assert.deepEqual(db.all('SELECT * FROM t'), []);
  db.transaction(() => db.run('INSERT INTO t VALUES (?)', 'next'));
  assert.equal(db.all('SELECT * FROM t').length, 1);
});

test('rows that a connection has not committed are gone after it died', () => {
  const file = join(dir, 'killed.db');
  const dying = openDatabase(file, [first]);
  assert.throws(() =>
    dying.transaction(() => {
      dying.run('INSERT INTO t VALUES (?)', 'half');
      // As a killed process leaves it: the connection ends in the middle.
      dying.close();
    }),
  );
  const db = openDatabase(file, [first]);
  assert.deepEqual(db.all('SELECT * FROM t'), []);
});
