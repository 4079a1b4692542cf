import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { parseReference } from '../../src/oci/index.ts';
import type { TransferEvent } from '../../src/progress/index.ts';
import { createTransfers } from '../../src/transfer/index.ts';
import { startRegistry, type TestRegistry } from './fixtures/docker-registry.ts';
import { startFaultProxy } from './fixtures/fault-proxy.ts';
import { noise, openStore, type TestStore } from './fixtures/test-store.ts';

let registry: TestRegistry;
let here: TestStore;
let there: TestStore;

before(async () => {
  registry = await startRegistry();
  here = await openStore();
  there = await openStore();
});
after(async () => {
  await here?.close();
  await there?.close();
  await registry?.close();
});

const name = (path: string) => `${registry.host}/${path}`;

async function events(run: (progress: (event: TransferEvent) => void) => Promise<unknown>): Promise<readonly string[]> {
  const lines: string[] = [];
  await run(({ id, status, current }) => {
    const line = id === undefined ? status : `${id}: ${status}`;
    if (current === undefined && lines.at(-1) !== line) lines.push(line);
  });
  return lines;
}

const push = (store: TestStore, path: string) =>
  events((progress) => store.transfers.push(parseReference(name(path)), { progress }));
const pull = (store: TestStore, path: string, options = {}) =>
  events((progress) => store.transfers.pull(parseReference(name(path)), { progress, ...options }));

test('what is pushed is pulled elsewhere with the same id, bytes and files, and says what Docker says', async () => {
  const image = await here.build(name('team/app:1'), { 'etc/one': 'first' }, { 'big/two': noise(3_000_000) });
  const ids = image.config.rootfs.diff_ids.map((diffID) => diffID.slice(7, 19));
  const pushed = await push(here, 'team/app:1');
  const closing = /^1: digest: (sha256:[a-f0-9]{64}) size: \d+$/.exec(pushed.at(-1) ?? '');
  assert.ok(closing, pushed.join('\n'));
  for (const id of ids) {
    assert.ok(pushed.includes(`${id}: Preparing`));
    assert.ok(pushed.includes(`${id}: Pushed`), pushed.join('\n'));
  }

  const pulled = await pull(there, 'team/app:1');
  assert.equal(pulled[0], '1: Pulling from team/app');
  assert.deepEqual(pulled.slice(-2), [
    `Digest: ${closing[1]}`,
    `Status: Downloaded newer image for ${name('team/app:1')}`,
  ]);
  for (const word of ['Pulling fs layer', 'Download complete', 'Pull complete']) {
    assert.equal(pulled.filter((line) => line.endsWith(word)).length, 2, word);
  }
  const copy = await there.images.get(name('team/app:1'));
  assert.equal(copy.id, image.id);
  assert.deepEqual(copy.repoDigests, [`${name('team/app')}@${closing[1]}`]);
  const [bottom] = there.snapshots.stack(copy.snapshot!);
  assert.equal(readFileSync(join(bottom!.diffDir, 'etc/one'), 'utf8'), 'first');
  assert.equal(await there.verifyBlobs(), 4);
});

test('pulling again asks only for the digest', async () => {
  assert.deepEqual((await pull(there, 'team/app:1')).slice(-1), [
    `Status: Image is up to date for ${name('team/app:1')}`,
  ]);
});

test('pushing again sends nothing; another repository mounts', async () => {
  const again = await push(here, 'team/app:1');
  assert.equal(again.filter((line) => line.endsWith('Layer already exists')).length, 2);
  await here.images.tag(name('team/app:1'), parseReference(name('team/copy:1')));
  const mounted = await push(here, 'team/copy:1');
  assert.equal(mounted.filter((line) => line.endsWith('Mounted from team/app')).length, 2, mounted.join('\n'));
  assert.equal(mounted.at(-1), again.at(-1));
});

test('pushing again takes one request soon after, two later, and then mends a registry that lost a blob', async () => {
  const proxy = await startFaultProxy(registry.url);
  const path = `${proxy.host}/again/app:1`;
  await here.build(path, { again: '1' }, { more: '2' });
  const first = await here.transfers.push(parseReference(path), {});
  // What was pushed a moment ago is forgotten with the engine.
  const later = createTransfers(here);
  for (const [transfers, methods] of [
    [here.transfers, ['HEAD']],
    [later, ['HEAD', 'PUT']],
  ] as const) {
    proxy.seen.length = 0;
    const told = await events((progress) => transfers.push(parseReference(path), { progress }));
    assert.deepEqual(
      proxy.seen.map(({ method, path: url }) => `${method} ${url}`),
      methods.map((method) => `${method} /v2/again/app/manifests/1`),
    );
    assert.equal(told.filter((line) => line.endsWith('Layer already exists')).length, 2);
    assert.equal(told.at(-1), `1: digest: ${first.digest} size: ${first.size}`);
  }

  proxy.seen.length = 0;
  let refusals = 1;
  proxy.plan = ({ method, path: url }) =>
    method === 'PUT' && url.includes('/manifests/') && refusals-- > 0
      ? {
          kind: 'status',
          status: 400,
          body: '{"errors":[{"code":"MANIFEST_BLOB_UNKNOWN","message":"blob unknown to registry"}]}',
        }
      : undefined;
  assert.equal((await createTransfers(here).push(parseReference(path), {})).digest, first.digest);
  assert.equal(proxy.seen.filter(({ method, path: url }) => method === 'HEAD' && url.includes('/blobs/')).length, 3);
  await proxy.close();
});

