import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createReadStream, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, beforeEach, test } from 'node:test';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import type { ByteStream, ContentStore } from '../content/index.ts';
import { type ImageConfig, parseReference } from '../oci/index.ts';
import type { Snapshots } from '../snapshot/index.ts';
import { openTestStores, type TestStores } from './testing/store.ts';
import type { Images } from './types.ts';

let stores: TestStores;
let content: ContentStore;
let snapshots: Snapshots;
let images: Images;
let root: string;
before(() => {
  stores = openTestStores();
});
after(async () => await stores.close());
beforeEach(async () => {
  ({ root, content, snapshots, images } = await stores.open());
});

/** An image of two layers: one file each. */
async function build(name: string, second = 'two'): Promise<string> {
  const bottom = await snapshots.prepare(null);
  writeFileSync(join(bottom.diffDir, 'one'), 'first layer');
  const base = await snapshots.commit(bottom);
  const upper = await snapshots.prepare(base.name);
  writeFileSync(join(upper.diffDir, second), 'second layer');
  const measured = await snapshots.measure((await snapshots.commit(upper)).name);
  const config: ImageConfig = {
    architecture: 'amd64',
    os: 'linux',
    created: '2024-01-02T03:04:05Z',
    config: { Cmd: ['sh'], Labels: { tier: 'front' } },
    rootfs: { type: 'layers', diff_ids: snapshots.stack(measured.name).map(({ measure }) => measure!.diffID) },
    history: [{ created_by: 'one' }, { created_by: 'ENV x', empty_layer: true }, { created_by: 'two' }],
  };
  return (await images.create({ config, snapshot: measured.name, names: [parseReference(name)] })).id;
}

const file = (path: string) => createReadStream(path) as unknown as ByteStream;

async function saved(...names: string[]): Promise<string> {
  const path = join(root, `saved-${names.length}.tar`);
  const chunks: Uint8Array[] = [];
  for await (const chunk of await images.save(names)) chunks.push(Buffer.from(chunk));
  writeFileSync(path, Buffer.concat(chunks));
  return path;
}

test('an image is found by id, prefix, and name with the tag left out', async () => {
  const id = await build('app:latest');
  for (const text of [id, id.slice(7), id.slice(7, 19), 'app', 'app:latest', 'docker.io/library/app'])
    assert.equal((await images.get(text)).id, id, text);
  await assert.rejects(images.get('app:other'), /No such image: app:other/);
  assert.equal(await images.find('zzzz'), undefined);
});

test('a listing by name shows the names that were asked for', async () => {
  await build('app:1');
  await images.tag('app:1', parseReference('other:1'));
  assert.deepEqual((await images.list({ references: ['app'] }))[0]!.names, ['docker.io/library/app:1']);
  assert.equal((await images.list({ references: ['nothing'] })).length, 0);
});

test('digests are names as well: listed and found where they were asked for', async () => {
  const id = await build('app:1');
  const digest = `registry.example/team/app@sha256:${'1'.repeat(64)}`;
  await images.addRepoDigest(id as never, digest);
  assert.deepEqual((await images.list({ references: ['app'] }))[0]!.repoDigests, []);
  for (const pattern of ['registry.example/*/app', digest]) {
    const [found] = await images.list({ references: [pattern] });
    assert.deepEqual([found?.names, found?.repoDigests], [[], [digest]], pattern);
  }
});

test('history has a row for each instruction, with the size where the bytes are', async () => {
  await build('app');
  const rows = await images.history('app');
  assert.deepEqual(
    rows.map(({ createdBy, size }) => [createdBy, size]),
    [
      ['two', 12],
      ['ENV x', 0],
      ['one', 11],
    ],
  );
  assert.deepEqual(rows[0]!.tags, ['app:latest']);
  assert.equal(rows[1]!.id, null);
});

test('moving a name leaves the old image dangling, and prune takes it with the layers that nobody else has', async () => {
  const first = await build('app');
  const second = await build('app', 'other');
  assert.notEqual(first, second);
  assert.deepEqual(
    (await images.list({ dangling: true })).map(({ id }) => id),
    [first],
  );
  const { removed, reclaimed } = await images.prune({ all: false, inUse: new Set() });
  assert.equal(removed[0]!.deleted, first);
  assert.ok(reclaimed >= 12);
  assert.equal((await images.list()).length, 1);
});

test('prune takes what has digests alone, in however many repositories, and another image of the same digest stays', async () => {
  const first = await build('app');
  const second = await build('other', 'other');
  const index = `@sha256:${'1'.repeat(64)}`;
  for (const repository of ['registry.example/a', 'registry.example/b'])
    await images.addRepoDigest(first as never, repository + index);
  await images.addRepoDigest(second as never, `registry.example/a${index}`);
  assert.equal((await images.get(`registry.example/a${index}`)).id, second, 'the one with a name');
  await images.tag('other', parseReference('app'));
  const { removed } = await images.prune({ all: false, inUse: new Set() });
  assert.deepEqual(
    removed.flatMap(({ deleted }) => (deleted === first ? [deleted] : [])),
    [first],
  );
  assert.deepEqual((await images.get(second)).repoDigests, [`registry.example/a${index}`]);
});

