import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, beforeEach, test } from 'node:test';
import { StrataError } from '../errors/index.ts';
import { type Digest, mediaTypes, parseDigest, sha256 } from '../oci/index.ts';
import { createContentStore } from './disk.ts';
import type { ByteStream, ContentStore } from './types.ts';

const top = mkdtempSync(join(tmpdir(), 'strata-content-'));
after(() => rmSync(top, { recursive: true }));
let root: string;
let ingestRoot: string;
let store: ContentStore;
let count = 0;
const open = () => createContentStore({ root, ingestRoot });
beforeEach(async () => {
  root = join(top, String(++count), 'oci');
  ingestRoot = join(top, String(count), 'ingest');
  store = await open();
});

const hello = Buffer.from('hello, layer\n');
const type = mediaTypes.ociLayer;
const blobs = () => readdirSync(join(root, 'blobs/sha256'));
const unfinished = () => readdirSync(ingestRoot);

async function drain(stream: ByteStream): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks);
}

function kind(wanted: StrataError['kind'], code?: string) {
  return (error: unknown) =>
    error instanceof StrataError && error.kind === wanted && (code === undefined || error.code === code);
}

async function write(ref: string, ...chunks: readonly Uint8Array[]) {
  const ingest = await store.ingest(ref);
  for (const chunk of chunks) await ingest.write(chunk);
  return ingest;
}

test('a new folder is a whole OCI layout that only root can read', () => {
  assert.deepEqual(JSON.parse(readFileSync(join(root, 'oci-layout'), 'utf8')), { imageLayoutVersion: '1.0.0' });
  assert.deepEqual(JSON.parse(readFileSync(join(root, 'index.json'), 'utf8')).manifests, []);
  assert.equal(statSync(root).mode & 0o077, 0);
  assert.equal(statSync(ingestRoot).mode & 0o077, 0);
});

test('what is written in pieces is read whole, under the digest of its bytes', async () => {
  const ingest = await write('a', hello.subarray(0, 5), hello.subarray(5));
  const info = await ingest.commit({ size: hello.length });
  assert.equal(info.digest, sha256(hello));
  assert.deepEqual(await drain(await store.fetch({ ...info, mediaType: type })), hello);
  assert.deepEqual(await drain(await store.fetch({ ...info, mediaType: type }, { offset: 7 })), hello.subarray(7));
  assert.deepEqual(Buffer.from(await store.read(info.digest)), hello);
  assert.deepEqual(unfinished(), []);
});

test('an ingest is seen by nobody before it is committed', async () => {
  const ingest = await write('a', hello);
  assert.equal(await store.stat(sha256(hello)), undefined);
  assert.deepEqual(blobs(), []);
  await ingest.commit({});
  assert.equal((await store.stat(sha256(hello)))?.size, hello.length);
});

test('other bytes than announced are refused and leave nothing', async () => {
  const wrong = sha256('something else');
  await assert.rejects((await write('a', hello)).commit({ digest: wrong }), kind('data_loss', 'digest_mismatch'));
  await assert.rejects((await write('a', hello)).commit({ size: 3 }), kind('data_loss', 'size_mismatch'));
  assert.deepEqual([blobs(), unfinished()], [[], []]);
});

test('a reader that has left before it began to read gets an error, and nobody else does', async () => {
  const target = await store.put(hello, type);
  const reader = new AbortController();
  const stream = await store.fetch(target, { signal: reader.signal });
  reader.abort();
  // Long enough for an error that nobody listens to.
  await new Promise((resolve) => setTimeout(resolve, 20));
  await assert.rejects(async () => {
    for await (const _ of stream);
  }, /abort/i);
  await assert.rejects(store.fetch(target, { signal: reader.signal }), /abort/i);
});

test('a stream that nobody comes to read holds no descriptor', async () => {
  const blob = await store.put(hello, type);
  const held = () =>
    readdirSync('/proc/self/fd').filter((fd) => {
      try {
        return readlinkSync(`/proc/self/fd/${fd}`).startsWith(root);
      } catch {
        return false;
      }
    }).length;
  const streams = await Promise.all(Array.from({ length: 5 }, () => store.fetch(blob)));
  // As long as it takes to open a file.
  await new Promise((resolve) => setTimeout(resolve, 50));
  assert.equal(held(), 0);
  for await (const _ of streams[0]!);
  assert.equal(held(), 0);
});

test('content may be asked for by its sha512 digest', async () => {
  const digest = parseDigest(`sha512:${createHash('sha512').update(hello).digest('hex')}`);
  await (await write('a', hello)).commit({ digest, size: hello.length });
  assert.deepEqual(Buffer.from(await store.read(digest)), hello);
  const listed: Digest[] = [];
  for await (const info of store.list()) listed.push(info.digest);
  assert.deepEqual(listed, [digest]);
  const lie = parseDigest(`sha512:${'0'.repeat(128)}`);
  await assert.rejects((await write('b', hello)).commit({ digest: lie }), kind('data_loss'));
});

test('an aborted ingest leaves nothing, and its ref is free again', async () => {
  const ingest = await write('a', hello);
  await assert.rejects(store.ingest('a'), kind('conflict', 'ingest_busy'));
  await ingest.abort();
  await ingest.abort();
  assert.deepEqual([blobs(), unfinished()], [[], []]);
  await (await store.ingest('a')).abort();
});

test('an ingest may be aborted while it is written to', async () => {
  const ingest = await store.ingest('a');
  const writes = [ingest.write(Buffer.alloc(1 << 20)), ingest.write(Buffer.alloc(1 << 20))];
  await ingest.abort();
  await Promise.all(writes);
  await assert.rejects(ingest.write(hello), /has ended/);
  assert.deepEqual([blobs(), unfinished()], [[], []]);
});

