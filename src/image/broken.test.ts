import assert from 'node:assert/strict';
import { rmSync, truncateSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { after, test } from 'node:test';
import type { Digest } from '../oci/index.ts';
import type { SnapshotName } from '../snapshot/index.ts';
import { openStore, openTestStores, type TestStore } from './testing/store.ts';

const stores = openTestStores();
after(() => stores.close());

const blob = (store: TestStore, digest: Digest) => join(store.root, 'oci/blobs/sha256', digest.slice(7));
const config = { force: true, prune: true, uses: [] } as const;

/** What a disk, or a hand, may do to the parts of the image `app`. */
const damages: Record<string, (store: TestStore, id: Digest) => void> = {
  'its configuration is missing': (store, id) => rmSync(blob(store, id)),
  'its configuration is cut': (store, id) => truncateSync(blob(store, id), 10),
  'its configuration is empty': (store, id) => truncateSync(blob(store, id), 0),
  'its configuration has other bytes, as many': (store, id) => flip(blob(store, id)),
  'a layer directory is missing': (store, id) => {
    const row = store.db.get<{ snapshot: SnapshotName }>('SELECT snapshot FROM images WHERE id = ?', id);
    rmSync(dirname(store.snapshots.stack(row!.snapshot)[0]!.diffDir), { recursive: true });
  },
};

for (const [what, damage] of Object.entries(damages)) {
  test(`where ${what}, the store opens, others are listed, and the image can be removed or made again`, async () => {
    const before = await stores.open();
    const id = await before.build('app:1', [{ a: 'a' }, { b: 'b' }]);
    damage(before, id);
    before.db.close();
    const store = await openStore(before.root, stores.layers);
    await store.snapshots.sweep();
    await store.images.collect();
    await store.build('fine:1', [{ c: 'c' }]);
    const listed = await store.images.list();
    assert.deepEqual(listed.map(({ names, broken }) => [names[0], broken !== undefined]).sort(), [
      ['docker.io/library/app:1', true],
      ['docker.io/library/fine:1', false],
    ]);
    await assert.rejects(store.images.get('app:1'), {
      kind: 'data_loss',
      message: /^image app:1 is damaged: /,
      hint: 'pull or build it again, or remove it',
    });
    assert.equal(await store.images.find('app:1'), undefined);
    // Made again, as a pull makes it.
    assert.equal(await store.build('app:1', [{ a: 'a' }, { b: 'b' }]), id);
    assert.deepEqual(await store.faults('app:1'), []);
    const mounted = await store.snapshots.mount((await store.images.get('app:1')).snapshot);
    await mounted.unmount();
    // And once more, now removed.
    damage(store, id);
    store.db.close();
    const last = await openStore(before.root, stores.layers);
    await last.snapshots.sweep();
    const removed = await last.images.remove('app:1', config);
    assert.ok(removed.some(({ deleted }) => deleted === id));
    await last.images.collect();
    assert.equal((await last.holdings()).images, 1);
    last.db.close();
  });
}

test('a manifest or an index.json that is missing or damaged is made again', async () => {
  const before = await stores.open();
  const id = await before.build('app:1', [{ a: 'a' }]);
  const { manifest } = await before.images.materialize(id, { compression: 'gzip' });
  const harms: ((file: string) => void)[] = [(file) => rmSync(file), (file) => truncateSync(file, 5), flip];
  for (const file of [blob(before, manifest.digest), join(before.root, 'oci/index.json')]) {
    for (const harm of harms) {
      harm(file);
      before.db.close();
      const store = await openStore(before.root, stores.layers);
      await store.images.collect();
      const made = await store.images.materialize(id, { compression: 'gzip' });
      assert.equal(made.manifest.digest, manifest.digest);
      assert.deepEqual(await store.faults('app:1'), []);
      Object.assign(before, store);
    }
  }
  before.db.close();
});

test('a damaged image is pruned as any other', async () => {
  const before = await stores.open();
  const id = await before.build(undefined, [{ a: 'a' }]);
  rmSync(blob(before, id));
  before.db.close();
  const store = await openStore(before.root, stores.layers);
  const { removed } = await store.images.prune({ all: false, inUse: new Set() });
  assert.ok(removed.some(({ deleted }) => deleted === id));
  store.db.close();
});

/** The same size, other bytes. */
function flip(file: string): void {
  const text = Buffer.from(JSON.stringify({ damaged: true }));
  writeFileSync(file, text, { flag: 'r+' });
}
