import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { after, before, beforeEach, test } from 'node:test';
import { parseReference, sha256 } from '../../src/oci/index.ts';
import { startRegistry, type TestRegistry } from './fixtures/docker-registry.ts';
import { type Fault, type FaultProxy, type SeenRequest, startFaultProxy } from './fixtures/fault-proxy.ts';
import { noise, openStore, type TestStore } from './fixtures/test-store.ts';
import { startUploadServer } from './fixtures/upload-server.ts';

const big = noise(6_000_000);
let registry: TestRegistry;
let proxy: FaultProxy;
let source: TestStore;
/** Digest of the blob of the big layer. */
let largest: string;

before(async () => {
  registry = await startRegistry();
  proxy = await startFaultProxy(registry.url);
  source = await openStore();
  await source.build(`${registry.host}/a/app:1`, { small: 'small' }, { big });
  await source.transfers.push(parseReference(`${registry.host}/a/app:1`), {});
  for await (const { digest, size } of source.content.list()) if (size > 5_000_000) largest = digest;
});
after(async () => {
  await source?.close();
  await proxy?.close();
  await registry?.close();
});
beforeEach(() => {
  proxy.plan = () => undefined;
  proxy.seen.length = 0;
});

const isBlobGet = ({ method, path }: SeenRequest) => method === 'GET' && path.includes('/blobs/sha256:');
const isManifestGet = ({ method, path }: SeenRequest) => method === 'GET' && path.includes('/manifests/');

/** The fault for the first `times` requests that fit. */
function first(times: number, fits: (request: SeenRequest) => boolean, fault: Fault): void {
  let left = times;
  proxy.plan = (request) => (fits(request) && left-- > 0 ? fault : undefined);
}

async function pullThrough(): Promise<TestStore> {
  const store = await openStore();
  try {
    await store.transfers.pull(parseReference(`${proxy.host}/a/app:1`), {});
  } catch (error) {
    await store.verifyBlobs();
    assert.deepEqual(
      await store.inventory(),
      { blobs: [], ingests: [], snapshots: [], folders: [], actives: [], images: [] },
      'a failed pull leaves the store as it was',
    );
    await store.close();
    throw error;
  }
  return store;
}

async function assertWhole(store: TestStore): Promise<void> {
  const image = await store.images.get(`${proxy.host}/a/app:1`);
  assert.equal(await store.verifyBlobs(), 4);
  const top = store.snapshots.stat(image.snapshot!)!;
  assert.ok(readFileSync(join(top.diffDir, 'big')).equals(big));
  await store.close();
}

for (const [title, times, fits, fault] of [
  ['a connection cut in the middle of a layer', 2, isBlobGet, { kind: 'cut', after: 2_500_000 }],
  ['a layer that ends early in good order', 1, isBlobGet, { kind: 'truncate', after: 1_000_000 }],
  ['a connection cut before the first byte', 2, isBlobGet, { kind: 'cut', after: 0 }],
  ['a manifest cut short', 1, isManifestGet, { kind: 'lose-answer' }],
  ['500 for a manifest', 2, isManifestGet, { kind: 'status', status: 500 }],
  ['503 for layers', 3, isBlobGet, { kind: 'status', status: 503 }],
  ['slow answers', 3, () => true, { kind: 'delay', milliseconds: 150 }],
] as const) {
  test(`pull: ${title} is got over`, async () => {
    first(times, fits, fault);
    await assertWhole(await pullThrough());
  });
}

test('pull: a broken download goes on where it stopped', async () => {
  first(2, (request) => isBlobGet(request) && request.path.includes(largest), { kind: 'cut', after: 2_500_000 });
  await assertWhole(await pullThrough());
  const ranges = proxy.seen.filter(({ path }) => path.includes(largest)).map(({ headers }) => headers.range);
  assert.equal(ranges.length, 3);
  assert.equal(ranges[0], undefined);
  const offsets = ranges.slice(1).map((range) => Number(/^bytes=(\d+)-$/.exec(range ?? '')?.[1]));
  assert.ok(offsets[0]! > 1_000_000 && offsets[1]! > offsets[0]! + 1_000_000, offsets.join(' '));
});

test('pull: 429 is waited for as long as it asks', async () => {
  first(1, isManifestGet, { kind: 'status', status: 429, headers: { 'retry-after': '1' } });
  const start = Date.now();
  await assertWhole(await pullThrough());
  assert.ok(Date.now() - start >= 1000);
});

for (const [title, fits, fault, message] of [
  [
    'a bit flipped in a layer',
    isBlobGet,
    { kind: 'flip', at: 120 },
    /verification failed for digest sha256:|the content has digest/,
  ],
  [
    'a bit flipped in the manifest',
    isManifestGet,
    { kind: 'flip', at: 200 },
    /manifest verification failed for digest sha256:/,
  ],
  ['a layer that always ends early', isBlobGet, { kind: 'truncate', after: 60 }, /unexpected EOF after|fewer bytes/],
  ['a connection that is always cut', isBlobGet, { kind: 'cut', after: 10 }, /EOF|connection reset/],
  [
    '503 without end',
    isManifestGet,
    { kind: 'status', status: 503 },
    /received unexpected HTTP status: 503 Service Unavailable/,
  ],
  [
    '429 for too long',
    isManifestGet,
    { kind: 'status', status: 429, headers: { 'retry-after': '86400' } },
    /toomanyrequests: too many requests/,
  ],
] as const) {
  test(`pull: ${title} fails clearly and leaves the store as it was`, async () => {
    first(Number.POSITIVE_INFINITY, fits, fault);
    await assert.rejects(pullThrough(), message);
  });
}

