import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, chownSync, existsSync, lstatSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, beforeEach, test } from 'node:test';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { createLayers } from '../layer/index.ts';
import { sha256 } from '../oci/index.ts';
import { dockerArchive, ociArchive, tarOf } from './testing/archive.ts';
import { openStore, openTestStores, type TestStore, type TestStores } from './testing/store.ts';

let stores: TestStores;
let store: TestStore;
before(() => {
  stores = openTestStores(createLayers({ limits: { maxBytes: 48 * 2 ** 20 } }));
});
after(async () => await stores.close());
beforeEach(async () => {
  store = await stores.open();
});

const load = (bytes: Uint8Array, options = {}) => store.images.load(stream(bytes), options);

async function* stream(bytes: Uint8Array) {
  for (let at = 0; at < bytes.length; at += 65536) yield bytes.subarray(at, at + 65536);
}

/** The load fails so, and the store then holds exactly what it held. */
async function refuses(bytes: Uint8Array, expected: RegExp): Promise<void> {
  const before = await store.holdings();
  await assert.rejects(load(bytes), (error: Error & { kind?: string }) => {
    assert.match(error.message, expected);
    assert.ok(error.kind !== undefined && error.kind !== 'internal', `kind ${error.kind}`);
    return true;
  });
  assert.deepEqual(await store.holdings(), before);
  assert.deepEqual(readdirSync(join(store.root, 'ingest')), []);
  const folders = readdirSync(join(store.root, 'snapshots')).filter((name) => name !== '.trash');
  assert.equal(folders.length, before.snapshots.length);
}

const hello = () => tarOf([{ path: 'hello', type: 'file', content: 'hello\n' }]);
const other = () => tarOf([{ path: 'other', type: 'file', content: 'other\n' }]);

test('archives of docker and of OCI load, plain and packed in four ways, layers plain and in gzip', async () => {
  const xz = (bytes: Buffer) => spawnSync('xz', ['-c'], { input: bytes }).stdout;
  const bzip2 = (bytes: Buffer) => spawnSync('bzip2', ['-c'], { input: bytes }).stdout;
  for (const make of [dockerArchive, ociArchive]) {
    for (const gzip of [false, true]) {
      const bytes = await make({ layers: [await hello(), await other()], names: ['docker.io/library/app:1'], gzip });
      for (const packed of [bytes, gzipSync(bytes), zstdCompressSync(bytes), xz(bytes), bzip2(bytes)]) {
        const [loaded] = await load(packed);
        assert.equal(loaded?.name, 'docker.io/library/app:1');
        assert.deepEqual(await store.faults('app:1'), []);
        await store.images.remove('app:1', { force: true, prune: true, uses: [] });
        assert.deepEqual(await store.holdings(), { images: 0, snapshots: [], blobs: [] });
      }
    }
  }
});

test('of an archive with images for several platforms the wanted one is loaded; where there is none, that is an error', async () => {
  const arm = { layers: [await hello()], config: { architecture: 'arm64' }, names: ['docker.io/library/app:1'] };
  for (const make of [dockerArchive, ociArchive]) {
    const bytes = await make(arm);
    await assert.rejects(load(bytes, { platform: { os: 'linux', architecture: 'amd64' } }), {
      kind: 'not_found',
      message: 'the archive holds no image for linux/amd64',
    });
    assert.deepEqual(await store.holdings(), { images: 0, snapshots: [], blobs: [] });
    const [loaded] = await load(bytes, { platform: { os: 'linux', architecture: 'arm64' } });
    assert.equal(loaded?.name, 'docker.io/library/app:1');
    await store.images.remove('app:1', { force: true, prune: true, uses: [] });
  }
});

test('a load that moves a name says from which image, and leaves that one unnamed', async () => {
  const old = await store.build('app:1', [{ one: '1' }]);
  const [loaded] = await load(await dockerArchive({ layers: [await hello()], names: ['app:1'] }));
  assert.equal(loaded?.replaced, old);
  assert.deepEqual((await store.images.get(old)).names, []);
  const [again] = await load(await dockerArchive({ layers: [await hello()], names: ['app:1'] }));
  assert.equal(again?.replaced, undefined);
});

