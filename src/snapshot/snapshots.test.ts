import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, beforeEach, test } from 'node:test';
import { type Database, openDatabase } from '../db/index.ts';
import { StrataError } from '../errors/index.ts';
import { createLayers, type Layers } from '../layer/index.ts';
import { chainIDs } from '../oci/index.ts';
import { isMountPoint, mount, unmount } from '../sys/index.ts';
import { snapshotMigrations } from './migrations.ts';
import { createSnapshots } from './snapshots.ts';
import type { SnapshotName, Snapshots } from './types.ts';

const top = mkdtempSync(join(tmpdir(), 'strata-snapshot-'));
let layers: Layers;
let db: Database;
let root: string;
let mountRoot: string;
let snapshots: Snapshots;
let count = 0;

before(() => {
  spawnSync('mount', ['-t', 'tmpfs', 'strata-snapshot-test', top]);
  layers = createLayers();
});
after(async () => {
  await layers.close();
  spawnSync('umount', ['-l', top]);
  rmSync(top, { recursive: true, force: true });
});
beforeEach(() => {
  root = join(top, String(++count), 'layers');
  mountRoot = join(top, String(count), 'mounts dir');
  mkdirSync(join(top, String(count)));
  open();
});
afterEach(async () => {
  await snapshots.close();
  db.close();
});

/** As a new process finds it. */
function open(): void {
  db = openDatabase(join(top, String(count), 'db'), snapshotMigrations);
  snapshots = createSnapshots({ root, mountRoot, db, layers });
}

/** A committed snapshot with these files. */
async function layer(parent: SnapshotName | null, files: Readonly<Record<string, string>>): Promise<SnapshotName> {
  const active = await snapshots.prepare(parent);
  for (const [name, text] of Object.entries(files)) writeFileSync(join(active.diffDir, name), text);
  return (await snapshots.commit(active)).name;
}

const folders = () => readdirSync(root).filter((name) => name !== '.trash');

function kind(wanted: StrataError['kind']) {
  return (error: unknown) => error instanceof StrataError && error.kind === wanted;
}

test('an active snapshot shows its parent’s files and keeps what is written to it', async () => {
  const base = await layer(null, { low: 'low', both: 'old' });
  const active = await snapshots.prepare(base);
  const mounted = await snapshots.mount(active);
  assert.equal(readFileSync(join(mounted.target, 'low'), 'utf8'), 'low');
  writeFileSync(join(mounted.target, 'both'), 'new');
  rmSync(join(mounted.target, 'low'));
  await mounted.unmount();
  const { name } = await snapshots.commit(active);
  const view = await snapshots.mount(name);
  assert.deepEqual(readdirSync(view.target), ['both']);
  assert.equal(readFileSync(join(view.target, 'both'), 'utf8'), 'new');
  await view.unmount();
  assert.equal(existsSync(view.target), false);
  const below = await snapshots.mount(base);
  assert.deepEqual(readdirSync(below.target).sort(), ['both', 'low'], 'the parent is as it was');
  await below.unmount();
});

test('a committed snapshot cannot be written to, nor can nothing at all', async () => {
  const base = await layer(null, { a: 'a' });
  for (const what of [base, await layer(base, { b: 'b' }), null]) {
    const mounted = await snapshots.mount(what);
    assert.throws(() => writeFileSync(join(mounted.target, 'x'), ''), { code: 'EROFS' });
    await mounted.unmount();
  }
});

test('a discarded active snapshot leaves no folder and no row', async () => {
  const active = await snapshots.prepare(null);
  writeFileSync(join(active.diffDir, 'x'), '');
  await snapshots.discard(active.key);
  await snapshots.discard(active.key);
  assert.equal(await snapshots.active(active.key), undefined);
  assert.deepEqual(folders(), []);
  await assert.rejects(snapshots.commit(active), kind('not_found'));
});

test('preparing costs no more than making a folder and a row', async () => {
  const base = await layer(null, {});
  const { user } = process.threadCpuUsage();
  for (let i = 0; i < 100; i++) await snapshots.prepare(base);
  assert.ok((process.threadCpuUsage().user - user) / 100 < 10_000, 'microseconds for each');
});

test('measuring tells the diffID and the chain, once for each layer', async () => {
  const base = await layer(null, { a: '1' });
  const second = await layer(base, { b: '22' });
  const [one, again] = await Promise.all([snapshots.measure(second), snapshots.measure(second)]);
  assert.deepEqual(one, again);
  const diffIDs = snapshots.stack(second).map(({ measure }) => measure!.diffID);
  assert.deepEqual(
    snapshots.stack(second).map(({ chainID }) => chainID),
    chainIDs(diffIDs),
  );
  assert.equal(one.measure.contentSize, 2);
  assert.equal(snapshots.findByChain(one.chainID)?.name, second);
});

test('a grafted layer is the same layer on another base', async () => {
  const a = await layer(null, { a: 'a' });
  const b = await layer(null, { b: 'b' });
  const copied = await layer(a, { c: 'c' });
  await snapshots.measure(copied);
  const grafted = await snapshots.graft(copied, b);
  assert.equal(grafted.diffDir, snapshots.stat(copied)!.diffDir);
  const mounted = await snapshots.mount(grafted.name);
  assert.deepEqual(readdirSync(mounted.target).sort(), ['b', 'c']);
  await mounted.unmount();
  await snapshots.remove(copied);
  assert.ok(existsSync(grafted.diffDir), 'the other one still has it');
  await snapshots.remove(grafted.name);
  assert.equal(existsSync(grafted.diffDir), false);
});