const isPatch = ({ method }: SeenRequest) => method === 'PATCH';
const isPut = ({ method, path }: SeenRequest) => method === 'PUT' && path.includes('/blobs/uploads/');
const isStart = ({ method }: SeenRequest) => method === 'POST';
const isManifestPut = ({ method, path }: SeenRequest) => method === 'PUT' && path.includes('/manifests/');
let pushes = 0;

/** Pushes what the registry cannot have yet, and pulls it past the proxy. */
async function pushThrough(): Promise<void> {
  const store = await openStore();
  const path = `push/app${++pushes}:1`;
  const data = noise(5_000_000);
  try {
    await store.build(`${proxy.host}/${path}`, { [`small${pushes}`]: 'small' }, { data });
    const { digest } = await store.transfers.push(parseReference(`${proxy.host}/${path}`), {});
    const other = await openStore();
    const pulled = await other.transfers.pull(parseReference(`${registry.host}/${path}`), {});
    assert.equal(pulled.digest, digest);
    const { snapshot } = await other.images.get(pulled.id);
    assert.ok(readFileSync(join(other.snapshots.stat(snapshot!)!.diffDir, 'data')).equals(data));
    await other.close();
  } finally {
    await store.verifyBlobs();
    await store.close();
  }
}

for (const [title, times, fits, fault] of [
  ['an upload cut in the middle', 2, isPatch, { kind: 'cut-request', after: 2_000_000 }],
  ['an upload whose answer is lost', 1, isPatch, { kind: 'lose-answer' }],
  ['a finish whose answer is lost', 3, isPut, { kind: 'lose-answer' }],
  ['a start whose answer is lost', 2, isStart, { kind: 'lose-answer' }],
  ['500 for an upload', 2, isPatch, { kind: 'status', status: 500 }],
  ['503 for the manifest', 2, isManifestPut, { kind: 'status', status: 503 }],
  ['429 for an upload', 1, isPatch, { kind: 'status', status: 429, headers: { 'retry-after': '1' } }],
  ['503 for the start of an upload', 2, isStart, { kind: 'status', status: 503 }],
  ['500 for its finish', 1, isPut, { kind: 'status', status: 500 }],
  ['slow answers', 3, () => true, { kind: 'delay', milliseconds: 150 }],
  ['the answer to the manifest lost', 1, isManifestPut, { kind: 'lose-answer' }],
  [
    'an upload that the registry forgot',
    1,
    isPatch,
    { kind: 'status', status: 404, body: '{"errors":[{"code":"BLOB_UPLOAD_UNKNOWN"}]}' },
  ],
] as const) {
  test(`push: ${title} is got over`, async () => {
    first(times, fits, fault);
    await pushThrough();
  });
}

for (const [title, fits, fault, message] of [
  [
    '503 without end',
    isManifestPut,
    { kind: 'status', status: 503 },
    /received unexpected HTTP status: 503 Service Unavailable/,
  ],
  [
    'a connection that is always cut',
    isPatch,
    { kind: 'cut-request', after: 1000 },
    /EOF|connection reset|broken pipe/,
  ],
  [
    'a registry that takes no more',
    isStart,
    { kind: 'status', status: 403, body: '{"errors":[{"code":"DENIED","message":"quota exceeded"}]}' },
    /denied: quota exceeded/,
  ],
] as const) {
  test(`push: ${title} fails clearly, and again succeeds later`, async () => {
    first(Number.POSITIVE_INFINITY, fits, fault);
    await assert.rejects(pushThrough(), message);
    proxy.plan = () => undefined;
    await pushThrough();
  });
}

test('push: a broken upload goes on from the offset that the registry has', async () => {
  const server = await startUploadServer();
  const breaking = await startFaultProxy(server.url);
  let cuts = 2;
  breaking.plan = (request) => (isPatch(request) && cuts-- > 0 ? { kind: 'cut-request', after: 2_000_000 } : undefined);
  const digest = sha256(big);
  const offsets: number[] = [];
  await source.client.upload(
    parseReference(`${breaking.host}/x`),
    {
      digest,
      size: big.length,
      async open(offset) {
        offsets.push(offset);
        return Readable.from([big.subarray(offset)]);
      },
    },
    {},
  );
  assert.ok(server.blobs.get(digest)?.equals(big));
  assert.equal(offsets.length, 3);
  assert.ok(offsets[1]! > 1_000_000 && offsets[2]! > offsets[1]! + 1_000_000, offsets.join(' '));
  await breaking.close();
  await server.close();
});

test('push: a proxy that takes only small requests gets the layer in pieces', async () => {
  proxy.plan = ({ method, headers }) =>
    method === 'PATCH' && Number(headers['content-length']) > 4_500_000 && headers['content-range'] === undefined
      ? { kind: 'status', status: 413 }
      : undefined;
  await pushThrough();
  assert.ok(proxy.seen.some(({ method, headers }) => method === 'PATCH' && headers['content-range'] !== undefined));
});

test('push: a bit flipped on the way is refused by the registry, and told', async () => {
  first(Number.POSITIVE_INFINITY, isPatch, { kind: 'flip-request', at: 1000 });
  await assert.rejects(pushThrough(), /digest invalid: provided digest did not match uploaded content/);
});