test('layers are found through links, and under names written in odd ways', async () => {
  const layer = await hello();
  const config = JSON.stringify({ rootfs: { type: 'layers', diff_ids: [sha256(layer), sha256(layer)] } });
  const manifest = [{ Config: './c.json', RepoTags: null, Layers: ['a/layer.tar', 'x/../b//layer.tar'] }];
  const bytes = await tarOf([
    { path: './a/layer.tar', type: 'file', content: layer },
    { path: 'b/layer.tar', type: 'symlink', link: '../a/layer.tar' },
    { path: 'c.json', type: 'file', content: config },
    { path: 'manifest.json', type: 'file', content: JSON.stringify(manifest) },
  ]);
  const [loaded] = await load(bytes);
  assert.deepEqual(await store.faults(loaded!.id), []);
});

test('a folder without an entry in a layer looks like the one that it covers', async () => {
  const below = join(store.root, 'below');
  mkdirSync(join(below, 'srv'), { recursive: true });
  chmodSync(join(below, 'srv'), 0o1777);
  chownSync(join(below, 'srv'), 33, 34);
  const bottom = spawnSync('tar', ['-C', below, '--numeric-owner', '-cf', '-', 'srv']).stdout;
  const upper = await tarOf([{ path: 'srv/new', type: 'file', content: 'x' }]);
  const [loaded] = await load(await dockerArchive({ layers: [bottom, upper] }));
  const { snapshot } = await store.images.get(loaded!.id);
  const { mode, uid, gid } = lstatSync(join(store.snapshots.stat(snapshot!)!.diffDir, 'srv'));
  assert.deepEqual([mode & 0o7777, uid, gid], [0o1777, 33, 34]);
});

test('names of members lead nowhere: neither of the archive nor of a layer', async () => {
  const outside = join(stores.top, 'outside');
  mkdirSync(outside, { recursive: true });
  const leaving = await tarOf([
    { path: '../../../../../../escaped', type: 'file', content: 'x' },
    { path: `${outside}/absolute`, type: 'file', content: 'x' },
    { path: 'link', type: 'symlink', link: outside },
    { path: 'link/through', type: 'file', content: 'x' },
    { path: 'up', type: 'symlink', link: '../../../../../..' },
    { path: 'up/above', type: 'file', content: 'x' },
  ]);
  const members = { '../../manifest.json.evil': 'x', [`${outside}/member`]: 'x' };
  await load(await dockerArchive({ layers: [leaving], names: ['app:1'], members })).catch(() => {});
  assert.deepEqual(readdirSync(outside), []);
  for (const path of [
    '/escaped',
    '/above',
    join(stores.top, 'escaped'),
    join(stores.top, 'above'),
    join(store.root, 'escaped'),
  ])
    assert.equal(existsSync(path), false, path);
});

test('a hard link out of a layer is refused', async () => {
  const layer = await tarOf([{ path: 'shadow', type: 'hardlink', link: '../../../../../../etc/shadow' }]);
  await refuses(await dockerArchive({ layers: [layer] }), /shadow/);
});

test('a device in a layer is a device of the image, never of ours; an archive’s own devices are passed over', async () => {
  const layer = await tarOf([{ path: 'null', type: 'char', major: 1, minor: 3 }]);
  const bytes = await dockerArchive({ layers: [layer], names: ['app:1'] });
  const device = await tarOf([{ path: 'manifest.json', type: 'char', major: 1, minor: 5 }]);
  await load(Buffer.concat([device.subarray(0, 512), bytes]));
  assert.deepEqual(await store.faults('app:1'), []);
});

test('a small layer may not expand beyond the bound', async () => {
  const zeros = await tarOf([{ path: 'zeros', type: 'file', content: Buffer.alloc(64 * 2 ** 20) }]);
  await refuses(await dockerArchive({ layers: [zeros], gzip: true }), /expands to more than 50331648 bytes/);
});

