import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import {
  closeSync,
  copyFileSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  rmSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, test } from 'node:test';
import { openDatabase } from '../db/index.ts';
import { isKind, StrataError } from '../errors/index.ts';
import { createEngine, defaultConfig, mergeConfig } from './index.ts';
import { claimStore } from './store-mark.ts';

const top = mkdtempSync(join(tmpdir(), 'strata-mark-'));
after(() => rmSync(top, { recursive: true, force: true }));

function open(dataRoot: string, stateRoot = `${dataRoot}-state`) {
  const bridge = { name: `stm${randomBytes(3).toString('hex')}`, subnet: '10.253.77.0/24' };
  return createEngine(mergeConfig(defaultConfig(), { dataRoot, stateRoot, bridge }, 'test'));
}

/** A store that has been used: a volume with data, a layer, a container's folder and a blob that no row may lose. */
async function used(name: string): Promise<string> {
  const root = join(top, name);
  const engine = await open(root);
  const volume = await engine.volumes.create({ name: 'precious' });
  writeFileSync(join(volume.mountpoint, 'data'), 'precious');
  await engine.snapshots.commit(await engine.snapshots.prepare(null));
  await engine.content.put(Buffer.from('{}'), 'application/json');
  await engine.close();
  return root;
}

/** What only rows account for, added when the engine is down so that the sweep of a good start has not taken it. */
function addUnnamed(root: string): void {
  mkdirSync(join(root, 'snapshots', 'cafe', 'd'), { recursive: true });
  mkdirSync(join(root, 'containers', 'f'.repeat(64)), { recursive: true });
  for (const folder of ['ingest', 'work', 'tmp', 'snapshots/.trash']) {
    mkdirSync(join(root, folder), { recursive: true });
    writeFileSync(join(root, folder, 'under-way'), 'x');
  }
  writeFileSync(join(root, 'oci/blobs/sha256', 'a'.repeat(64)), 'blob');
}

const list = (root: string) =>
  (readdirSync(root, { recursive: true }) as string[]).filter((name) => !name.startsWith('strata.db')).sort();