test('removing a name unties it; removing the last one deletes the image and its layers', async () => {
  const id = await build('app:1');
  await images.tag('app:1', parseReference('app:2'));
  assert.deepEqual(await images.remove('app:1', { force: false, prune: true, uses: [] }), [{ untagged: 'app:1' }]);
  const removed = await images.remove('app:2', { force: false, prune: true, uses: [] });
  assert.deepEqual(removed.slice(0, 2), [{ untagged: 'app:2' }, { deleted: id }]);
  assert.equal(removed.length, 4, 'two layers went');
  assert.equal([...snapshots.list()].length, 0);
  const blobs = [];
  for await (const { digest } of content.list()) blobs.push(digest);
  assert.deepEqual(blobs, []);
});

test('an image that a container uses is kept, with Docker’s words', async () => {
  const id = await build('app:1');
  const stopped = [{ container: 'c'.repeat(64), running: false }];
  const running = [{ container: 'd'.repeat(64), running: true }];
  await assert.rejects(
    images.remove('app:1', { force: false, prune: true, uses: stopped }),
    /unable to remove repository reference "app:1" \(must force\) - container cccccccccccc is using its referenced image/,
  );
  await assert.rejects(
    images.remove(id, { force: true, prune: true, uses: running }),
    /cannot be forced\) - image is being used by running container dddddddddddd/,
  );
  await images.tag('app:1', parseReference('elsewhere.example/app:1'));
  await assert.rejects(
    images.remove(id, { force: false, prune: true, uses: [] }),
    /must be forced\) - image is referenced in multiple repositories/,
  );
});

test('what was saved loads as the same image, plain and compressed; saving twice gives the same bytes', async () => {
  const id = await build('app:1');
  await images.tag('app:1', parseReference('app:2'));
  const path = await saved('app:1', 'app:2');
  const bytes = readFileSync(path);
  assert.deepEqual(readFileSync(await saved('app:1', 'app:2')), bytes);
  for (const packed of [bytes, gzipSync(bytes), zstdCompressSync(bytes)]) {
    await images.remove(id, { force: true, prune: true, uses: [] });
    writeFileSync(path, packed);
    const loaded = await images.load(file(path));
    assert.deepEqual(
      loaded.map(({ name }) => name),
      ['docker.io/library/app:1', 'docker.io/library/app:2'],
    );
    assert.equal((await images.get('app:2')).id, id);
  }
});

test('a repository alone is saved with all its tags, whichever images they name', async () => {
  const id = await build('many:1');
  await images.tag('many:1', parseReference('many:2'));
  const other = await build('many:3', 'other');
  await images.tag('many:1', parseReference('many-more:1'));
  const path = await saved('many');
  for (const gone of [id, other]) await images.remove(gone, { force: true, prune: true, uses: [] });
  const loaded = await images.load(file(path));
  const [one, two, three] = ['docker.io/library/many:1', 'docker.io/library/many:2', 'docker.io/library/many:3'];
  assert.deepEqual(
    loaded.map(({ name, id: image }) => [name, image]),
    [
      [one, id],
      [two, id],
      [three, other],
    ],
  );
  await assert.rejects(saved('absent'), { kind: 'not_found' });
});

test('an archive that lies, or ends early, is refused, and the store is as it was', async () => {
  const id = await build('app:1');
  const path = await saved('app:1');
  await images.remove(id, { force: true, prune: true, uses: [] });
  const whole = readFileSync(path);
  const changed = Buffer.from(whole);
  changed.write('FIRST', whole.indexOf('first layer'));
  for (const [bytes, message] of [
    [whole.subarray(0, whole.indexOf('first layer') + 5), /unexpected EOF/],
    [changed, /digest|diff id/],
    [Buffer.from('this is no archive at all'.repeat(100)), /tar|archive/],
    [Buffer.alloc(1024), /holds no image/],
  ] as const) {
    writeFileSync(path, bytes);
    await assert.rejects(images.load(file(path)), message);
    assert.equal((await images.list()).length, 0);
    assert.equal([...snapshots.list()].length, 0);
    assert.deepEqual(readdirSync(join(root, 'oci/blobs/sha256')), []);
  }
});

test('materialize packs each layer once, and the layout then lists the image', async () => {
  const id = await build('app:1');
  const first = await images.materialize(id as never, { compression: 'gzip' });
  const again = await images.materialize(id as never, { compression: 'gzip' });
  assert.deepEqual(again.layers, first.layers);
  const index = JSON.parse(readFileSync(join(root, 'oci/index.json'), 'utf8'));
  assert.equal(index.manifests[0].digest, first.manifest.digest);
  for (const { digest, size } of first.layers) assert.equal((await content.stat(digest))?.size, size);
});

test('import makes an image of one layer from a root file system', async () => {
  const tree = join(root, 'tree');
  mkdirSync(join(tree, 'etc'), { recursive: true });
  writeFileSync(join(tree, 'etc/motd'), 'hello\n');
  const tar = join(root, 'root.tar');
  spawnSync('tar', ['-C', tree, '-czf', tar, '.']);
  const image = await images.import(file(tar), {
    name: parseReference('imported:1'),
    message: 'from a tar',
    config: { Cmd: ['cat'] },
  });
  assert.equal(readFileSync(join(snapshots.stat(image.snapshot!)!.diffDir, 'etc/motd'), 'utf8'), 'hello\n');
  assert.equal((await images.history('imported:1'))[0]!.comment, 'from a tar');
  writeFileSync(tar, 'no tar');
  await assert.rejects(images.import(file(tar), {}), /archive|tar|unexpected EOF/);
});