test('a layer is sent while others are still compressed', async () => {
  const store = await openStore();
  const proxy = await startFaultProxy(registry.url);
  await store.build(`${proxy.host}/early/app:1`, { small: 'small' }, { big: noise(24_000_000) });
  const blobs = async () => (await Array.fromAsync(store.content.list())).length;
  const before = await blobs();
  let packed: Promise<number> | undefined;
  proxy.plan = ({ path }) => {
    if (path.includes('/blobs/')) packed ??= blobs();
    return undefined;
  };
  await store.transfers.push(parseReference(`${proxy.host}/early/app:1`), {});
  assert.equal(await packed, before + 1);
  await proxy.close();
  await store.close();
});

test('what was pulled is pushed with the same digest', async () => {
  await there.images.tag(name('team/app:1'), parseReference(name('other/app:2')));
  const pushed = await push(there, 'other/app:2');
  assert.equal(pushed.at(-1)!.slice(1), (await push(here, 'team/app:1')).at(-1)!.slice(1));
  assert.ok(pushed.some((line) => line.endsWith('Mounted from team/app')));
});

test('a digest is pulled without giving it a name', async () => {
  const store = await openStore();
  const { digest } = await here.transfers.push(parseReference(name('team/app:1')), {});
  const lines = await pull(store, `team/app@${digest}`);
  assert.equal(lines[0], `${digest}: Pulling from team/app`);
  assert.equal(lines.at(-1), `Status: Downloaded newer image for ${name('team/app')}@${digest}`);
  assert.deepEqual((await store.images.get(`${name('team/app')}@${digest}`)).names, []);
  await store.close();
});

test('all tags of a repository come at once', async () => {
  await here.build(name('many/app:a'), { a: 'a' });
  await here.build(name('many/app:b'), { a: 'a' }, { b: 'b' });
  await push(here, 'many/app:a');
  await push(here, 'many/app:b');
  const lines = await pull(there, 'many/app', { allTags: true });
  assert.deepEqual(lines.filter((line) => line.includes('Pulling from')).sort(), [
    'a: Pulling from many/app',
    'b: Pulling from many/app',
  ]);
  assert.equal(lines.at(-1), `Status: Downloaded newer image for ${name('many/app')}`);
  const count = (status: string) => lines.filter((line) => line.endsWith(status)).length;
  assert.ok(count('Already exists') > 0);
  assert.equal(count('Pulling fs layer'), count('Pull complete'), 'what is here is not pulled');
});

test('two pulls of one image at once share its layers', async () => {
  const store = await openStore();
  const ref = parseReference(name('team/app:1'));
  const [one, two] = await Promise.all([store.transfers.pull(ref, {}), store.transfers.pull(ref, {})]);
  assert.equal(one.id, two.id);
  assert.equal([...store.snapshots.list()].length, 2);
  await store.close();
});

test('a cancelled pull leaves nothing, and the other pull of the same layers goes on', async () => {
  const store = await openStore();
  const empty = await store.inventory();
  const ref = parseReference(name('team/app:1'));
  const cancelled = new AbortController();
  const doomed = store.transfers.pull(ref, {
    signal: cancelled.signal,
    progress: ({ status }) => status === 'Pulling fs layer' && cancelled.abort(),
  });
  await assert.rejects(doomed, { kind: 'cancelled' });
  assert.deepEqual(await store.inventory(), empty);
  const second = new AbortController();
  const stopped = store.transfers.pull(ref, {
    signal: second.signal,
    progress: ({ status }) => status === 'Pulling fs layer' && setTimeout(() => second.abort(), 1),
  });
  const whole = store.transfers.pull(ref, {});
  await stopped.catch(() => {});
  await whole;
  await store.verifyBlobs();
  assert.equal((await store.images.list()).length, 1);
  await store.close();
});

test('names that are not there are told in the words of Docker', async () => {
  await assert.rejects(pull(there, 'team/app:nope'), {
    message: `manifest for ${name('team/app:nope')} not found: manifest unknown: manifest unknown`,
  });
  await assert.rejects(push(here, 'no/image:1'), {
    message: `An image does not exist locally with the tag: ${name('no/image')}`,
  });
  await assert.rejects(here.transfers.pull(parseReference('127.0.0.1:1/a/b'), {}), {
    message: 'Get "http://127.0.0.1:1/v2/": dial tcp 127.0.0.1:1: connect: connection refused',
  });
});
