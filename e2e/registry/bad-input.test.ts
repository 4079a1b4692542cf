import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { tarHeader } from '../../src/layer/index.ts';
import { mediaTypes, parseReference } from '../../src/oci/index.ts';
import { startRegistry } from './fixtures/docker-registry.ts';
import { noise, openStore, type TestStore } from './fixtures/test-store.ts';
import { archive, startToyRegistry, type ToyLayer, type ToyRegistry } from './fixtures/toy-registry.ts';

let toy: ToyRegistry;
let store: TestStore;
let empty: unknown;
const good: ToyLayer = { tar: archive([{ path: 'good', data: Buffer.from('good') }]) };

before(async () => {
  toy = await startToyRegistry();
  store = await openStore({ limits: { maxBytes: 128 * 1024 ** 2 } });
  empty = await store.inventory();
});
after(async () => {
  await store?.close();
  await toy?.close();
});

async function refused(tag: string, message: RegExp, from: TestStore = store): Promise<void> {
  await assert.rejects(from.transfers.pull(parseReference(`${toy.host}/x/y:${tag}`), {}), (error: Error) => {
    assert.match(error.message, message);
    return true;
  });
  await from.verifyBlobs();
  assert.deepEqual(await from.inventory(), empty, 'the store is as it was');
}

const layer = (mediaType: string) => toy.blob(good.tar, mediaType);

test('an honest image of the toy registry is taken', async () => {
  const other = await openStore();
  toy.image('fine', [good]);
  await other.transfers.pull(parseReference(`${toy.host}/x/y:fine`), {});
  await other.close();
});

for (const [title, make, message] of [
  [
    'a document that is manifest and index at once',
    (tag: string) => toy.image(tag, [good], { manifest: { manifests: [] } }),
    /a manifest and an index at once/,
  ],
  [
    'a document that calls itself something else than it came as',
    (tag: string) => toy.image(tag, [good], { manifest: { mediaType: mediaTypes.ociIndex } }),
    /came as .* and calls itself/,
  ],
  ['a manifest that is no JSON', (tag: string) => toy.manifest(tag, Buffer.from('<html>')), /is no JSON/],
  [
    'a manifest above 4 MiB',
    (tag: string) => toy.manifest(tag, Buffer.alloc(4 * 1024 ** 2 + 1, ' ')),
    /larger than 4194304 bytes/,
  ],
  [
    'a digest that is a path',
    (tag: string) =>
      toy.image(tag, [good], {
        manifest: { layers: [{ mediaType: mediaTypes.ociLayerGzip, digest: 'sha256:../../etc/passwd', size: 1 }] },
      }),
    /layers are no descriptors/,
  ],
  [
    'the schema of 2014',
    (tag: string) =>
      toy.manifest(
        tag,
        { schemaVersion: 1, fsLayers: [] },
        'application/vnd.docker.distribution.manifest.v1+prettyjws',
      ),
    /schema 1 are not supported/,
  ],
  [
    'a foreign layer',
    (tag: string) => toy.image(tag, [good, { ...good, mediaType: mediaTypes.dockerForeignLayer }]),
    /foreign layers are not supported/,
  ],
  [
    'a layer of an unknown type',
    (tag: string) => toy.image(tag, [{ ...good, mediaType: 'application/x-lzma' }]),
    /layers of type "application\/x-lzma" are not supported/,
  ],
  [
    'something that is no image',
    (tag: string) => toy.image(tag, [], { manifest: { config: layer('application/vnd.wasm.config.v1+json') } }),
    /is no container image/,
  ],
  [
    'an image for Windows',
    (tag: string) => toy.image(tag, [good], { config: { os: 'windows' } }),
    /image operating system "windows" cannot be used/,
  ],
  [
    'more layers than the configuration knows',
    (tag: string) => toy.image(tag, [good], { config: { rootfs: { type: 'layers', diff_ids: [] } } }),
    /lists 0 layers, the manifest 1/,
  ],
  [
    'an index without this machine’s platform',
    (tag: string) =>
      toy.manifest(
        tag,
        {
          schemaVersion: 2,
          manifests: [{ ...toy.image('z', [good]), platform: { os: 'linux', architecture: 's390x' } }],
        },
        mediaTypes.ociIndex,
      ),
    /no matching manifest for linux\/\w+ in the manifest list entries/,
  ],
  [
    'an index that lies about a manifest’s size',
    (tag: string) =>
      toy.manifest(tag, { schemaVersion: 2, manifests: [{ ...toy.image('z', [good]), size: 7 }] }, mediaTypes.ociIndex),
    /the index of .* says 7/,
  ],
  ['an index of itself without end', (tag: string) => nested(tag), /an index of an index/],
  [
    'a layer larger than announced',
    (tag: string) => toy.image(tag, [good, { ...good, size: 10 }]),
    /the registry has \d+ bytes, the manifest says 10/,
  ],
  [
    'a layer smaller than announced',
    (tag: string) => toy.image(tag, [{ ...good, size: 1_000_000 }]),
    /the manifest says 1000000|unexpected EOF/,
  ],
  [
    'a layer that is another one than the configuration says',
    (tag: string) => toy.image(tag, [good, { ...good, diffID: `sha256:${'0'.repeat(64)}` }]),
    /failed to register layer: wrong diff id/,
  ],
  [
    'a layer that is no archive',
    (tag: string) => toy.image(tag, [{ tar: noise(20_000) }]),
    /failed to register layer: /,
  ],
  [
    'a layer with ../',
    (tag: string) => toy.image(tag, [good, { tar: archive([{ path: '../../../evil', data: Buffer.from('x') }]) }]),
    /failed to register layer: /,
  ],
  [
    'a file written through a link to the host',
    (tag: string) =>
      toy.image(tag, [
        {
          tar: archive([
            { path: 'out', type: 'symlink', link: '/tmp' },
            { path: 'out/../../evil', data: Buffer.from('x') },
          ]),
        },
      ]),
    /failed to register layer: /,
  ],
  [
    '200 MiB of zeros where 128 MiB is the bound',
    (tag: string) => toy.image(tag, [{ tar: archive([{ path: 'zeros', data: Buffer.alloc(200 * 1024 ** 2) }]) }]),
    /expands to more than/,
  ],
] as const) {
  test(`refused: ${title}`, async () => {
    const tag = title.replace(/[^a-z0-9]+/gi, '-').slice(0, 60);
    make(tag);
    await refused(tag, message);
  });
}