const cases: Record<string, { tamper: (root: string) => void | Promise<void>; says: RegExp }> = {
  missing: { tamper: (root) => removeDatabase(root), says: /its database \S+ is missing/ },
  empty: { tamper: (root) => truncateSync(join(root, 'strata.db')), says: /its database \S+ is empty/ },
  'cut in half': { tamper: (root) => truncateSync(join(root, 'strata.db'), 20_000), says: /cannot be read/ },
  'cut within its first page': {
    tamper: (root) => truncateSync(join(root, 'strata.db'), 100),
    says: /cannot be read|is empty/,
  },
  'some other file': {
    tamper: (root) => writeFileSync(join(root, 'strata.db'), randomBytes(8192)),
    says: /its database \S+ is damaged/,
  },
  'damaged in the middle': {
    tamper(root) {
      const db = new DatabaseSync(join(root, 'strata.db'));
      db.exec('PRAGMA journal_mode = DELETE; PRAGMA writable_schema = ON');
      const page = db.prepare("SELECT rootpage FROM sqlite_master WHERE name = 'layers'").get() as { rootpage: number };
      db.close();
      const fd = openSync(join(root, 'strata.db'), 'r+');
      writeSync(fd, randomBytes(4096), 0, 4096, (page.rootpage - 1) * 4096);
      closeSync(fd);
    },
    says: /cannot be read/,
  },
  'an older copy': {
    tamper: (root) => copyFileSync(`${root}.copy`, join(root, 'strata.db')),
    says: /is an older copy/,
  },
  'the one of another store': {
    async tamper(root) {
      const other = await used('other');
      copyFileSync(join(other, 'strata.db'), join(root, 'strata.db'));
    },
    says: /is the one of another store/,
  },
  'a database of another program': {
    tamper(root) {
      removeDatabase(root);
      const db = new DatabaseSync(join(root, 'strata.db'));
      db.exec('CREATE TABLE t (x)');
      db.close();
    },
    says: /its database \S+ is empty/,
  },
  'from a newer program': {
    tamper(root) {
      const db = new DatabaseSync(join(root, 'strata.db'));
      db.exec("UPDATE migrations SET version = 99 WHERE room = 'build'");
      db.close();
    },
    says: /was written by a newer Strata \(build 99/,
  },
  'from a newer program with a room that this one does not know': {
    tamper(root) {
      const db = new DatabaseSync(join(root, 'strata.db'));
      db.exec("INSERT INTO migrations VALUES ('quantum', 1)");
      db.close();
    },
    says: /was written by a newer Strata \(quantum 1/,
  },
};

for (const [name, { tamper, says }] of Object.entries(cases)) {
  test(`a start on a store whose database is ${name} deletes nothing and says what to do`, async () => {
    const root = await used(name.replaceAll(' ', '-'));
    copyFileSync(join(root, 'strata.db'), `${root}.copy`);
    const again = await open(root);
    await again.volumes.create({ name: 'later' });
    await again.close();
    addUnnamed(root);
    await tamper(root);
    const before = list(root);
    for (const attempt of [1, 2]) {
      await assert.rejects(open(root), (error: unknown) => {
        assert.ok(error instanceof StrataError, String(error));
        assert.match(error.message, says, `attempt ${attempt}`);
        assert.ok(error.hint);
        return true;
      });
      assert.deepEqual(list(root), before);
    }
  });
}

test('an older copy is known also when it was made while the same daemon ran', async () => {
  const root = join(top, 'killed');
  const roots = { dataRoot: root, stateRoot: join(root, 'state') };
  mkdirSync(join(root, 'volumes', 'v'), { recursive: true });
  mkdirSync(roots.stateRoot);
  mkdirSync(`${root}-copy`);
  const migrations = [
    { room: 'engine', version: 1, sql: 'CREATE TABLE engine (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT' },
  ];
  const db = openDatabase(join(root, 'strata.db'), migrations);
  db.run("INSERT INTO engine VALUES ('id', 'me')");
  const mark = await claimStore(db, roots);
  for (const suffix of ['', '-wal'])
    copyFileSync(join(root, `strata.db${suffix}`), join(`${root}-copy`, `strata.db${suffix}`));
  db.run("INSERT INTO engine VALUES ('x', 'something new')");
  await mark.tick();
  const copy = openDatabase(join(`${root}-copy`, 'strata.db'), migrations);
  await assert.rejects(claimStore(copy, roots), /is an older copy/);
  copy.close();
  // The right one goes on, as after a kill.
  const again = openDatabase(join(root, 'strata.db'), migrations);
  await (await claimStore(again, roots)).close();
  again.close();
  await mark.close();
  db.close();
});

test('a store that is not used yet, one without a mark, and one after a kill are begun', async () => {
  const root = join(top, 'begun');
  mkdirSync(join(root, 'snapshots'), { recursive: true });
  writeFileSync(join(root, 'strata.db'), '');
  const first = await open(root);
  await first.volumes.create({ name: 'vol' });
  cpSync(root, `${root}-killed`, { recursive: true });
  await first.close();
  rmSync(join(root, 'store'));
  for (const folder of [root, `${root}-killed`]) {
    const engine = await open(folder, `${root}-state-of-${folder.length}`);
    assert.deepEqual(
      engine.volumes.list().map(({ name }) => name),
      ['vol'],
    );
    await engine.close();
  }
});

test('a state root with the containers of another store is left alone', async () => {
  const state = join(top, 'shared-state');
  await (await open(join(top, 'mine'), state)).close();
  const other = join(top, 'not-mine');
  const bundle = join(state, 'containers', 'abcdef0123456789');
  mkdirSync(bundle, { recursive: true });
  await assert.rejects(open(other, state), (error: unknown) => isKind(error, 'failed_precondition'));
  assert.ok(readdirSync(bundle));
});

function removeDatabase(root: string): void {
  for (const suffix of ['', '-wal', '-shm']) rmSync(join(root, `strata.db${suffix}`), { force: true });
}

test('a store of before there were marks is taken as it is', async () => {
  const root = await used('unmarked');
  rmSync(join(root, 'store'));
  rmSync(join(`${root}-state`, 'store'));
  const db = new DatabaseSync(join(root, 'strata.db'));
  db.exec('DELETE FROM engine');
  db.close();
  const engine = await open(root);
  assert.deepEqual(
    engine.volumes.list().map(({ name }) => name),
    ['precious'],
  );
  await engine.close();
  assert.ok(list(root).some((name) => name.endsWith('/data')));
});