test('two writers of the same bytes both succeed, and one blob is kept', async () => {
  const infos = await Promise.all(
    Array.from({ length: 8 }, async (_, i) => (await write(`writer ${i}`, hello)).commit({ digest: sha256(hello) })),
  );
  assert.equal(new Set(infos.map(({ digest }) => digest)).size, 1);
  assert.equal(blobs().length, 1);
  assert.deepEqual(unfinished(), []);
});

test('many documents put at once are all there', async () => {
  const documents = Array.from({ length: 20 }, (_, i) => Buffer.from(`document ${i % 10}`));
  const put = await Promise.all(documents.map((bytes) => store.put(bytes, 'text/plain')));
  for (const [i, { digest }] of put.entries()) assert.deepEqual(Buffer.from(await store.read(digest)), documents[i]);
  assert.equal(blobs().length, 10);
});

test('an interrupted ingest is resumed by a later process, the digest being of all bytes', async () => {
  const first = await store.ingest('big', { resume: true });
  await first.write(hello.subarray(0, 4));
  await first.abort();
  store = await open();
  const second = await store.ingest('big', { resume: true });
  assert.equal(second.offset, 4);
  await second.write(hello.subarray(4));
  assert.equal((await second.commit({ digest: sha256(hello) })).digest, sha256(hello));
});

test('what a killed process was writing is gone when the store is opened again', async () => {
  await write('never committed', hello);
  const resumable = await store.ingest('old', { resume: true });
  await resumable.write(hello);
  const [old] = unfinished().filter((name) => name.startsWith('resume-'));
  utimesSync(join(ingestRoot, old!), 1, 1);
  mkdirSync(join(ingestRoot, 'stray folder'));
  store = await open();
  assert.deepEqual(unfinished(), []);
});

test('a layout whose files a power cut has emptied is made good', async () => {
  truncateSync(join(root, 'index.json'));
  writeFileSync(join(root, 'oci-layout'), '[]');
  store = await open();
  assert.deepEqual(JSON.parse(readFileSync(join(root, 'index.json'), 'utf8')).manifests, []);
  assert.equal(JSON.parse(readFileSync(join(root, 'oci-layout'), 'utf8')).imageLayoutVersion, '1.0.0');
});

test('opening again keeps the entries of the index', async () => {
  const entry = await store.put(Buffer.from('{}'), mediaTypes.ociManifest);
  await store.writeIndex([entry]);
  await open();
  assert.deepEqual(JSON.parse(readFileSync(join(root, 'index.json'), 'utf8')).manifests, [entry]);
});

test('of indexes written at once the last one stays', async () => {
  const entries = await Promise.all([1, 2, 3].map((n) => store.put(Buffer.from(`${n}`), mediaTypes.ociManifest)));
  await Promise.all(entries.map((entry) => store.writeIndex([entry])));
  assert.deepEqual(JSON.parse(readFileSync(join(root, 'index.json'), 'utf8')).manifests, [entries[2]]);
});

test('bytes that changed on disk are never handed out as if they were good', async () => {
  const { digest, size } = await store.put(hello, type);
  const file = await store.path(digest);
  writeFileSync(file, Buffer.from(hello).fill('x', 0, 1));
  await assert.rejects(store.read(digest), kind('data_loss', 'blob_damaged'));
  await assert.rejects(drain(await store.fetch({ digest, size, mediaType: type })), kind('data_loss'));
  truncateSync(file, 3);
  await assert.rejects(store.fetch({ digest, size, mediaType: type }), kind('data_loss', 'blob_damaged'));
  await store.put(hello, type);
  assert.deepEqual(Buffer.from(await store.read(digest)), hello, 'a blob cut short is written anew');
});

test('no more than the bound is read into memory', async () => {
  const { digest } = await store.put(hello, type);
  await assert.rejects(store.read(digest, { limit: 4 }), kind('invalid_argument', 'blob_too_large'));
});

test('what is not there is not found, and may be deleted', async () => {
  const absent = sha256('nowhere');
  assert.equal(await store.stat(absent), undefined);
  await assert.rejects(store.path(absent), kind('not_found', 'blob_not_found'));
  await assert.rejects(store.read(absent), kind('not_found'));
  await assert.rejects(store.fetch({ digest: absent, size: 1, mediaType: type }), kind('not_found'));
  await store.delete(absent);
});

test('a finished file is moved in, unless its size tells that it is another', async () => {
  const file = join(top, 'finished');
  writeFileSync(file, hello);
  await assert.rejects(store.adopt(file, sha256(hello), 5), kind('data_loss'));
  await store.adopt(file, sha256(hello), hello.length);
  assert.equal(existsSync(file), false);
  writeFileSync(file, hello);
  await store.adopt(file, sha256(hello), hello.length);
  assert.equal(existsSync(file), false, 'the second copy is removed');
  assert.deepEqual(Buffer.from(await store.read(sha256(hello))), hello);
});

test('a reader stops when it is told to', async () => {
  const { digest, size } = await store.put(Buffer.alloc(4 << 20), type);
  const stop = new AbortController();
  const stream = await store.fetch({ digest, size, mediaType: type }, { signal: stop.signal });
  await assert.rejects(
    (async () => {
      for await (const _ of stream) stop.abort();
    })(),
    { name: 'AbortError' },
  );
});

test('files that are no blobs are not listed', async () => {
  await store.put(hello, type);
  writeFileSync(join(root, 'blobs/sha256/notes.txt'), '');
  const listed: Digest[] = [];
  for await (const { digest } of store.list()) listed.push(digest);
  assert.deepEqual(listed, [sha256(hello)]);
});
