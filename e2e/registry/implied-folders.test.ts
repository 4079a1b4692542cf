/** Layers of some builders have no entries for the folders that their files are in. */
import assert from 'node:assert/strict';
import { lstatSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { ociArchive, tarOf } from '../../src/image/testing/archive.ts';
import { parseReference } from '../../src/oci/index.ts';
import { startRegistry, type TestRegistry } from './fixtures/docker-registry.ts';
import { openStore, type TestStore } from './fixtures/test-store.ts';

let registry: TestRegistry;
let there: TestStore;
let here: TestStore;
before(async () => {
  registry = await startRegistry();
  [there, here] = [await openStore(), await openStore()];
});
after(async () => {
  await there?.close();
  await here?.close();
  await registry?.close();
});

test('a folder that a pulled layer has no entry for looks like the one that it covers', async () => {
  const name = `${registry.host}/implied:1`;
  const bottom = await tarOf([
    { path: 'srv/', type: 'dir', mode: 0o1777, uid: 33, gid: 34, mtimeSeconds: 1_400_000_000 },
  ]);
  const middle = await tarOf([{ path: 'else', type: 'file', content: 'x'.repeat(300_000) }]);
  const upper = await tarOf([{ path: 'srv/new', type: 'file', content: 'x' }]);
  const archive = await ociArchive({ layers: [bottom, middle, upper], names: [name], gzip: true });
  await there.images.load(
    (async function* () {
      yield archive;
    })(),
  );
  await there.transfers.push(parseReference(name), {});
  const { id } = await here.transfers.pull(parseReference(name), {});
  for (const store of [there, here]) {
    const { snapshot } = await store.images.get(id);
    const { mode, uid, gid, mtimeMs } = lstatSync(join(store.snapshots.stat(snapshot!)!.diffDir, 'srv'));
    assert.deepEqual([mode & 0o7777, uid, gid, mtimeMs], [0o1777, 33, 34, 1_400_000_000_000]);
  }
  assert.equal(here.snapshots.actives().length, 0);
});
