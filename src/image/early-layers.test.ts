import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { lstat } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, beforeEach, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { createLayers } from '../layer/index.ts';
import { dockerArchive, ociArchive, tarOf } from './testing/archive.ts';
import { openTestStores, type TestStore, type TestStores } from './testing/store.ts';

let stores: TestStores;
let store: TestStore;
/** How layers were unpacked: from a stream, or from a blob. */
let unpackings: string[];

before(() => {
  const made = createLayers();
  stores = openTestStores({
    ...made,
    unpack(source, diffDir, options) {
      unpackings.push('file' in source ? 'blob' : 'stream');
      return made.unpack(source, diffDir, options);
    },
  });
});
after(async () => await stores.close());
beforeEach(async () => {
  unpackings = [];
  store = await stores.open();
});

async function load(bytes: Uint8Array) {
  async function* stream() {
    for (let at = 0; at < bytes.length; at += 65536) yield bytes.subarray(at, at + 65536);
  }
  return await store.images.load(stream());
}

const noise = randomBytes(6 * 2 ** 20);
const large = (path: string) => tarOf([{ path, type: 'file', content: noise }]);
const nothing = { images: 0, snapshots: [], blobs: [] };

test('large layers are unpacked while the archive comes, and once', async () => {
  for (const gzip of [false, true]) {
    for (const make of [dockerArchive, ociArchive]) {
      unpackings = [];
      await load(await make({ layers: [await large('one'), await large('two')], names: ['app:1'], gzip }));
      assert.deepEqual(unpackings, ['stream', 'stream']);
      assert.deepEqual(await store.faults('app:1'), []);
      assert.deepEqual(store.snapshots.actives(), []);
      await store.images.remove('app:1', { force: true, prune: true, uses: [] });
      assert.deepEqual(await store.holdings(), nothing);
    }
  }
});

test('a large file that only looks like a layer is no layer', async () => {
  // Its unpacking fails while it still comes.
  const other = gzipSync(randomBytes(20 * 2 ** 20 + 4711), { level: 0 });
  const path = `blobs/sha256/${createHash('sha256').update(other).digest('hex')}`;
  const layers = [await tarOf([{ path: 'f', type: 'file', content: 'x' }])];
  await load(await ociArchive({ layers, names: ['app:1'], members: { [path]: other } }));
  assert.deepEqual(await store.faults('app:1'), []);
});

test('a layer that is here, and one that comes twice, is not unpacked again', async () => {
  const layer = await large('one');
  await load(await ociArchive({ layers: [layer], names: ['app:1'] }));
  unpackings = [];
  await load(await ociArchive({ layers: [layer, await large('two')], names: ['app:2'] }));
  assert.deepEqual(unpackings, ['stream'], 'the new one alone');
  await load(await dockerArchive({ layers: [layer, layer], names: ['app:3'] }));
  assert.deepEqual(await store.faults('app:3'), []);
  assert.deepEqual(store.snapshots.actives(), []);
});

test('a layer that implies folders of one below waits for that', async () => {
  const bottom = await tarOf([{ path: 'srv/', type: 'dir', mode: 0o1777, uid: 33, gid: 34 }]);
  await load(await dockerArchive({ layers: [bottom, await large('srv/new')], names: ['app:1'] }));
  assert.deepEqual(unpackings, ['stream', 'blob', 'blob']);
  const { snapshot } = await store.images.get('app:1');
  const { mode, uid, gid } = await lstat(join(store.snapshots.stat(snapshot!)!.diffDir, 'srv'));
  assert.deepEqual([mode & 0o7777, uid, gid], [0o1777, 33, 34]);
  assert.deepEqual(store.snapshots.actives(), []);
});

test('a large file that is no layer, or a broken one, does no harm and leaves nothing', async () => {
  const good = await tarOf([{ path: 'f', type: 'file', content: 'x' }]);
  const broken = (await large('one')).subarray(0, 5 * 2 ** 20);
  const members = { 'noise.bin': noise, 'broken.tar': broken };
  await load(await dockerArchive({ layers: [good], names: ['app:1'], members }));
  assert.deepEqual(await store.faults('app:1'), []);
  assert.deepEqual(store.snapshots.actives(), []);
  await store.images.remove('app:1', { force: true, prune: true, uses: [] });
  await assert.rejects(load(await dockerArchive({ layers: [broken] })), /unexpected EOF|cut off/);
  const whole = await dockerArchive({ layers: [await large('one'), await large('two')] });
  await assert.rejects(load(whole.subarray(0, whole.length - 2 ** 20)), /unexpected EOF|cut off/);
  assert.deepEqual(await store.holdings(), nothing);
  assert.deepEqual(store.snapshots.actives(), []);
});