test('a stack that has one layer twice mounts as if it were there once, on top', async () => {
  const linked = await layer(null, { file: 'linked' });
  const between = await layer(linked, { file: 'between', other: 'o' });
  const { name } = await snapshots.graft(linked, between);
  const mounted = await snapshots.mount(name);
  assert.equal(readFileSync(join(mounted.target, 'file'), 'utf8'), 'linked');
  assert.equal(readFileSync(join(mounted.target, 'other'), 'utf8'), 'o');
  await mounted.unmount();
  const active = await snapshots.prepare(name);
  await (await snapshots.mount(active)).unmount();
});

test('what another stands on is not removed', async () => {
  const base = await layer(null, {});
  const child = await layer(base, {});
  await assert.rejects(snapshots.remove(base), kind('failed_precondition'));
  const active = await snapshots.prepare(child);
  await assert.rejects(snapshots.remove(child), kind('failed_precondition'));
  await snapshots.discard(active.key);
  await snapshots.remove(child);
  await snapshots.remove(base);
  await snapshots.remove(base);
  assert.deepEqual([...snapshots.list()], []);
  assert.deepEqual(folders(), []);
});

test('nothing is prepared or committed on a parent that is not there', async () => {
  const gone = await layer(null, {});
  const active = await snapshots.prepare(null);
  await snapshots.remove(gone);
  await assert.rejects(snapshots.prepare(gone), kind('not_found'));
  await assert.rejects(snapshots.commit({ ...active, parent: gone }), kind('not_found'));
  assert.ok(await snapshots.active(active.key), 'and the work is not lost');
});

test('over a hundred layers mount', async () => {
  let at: SnapshotName | null = null;
  for (let i = 0; i < 130; i++) at = await layer(at, { [`file${i}`]: String(i) });
  const mounted = await snapshots.mount(at);
  assert.equal(readdirSync(mounted.target).length, 130);
  await mounted.unmount();
});

test('an active snapshot that was mounted volatile can be mounted again, in either way', async () => {
  const base = await layer(null, { a: 'a' });
  const active = await snapshots.prepare(base);
  for (const volatile of [true, false, true]) {
    const mounted = await snapshots.mount(active, { target: join(top, 'at'), volatile });
    writeFileSync(join(mounted.target, `volatile-${volatile}`), '');
    await mounted.unmount();
  }
  assert.ok(existsSync(join(active.diffDir, 'volatile-true')));
  const { diffDir } = await snapshots.commit(active);
  assert.deepEqual(readdirSync(join(diffDir, '..')), ['d'], 'the work folder is gone');
});

test('a mount that somebody uses goes away with its last user', async () => {
  const base = await layer(null, { a: 'text' });
  const mounted = await snapshots.mount(await layer(base, {}));
  const fd = openSync(join(mounted.target, 'a'), 'r');
  await mounted.unmount();
  await mounted.unmount();
  assert.equal(readFileSync(fd, 'utf8'), 'text');
  closeSync(fd);
});

test('after a crash, folders without rows and mounts without owners are swept; the rest is there', async () => {
  const kept = await layer(null, { a: 'a' });
  const running = await snapshots.prepare(kept);
  mkdirSync(join(root, 'aabbccddeeff/d'), { recursive: true });
  const left = await snapshots.mount(running);
  const bound = join(left.target, 'inner');
  mkdirSync(bound);
  mount(top, bound, null, ['bind']);
  await snapshots.close();
  db.close();

  open();
  writeFileSync(join(mountRoot, 'stray'), '');
  await snapshots.sweep();
  assert.equal(isMountPoint(left.target), false);
  assert.deepEqual(readdirSync(mountRoot), ['stray']);
  assert.deepEqual(folders().sort(), [running.key, snapshots.stat(kept)!.diffDir.split('/').at(-2)!].sort());
  const again = await snapshots.mount((await snapshots.active(running.key))!);
  assert.ok(existsSync(join(again.target, 'a')));
  await again.unmount();
  assert.deepEqual(snapshots.actives(), [running.key]);
});

test('what a killed process was deleting is deleted by the next one', async () => {
  mkdirSync(join(root, '.trash/old/d/deep'), { recursive: true });
  await snapshots.close();
  snapshots = createSnapshots({ root, mountRoot, db, layers });
  await snapshots.close();
  assert.deepEqual(readdirSync(join(root, '.trash')), []);
});

test('what cannot be deleted stays in the trash and harms nobody', async () => {
  const base = await layer(null, { a: 'a' });
  const { diffDir } = snapshots.stat(base)!;
  mount('tmpfs', diffDir, 'tmpfs', []);
  await snapshots.remove(base);
  await snapshots.close();
  const [name] = readdirSync(join(root, '.trash'));
  unmount(join(root, '.trash', name!, 'd'));
  assert.deepEqual(folders(), []);
});

test('layers are out of reach of anyone but root', async () => {
  await layer(null, {});
  assert.equal(statSync(root).mode & 0o077, 0);
});