test('what an archive leaves out, cuts off or lies about is named, and nothing of it stays', async () => {
  await store.build('kept:1', [{ one: '1' }]);
  const layer = await hello();
  const whole = await dockerArchive({ layers: [layer], names: ['app:1'] });
  const missing = JSON.stringify([{ Config: 'config.json', RepoTags: [], Layers: ['gone/layer.tar'] }]);
  const lying = { rootfs: { type: 'layers', diff_ids: [sha256(Buffer.from('else'))] } };
  const cut = gzipSync(layer).subarray(0, 60);
  const manyLayers = { rootfs: { type: 'layers', diff_ids: [sha256(layer), sha256(layer)] } };
  for (const [bytes, message] of [
    [whole.subarray(0, 700), /unexpected EOF|cut off/],
    [whole.subarray(0, whole.length - 2048), /unexpected EOF|cut off|no image/],
    [gzipSync(whole).subarray(0, 200), /unexpected|cannot be read/],
    [await dockerArchive({ layers: [layer], members: { 'manifest.json': missing } }), /gone\/layer.tar is missing/],
    [await dockerArchive({ layers: [layer], members: { 'manifest.json': '{' } }), /manifest.json is not valid JSON/],
    [await dockerArchive({ layers: [layer], members: { 'manifest.json': '[7]' } }), /does not list images/],
    [await dockerArchive({ layers: [layer], members: { 'manifest.json': '[]' } }), /holds no image/],
    [await dockerArchive({ layers: [layer], members: { 'config.json': 'null' } }), /configuration .* invalid/],
    [await dockerArchive({ layers: [layer], config: lying }), /diff id|is not sha256/],
    [await dockerArchive({ layers: [layer], config: manyLayers }), /lists 2 layers, but 1 come/],
    [
      await dockerArchive({ layers: [layer], config: { config: { Env: 'A=1' } } }),
      /config.Env is not of the right type/,
    ],
    [await dockerArchive({ layers: [layer], members: { '0/layer.tar': cut } }), /unexpected|cut off|end of file/],
    [await dockerArchive({ layers: [layer], names: ['Not A Name'] }), /invalid reference format/],
    [await ociArchive({ layers: [layer], members: { 'index.json': '{"manifests":[7]}' } }), /no descriptor/],
    [await ociArchive({ layers: [], members: { 'index.json': '{"manifests":[]}' } }), /holds no image/],
  ] as const)
    await refuses(bytes, message);
  assert.deepEqual(await store.faults('kept:1'), []);
});

test('sizes and digests in an OCI archive must be those of the blobs', async () => {
  const layer = await hello();
  const good = await ociArchive({ layers: [layer] });
  const at = `blobs/${sha256(layer).replace(':', '/')}`;
  await refuses(await ociArchive({ layers: [layer], members: { [at]: await other() } }), /of the archive has digest/);
  const text = good.toString('latin1');
  const lie = text.match(/"manifests":\[\{"mediaType":"[^"]*","digest":"[^"]*","size":(\d+)/)!;
  const size = Number(lie[1]);
  const wrong = Buffer.from(text.replace(`"size":${size}}]`, `"size":${size + 1}}]`), 'latin1');
  await refuses(wrong, /bytes where the archive says/);
});

test('of several images none comes in when one is broken', async () => {
  const layer = await hello();
  const good = { rootfs: { type: 'layers', diff_ids: [sha256(layer)] } };
  const bad = { rootfs: { type: 'layers', diff_ids: [sha256(Buffer.from('else'))] } };
  const manifest = ['good', 'bad'].map((name) => ({
    Config: `${name}.json`,
    RepoTags: [`${name}:1`],
    Layers: ['layer.tar'],
  }));
  await refuses(
    await tarOf([
      { path: 'layer.tar', type: 'file', content: layer },
      { path: 'good.json', type: 'file', content: JSON.stringify(good) },
      { path: 'bad.json', type: 'file', content: JSON.stringify(bad) },
      { path: 'manifest.json', type: 'file', content: JSON.stringify(manifest) },
    ]),
    /diff id|is not sha256/,
  );
});

test('a load that is cancelled leaves nothing', async () => {
  const bytes = await dockerArchive({ layers: [await hello()], names: ['app:1'] });
  const stop = new AbortController();
  async function* slowly() {
    yield bytes.subarray(0, 1000);
    stop.abort();
    yield bytes.subarray(1000);
  }
  await assert.rejects(store.images.load(slowly(), { signal: stop.signal }), { kind: 'cancelled' });
  assert.deepEqual(await store.holdings(), { images: 0, snapshots: [], blobs: [] });
});

test('a full disk is told as such, and what was there before still is', async () => {
  const small = join(stores.top, 'small');
  mkdirSync(small);
  spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=24m', 'strata-load-small', small]);
  try {
    store = await openStore(join(small, 'store'), stores.layers);
    await store.build('kept:1', [{ one: '1' }]);
    for (const megabytes of [18, 40]) {
      const content = Buffer.alloc(megabytes * 2 ** 20, 'x');
      const layer = await tarOf([{ path: 'big', type: 'file', content }]);
      const bytes = await dockerArchive({ layers: [layer] });
      const before = await store.holdings();
      await assert.rejects(load(bytes), /no space left on device|ENOSPC/);
      assert.deepEqual(await store.holdings(), before);
    }
    assert.deepEqual(await store.faults('kept:1'), []);
    store.db.close();
  } finally {
    spawnSync('umount', ['-l', small]);
  }
});
