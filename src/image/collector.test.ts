import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { parseReference } from '../oci/index.ts';
import type { SnapshotName } from '../snapshot/index.ts';
import { openTestStores, type TestStore, type TestStores } from './testing/store.ts';

let stores: TestStores;
let store: TestStore;
before(() => {
  stores = openTestStores();
});
after(async () => await stores.close());
beforeEach(async () => {
  store = await stores.open();
});

const quiet = { force: true, prune: true, uses: [] };

test('collecting takes what no image and no holder reaches, and nothing else', async () => {
  const id = await store.build('app:1', [{ one: '1' }, { two: '2' }]);
  await store.images.materialize(id, { compression: 'gzip' });
  const before = await store.holdings();
  const held = await store.layer(await store.layer(null, { below: 'b' }), { above: 'a' });
  await store.layer(await store.layer(null, { lost: 'x' }), { found: 'y' });
  store.images.addHolder(() => [held]);
  await store.content.put(Buffer.from('nobody’s'), 'text/plain');
  await store.images.collect();
  const after = await store.holdings();
  assert.deepEqual(after.blobs, before.blobs);
  const kept = store.snapshots.stack(held).map(({ name }) => name);
  assert.deepEqual(after.snapshots, [...before.snapshots, ...kept].sort());
  assert.deepEqual(await store.faults('app:1'), []);
});

test('nothing goes while somebody brings something in; it goes when the last of them is done', async () => {
  const id = await store.build('app:1', [{ one: '1' }]);
  const blobs = (await store.holdings()).blobs;
  const slow = Promise.withResolvers<void>();
  const bringing = store.images.during(() => slow.promise);
  await store.images.during(async () => {
    await store.images.remove('app:1', quiet);
    await store.images.collect();
  });
  assert.deepEqual((await store.holdings()).blobs, blobs, 'the configuration is still there to be found');
  slow.resolve();
  await bringing;
  assert.deepEqual((await store.holdings()).blobs, []);
  assert.equal(await store.images.find(id), undefined);
});

test('an image that comes back while its removal is pending is whole', async () => {
  const id = await store.build('app:1', [{ one: '1' }]);
  await store.images.materialize(id, { compression: 'gzip' });
  const rawConfig = await store.content.read(id);
  const { snapshot } = await store.images.get(id);
  await store.images.during(async () => {
    // As a pull that found everything here.
    const other = await store.build('other:1', [{ one: '1' }, { more: 'm' }]);
    await store.images.remove('app:1', quiet);
    await store.images.create({
      config: JSON.parse(Buffer.from(rawConfig).toString('utf8')),
      rawConfig,
      snapshot: store.snapshots.stack((await store.images.get(other)).snapshot!)[0]!.name,
      names: [parseReference('app:1')],
    });
    assert.notEqual(snapshot, null);
  });
  assert.deepEqual(await store.faults('app:1'), []);
  assert.deepEqual(await store.faults('other:1'), []);
});

test('layers that are pinned outlive their image only for as long', async () => {
  await store.build('app:1', [{ one: '1' }, { two: '2' }]);
  const archive = await store.images.save(['app:1']);
  const chunks: Uint8Array[] = [];
  for await (const chunk of archive) {
    if (chunks.length === 0) await store.images.remove('app:1', quiet);
    chunks.push(Buffer.from(chunk));
  }
  const after = await store.holdings();
  assert.deepEqual([after.images, after.snapshots, after.blobs], [0, [], []]);
  async function* bytes() {
    yield Buffer.concat(chunks);
  }
  const loaded = await store.images.load(bytes());
  assert.equal(loaded[0]?.name, 'docker.io/library/app:1', 'what was being saved came out whole');
});

test('a removal under a container leaves its layers until the container lets go', async () => {
  const id = await store.build('app:1', [{ one: '1' }, { two: '2' }]);
  const { snapshot } = await store.images.get(id);
  let kept: readonly SnapshotName[] = [snapshot!];
  store.images.addHolder(() => kept);
  await store.images.remove('app:1', quiet);
  assert.equal((await store.holdings()).snapshots.length, 2);
  kept = [];
  await store.images.collect();
  assert.equal((await store.holdings()).snapshots.length, 0);
});
