import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, beforeEach, test } from 'node:test';
import { type Descriptor, type Manifest, mediaTypes, parseReference } from '../oci/index.ts';
import { openStore, openTestStores, type TestStore, type TestStores } from './testing/store.ts';

let stores: TestStores;
let store: TestStore;
before(() => {
  stores = openTestStores();
});
after(async () => await stores.close());
beforeEach(async () => {
  store = await stores.open();
});

const everything = { mayPack: () => true };

/** The names that the layout has, with the layers' types; every blob that it names is there. */
function listed(): Record<string, readonly string[]> {
  const layout = store.content.root;
  const blob = ({ digest }: Descriptor) => readFileSync(join(layout, 'blobs', digest.replace(':', '/')));
  const { manifests } = JSON.parse(readFileSync(join(layout, 'index.json'), 'utf8')) as { manifests: Descriptor[] };
  return Object.fromEntries(
    manifests.map((entry) => {
      const { config, layers: parts } = JSON.parse(blob(entry).toString()) as Manifest;
      for (const part of [config, ...parts]) assert.equal(blob(part).length, part.size);
      return [entry.annotations?.['org.opencontainers.image.ref.name'] ?? '', parts.map(({ mediaType }) => mediaType)];
    }),
  );
}

test('an image that was made here is listed when its layers are packed, which is when they may be', async () => {
  await store.build('small:1', [{ one: '1' }]);
  await store.build('large:1', [{ one: '1' }, { two: 'x'.repeat(100_000) }]);
  await store.build(undefined, [{ unnamed: '1' }]);
  assert.deepEqual(listed(), {});
  const asked: number[] = [];
  await store.images.completeLayout({ mayPack: (bytes) => asked.push(bytes) > 0 && bytes < 50_000 });
  assert.deepEqual(listed(), { 'small:1': [mediaTypes.ociLayerGzip] });
  assert.equal(asked.length, 2, 'nobody is asked for the unnamed image');
  await store.images.completeLayout(everything);
  assert.deepEqual(listed(), {
    'small:1': [mediaTypes.ociLayerGzip],
    'large:1': [mediaTypes.ociLayerGzip, mediaTypes.ociLayerGzip],
  });
});

test('an image whose layers are here as plain tars is listed with these, and pushed packed', async () => {
  const chunks = spawnSync('tar', ['-C', '/etc', '-cf', '-', 'hostname']).stdout;
  async function* tar() {
    yield chunks;
  }
  const { id } = await store.images.import(tar(), { name: parseReference('root:1') });
  assert.deepEqual(listed(), { 'root:1': [mediaTypes.ociLayer] });
  const made = (await store.holdings()).blobs;
  await store.images.tag('root:1', parseReference('other:1'));
  assert.deepEqual((await store.holdings()).blobs, made);
  const { layers: pushed } = await store.images.materialize(id, { compression: 'gzip' });
  assert.deepEqual(
    pushed.map(({ mediaType }) => mediaType),
    [mediaTypes.ociLayerGzip],
  );
  assert.deepEqual(listed(), { 'root:1': [mediaTypes.ociLayerGzip], 'other:1': [mediaTypes.ociLayerGzip] });
  const { blobs } = await store.holdings();
  assert.equal(blobs.length, 4, 'the layer twice, configuration and manifest; the first manifest went');
});

test('it never names what is not there, while images go, and keeps nothing of them', async () => {
  for (const name of ['one', 'two', 'three']) await store.build(`${name}:1`, [{ [name]: name }]);
  await store.images.completeLayout(everything);
  await store.images.materialize((await store.images.get('two:1')).id, { compression: 'zstd', force: true });
  const { content } = store;
  const remove = content.delete;
  let removed = 0;
  content.delete = async (digest) => {
    await remove(digest);
    listed();
    removed++;
  };
  for (const name of ['one', 'two', 'three'])
    await store.images.remove(`${name}:1`, { force: true, prune: true, uses: [] });
  assert.ok(removed >= 9, `${removed} blobs`);
  assert.deepEqual(listed(), {});
  assert.deepEqual(readdirSync(join(content.root, 'blobs/sha256')), []);
});

test('what was made for the layout outlives a collection and a start of the daemon', async () => {
  await store.build('app:1', [{ one: '1' }]);
  await store.images.completeLayout(everything);
  const before = (await store.holdings()).blobs;
  await store.images.collect();
  assert.deepEqual((await store.holdings()).blobs, before);
  store.db.close();
  store = await openStore(store.root, stores.layers);
  await store.images.collect();
  assert.deepEqual((await store.holdings()).blobs, before);
  assert.deepEqual(Object.keys(listed()), ['app:1']);
});

test('packing that is cancelled, or whose image goes, leaves nothing', async () => {
  await store.build('app:1', [{ one: '1'.repeat(3_000_000) }]);
  const before = (await store.holdings()).blobs;
  const stop = new AbortController();
  const packing = store.images.completeLayout({ ...everything, signal: stop.signal });
  setTimeout(() => stop.abort(), 2);
  await packing.catch(() => {});
  if (Object.keys(listed()).length === 0) assert.deepEqual((await store.holdings()).blobs, before);
  const other = store.images.completeLayout(everything);
  await store.images.remove('app:1', { force: true, prune: true, uses: [] });
  await other;
  assert.deepEqual((await store.holdings()).blobs, []);
  assert.deepEqual(listed(), {});
});