test('gigabytes of zeros in a small layer are refused, and the message says what bounds them', async () => {
  const other = await openStore({ limits: { ratioFree: 16 * 1024 ** 2 } });
  const before = await other.inventory();
  // Many members of gzip, of which a layer may be made: ten gigabytes in ten megabytes.
  const header = gzipSync(tarHeader({ path: 'zeros', type: 'file', size: 10 * 1024 ** 3 }));
  const zeros = gzipSync(Buffer.alloc(64 * 1024 ** 2));
  const packed = Buffer.concat([header, ...Array.from({ length: 160 }, () => zeros)]);
  assert.ok(packed.length < 12 * 1024 ** 2);
  toy.image('bomb', [{ tar: Buffer.alloc(0), packed }]);
  await assert.rejects(other.transfers.pull(parseReference(`${toy.host}/x/y:bomb`), {}), {
    message:
      'failed to register layer: the archive expands to more than 200 times its compressed size (the setting limits.layerRatio)',
  });
  assert.deepEqual(await other.inventory(), before);
  await other.close();
});

function nested(tag: string): void {
  let inner = toy.image('z', [good]);
  for (let depth = 0; depth < 5; depth++) {
    inner = toy.manifest(tag, { schemaVersion: 2, manifests: [inner], annotations: { depth } }, mediaTypes.ociIndex);
  }
}

test('a full disk is told, and the store is as it was', async () => {
  const small = await openStore({ size: '12m' });
  toy.image('large', [good, { tar: archive([{ path: 'large', data: noise(16 * 1024 ** 2) }]) }]);
  await refused('large', /no space left on device/, small);
  await small.close();
});

test('an absolute link and a device are what they are, inside the layer', async () => {
  const other = await openStore();
  toy.image('links', [
    {
      tar: archive([
        { path: 'abs', type: 'symlink', link: '/etc/passwd' },
        { path: 'null', type: 'char', major: 1, minor: 3 },
      ]),
    },
  ]);
  await other.transfers.pull(parseReference(`${toy.host}/x/y:links`), {});
  await other.close();
});

test('the registry refuses a manifest whose blobs it lacks: that is told', async () => {
  const registry = await startRegistry();
  const bytes = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: mediaTypes.ociManifest,
      config: layer(mediaTypes.ociConfig),
      layers: [],
    }),
  );
  const ref = parseReference(`${registry.host}/a/b:1`);
  await assert.rejects(store.client.putManifest(ref, { bytes, mediaType: mediaTypes.ociManifest }, {}), /blob unknown/);
  await registry.close();
});
