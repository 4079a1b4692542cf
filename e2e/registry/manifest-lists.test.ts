import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { type Index, mediaTypes, parseReference } from '../../src/oci/index.ts';
import { createManifestLists, inspectRemote, type ManifestLists } from '../../src/registry/index.ts';
import { startRegistry, type TestRegistry } from './fixtures/docker-registry.ts';
import { openStore, type TestStore } from './fixtures/test-store.ts';

let registry: TestRegistry;
let store: TestStore;
let lists: ManifestLists;

before(async () => {
  registry = await startRegistry();
  store = await openStore();
  lists = createManifestLists({ client: store.client, folder: join(store.root, 'manifests') });
  for (const name of ['team/amd:1', 'team/arm:1']) {
    await store.build(`${registry.host}/${name}`, { [name.replace('/', '-')]: name });
    await store.transfers.push(ref(name), {});
  }
});
after(async () => {
  await store?.close();
  await registry?.close();
});

const ref = (name: string) => parseReference(`${registry.host}/${name}`);

test('a remote image is inspected without pulling it', async () => {
  const remote = await inspectRemote(store.client, ref('team/amd:1'), {});
  assert.equal(remote.descriptor.mediaType, mediaTypes.ociManifest);
  assert.deepEqual(remote.platforms, [{ os: 'linux', architecture: 'amd64' }]);
  assert.equal(remote.bytes.length, remote.descriptor.size);
});

test('a list is drafted, annotated, pushed to a repository of its own, and pulled by platform', async () => {
  const list = ref('team/app:1');
  await lists.create(list, [ref('team/amd:1'), ref('team/arm:1')], {});
  await assert.rejects(lists.create(list, [], {}), {
    message: 'refusing to amend an existing manifest list with no --amend flag',
  });
  lists.annotate(list, ref('team/arm:1'), { architecture: 'arm64', variant: 'v8' });
  assert.throws(() => lists.annotate(list, ref('team/x:1'), {}), { kind: 'not_found' });
  const told: string[] = [];
  const digest = await lists.push(list, { purge: true, told: (name) => told.push(name) });
  assert.equal(told.length, 2);
  assert.equal(lists.draft(list), undefined);

  const remote = await inspectRemote(store.client, list, {});
  assert.equal(remote.descriptor.digest, digest);
  assert.equal(remote.descriptor.mediaType, mediaTypes.ociIndex);
  assert.deepEqual(
    (remote.document as Index).manifests.map(({ platform }) => platform),
    [
      { os: 'linux', architecture: 'amd64' },
      { os: 'linux', architecture: 'arm64', variant: 'v8' },
    ],
  );

  const other = await openStore();
  const amd = await other.transfers.pull(list, { platform: { os: 'linux', architecture: 'amd64' } });
  const arm = await other.transfers.pull(list, { platform: { os: 'linux', architecture: 'arm64' } });
  assert.equal(amd.digest, digest);
  assert.notEqual(amd.id, arm.id);
  await assert.rejects(other.transfers.pull(list, { platform: { os: 'linux', architecture: 's390x' } }), {
    message: 'no matching manifest for linux/s390x in the manifest list entries',
  });
  await other.close();
});

test('who asks for another platform than the only one is told', async () => {
  const other = await openStore();
  const lines: string[] = [];
  await other.transfers.pull(ref('team/amd:1'), {
    platform: { os: 'linux', architecture: 'arm64' },
    progress: ({ status }) => lines.push(status),
  });
  assert.equal(
    lines.at(-1),
    `WARNING: image with reference ${registry.host}/team/amd:1 was found but its platform (linux/amd64) does not match the specified platform (linux/arm64)`,
  );
  await other.close();
});

test('members of another registry, and lists in lists, are refused', async () => {
  await assert.rejects(lists.create(ref('team/bad:1'), [parseReference('busybox')], {}), /different registry/);
  await assert.rejects(lists.create(ref('team/bad:1'), [ref('team/app:1')], {}), /is a manifest list/);
  assert.equal(lists.draft(ref('team/bad:1')), undefined);
});
