import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, beforeEach, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { type BuildHost, type Built, startBuildHost } from './testing/host.ts';

let host: BuildHost;
before(async () => {
  host = await startBuildHost();
});
after(async () => await host.stop());
beforeEach(async () => void (await host.builder.cache.prune({ all: true })));

const instructions = ({ ran }: Built) => ran.map(({ instruction }) => instruction);
const cacheOnly = { outputs: [{ type: 'cacheonly', attributes: {} }] } as const;

/** Builds without an image, a layer of so many kilobytes for each copy. */
function copies(...kilobytes: readonly number[]): string {
  const names = kilobytes.map((_, i) => `f${i}`);
  const files = Object.fromEntries(
    names.map((name, i) => [name, `${Math.random()}`.padEnd(kilobytes[i]! * 1000, 'x')]),
  );
  return host.context({ Dockerfile: `FROM scratch\n${names.map((name) => `COPY ${name} /\n`).join('')}`, ...files });
}

test('with a bound the longest unused go first, and no more than it takes', async () => {
  const dirs = [copies(300), copies(300), copies(300)];
  for (const dir of dirs) {
    await host.build(dir, cacheOnly);
    await sleep(5);
  }
  await host.build(dirs[0]!, cacheOnly);
  const { deleted, reclaimed } = await host.builder.cache.prune({ all: false, reservedSpace: 700_000 });
  assert.deepEqual([deleted.length, reclaimed], [1, 300_000]);
  assert.deepEqual(instructions(await host.build(dirs[0]!, cacheOnly)), [], 'used last');
  assert.deepEqual(instructions(await host.build(dirs[2]!, cacheOnly)), []);
  assert.equal(instructions(await host.build(dirs[1]!, cacheOnly)).length, 1, 'this one went');
});

test('what others stand on goes after them, and counts once', async () => {
  const dir = copies(500, 10, 10);
  await host.build(dir, cacheOnly);
  await sleep(5);
  await host.build(copies(100), cacheOnly);
  const first = await host.builder.cache.prune({ all: false, maxUsedSpace: 615_000 });
  assert.deepEqual([first.deleted.length, first.reclaimed], [1, 10_000], 'only the top of the older stack');
  const second = await host.builder.cache.prune({ all: false, maxUsedSpace: 200_000 });
  assert.deepEqual([second.deleted.length, second.reclaimed], [2, 510_000], 'the younger one stays');
  assert.deepEqual((await host.builder.cache.prune({ all: false, maxUsedSpace: 200_000 })).deleted, []);
});

test('what an image has takes nothing of the bound, and stays', async () => {
  const dir = copies(400);
  await host.build(dir, { tags: ['kept:1'] });
  await host.build(copies(200), cacheOnly);
  assert.deepEqual((await host.builder.cache.prune({ all: false, maxUsedSpace: 250_000 })).deleted, []);
  const { reclaimed } = await host.builder.cache.prune({ all: false, maxUsedSpace: 1 });
  assert.equal(reclaimed, 200_000);
  assert.deepEqual(instructions(await host.build(dir, { tags: ['kept:1'] })), []);
  await host.images.remove('kept:1', { force: true, prune: true, uses: [] });
});

test('an age keeps what was used since', async () => {
  await host.build(copies(50), cacheOnly);
  assert.deepEqual((await host.builder.cache.prune({ all: false, unusedFor: 3600 })).deleted, []);
  assert.deepEqual((await host.builder.cache.prune({ all: false, unusedFor: 3600, maxUsedSpace: 1 })).deleted, []);
  await sleep(20);
  assert.equal((await host.builder.cache.prune({ all: false, unusedFor: 0.01 })).deleted.length, 1);
});

test('blobs go with the layers that they pack', async () => {
  const dir = copies(60);
  const { result } = await host.build(dir, { tags: ['packed:1'] });
  await host.images.materialize(result.imageID!, { compression: 'gzip' });
  await host.images.remove('packed:1', { force: true, prune: true, uses: [] });
  const blobs = () => readdirSync(join(host.top, 'data/oci/blobs/sha256'));
  const before = blobs().length;
  await host.builder.cache.prune({ all: false });
  assert.equal(blobs().length, before - 1);
});

test('what a client sent of its folder is listed with its size, kept while a build has it, and goes like other cache', async () => {
  const { dir, release } = await host.builder.sent.take('client folder');
  writeFileSync(join(dir, 'file'), 'x'.repeat(5000));
  const listed = async () => (await host.builder.cache.list()).filter(({ type }) => type === 'source.local');
  assert.deepEqual(
    (await listed()).map(({ size, inUse }) => ({ size, inUse })),
    [{ size: 5000, inUse: true }],
  );
  assert.deepEqual((await host.builder.cache.prune({ all: true })).deleted, []);
  await release();
  assert.equal(readFileSync(join(dir, 'file'), 'utf8').length, 5000);
  const id = (await listed())[0]!.id;
  assert.deepEqual(await host.builder.cache.prune({ all: false }), { deleted: [id], reclaimed: 5000 });
  const again = await host.builder.sent.take('client folder');
  assert.deepEqual(readdirSync(again.dir), []);
  await again.release();
});

test('what a build begins to work with while others are pruned stays', async () => {
  const mounts = join(host.top, 'data/build/cache-mounts');
  // A folder that takes a while to count: so long the prune knows of no build.
  await host.build(
    host.context({ Dockerfile: 'FROM busybox\nRUN --mount=type=cache,target=/c touch /c/f\n' }),
    cacheOnly,
  );
  for (let i = 0; i < 20_000; i++) writeFileSync(join(mounts, readdirSync(mounts)[0]!, String(i)), '');
  const dir = host.context({
    Dockerfile: `FROM busybox AS tool
RUN echo tool > /tool
FROM busybox
ARG WAIT=true
RUN --mount=type=cache,id=gate,target=/gate until $WAIT; do sleep 0.05; done
COPY --from=tool / /copied/
`,
  });
  const tool = await host.build(dir, { target: 'tool' });
  await host.images.remove(tool.result.imageID!, { force: true, prune: true, uses: [] });
  const pruning = host.builder.cache.prune({ all: true });
  await sleep(15);
  const building = host.build(dir, { buildArgs: { WAIT: 'test -e /gate/open' } });
  await pruning;
  const open = setInterval(() => {
    for (const name of readdirSync(mounts)) writeFileSync(join(mounts, name, 'open'), '');
  }, 20);
  const { result } = await building.finally(() => clearInterval(open));
  await host.withFiles(result, (root) => assert.equal(readFileSync(join(root, 'copied/tool'), 'utf8'), 'tool\n'));
});

test('two who remove what clients sent at once both succeed', async () => {
  const { dir, release } = await host.builder.sent.take('client folder');
  for (let i = 0; i < 200; i++) writeFileSync(join(dir, `${i}`), 'x');
  await release();
  await Promise.all([1, 2, 3].map(async () => await host.builder.cache.prune({ all: true })));
  assert.deepEqual(
    (await host.builder.cache.list()).filter(({ type }) => type === 'source.local'),
    [],
  );
});

test('a cache mount is counted again after a step had it, and nobody waits meanwhile', async () => {
  const fill = (count: number) =>
    `FROM busybox\nRUN --mount=type=cache,target=/c i=0; while [ $i -lt ${count} ]; do echo 12345 > /c/$i; i=$((i+1)); done\n`;
  const dir = host.context({ Dockerfile: fill(300) });
  const size = async () => (await host.builder.cache.list()).find(({ type }) => type === 'exec.cachemount')?.size;
  await host.build(dir, cacheOnly);
  let turns = 0;
  const turning = setInterval(() => turns++, 0);
  assert.equal(await size(), 1800);
  clearInterval(turning);
  assert.ok(turns > 0, 'others have their turn');
  writeFileSync(join(dir, 'Dockerfile'), fill(301));
  await host.build(dir, cacheOnly);
  assert.equal(await size(), 1806);
  const id = (await host.builder.cache.list()).find(({ type }) => type === 'exec.cachemount')!.id;
  writeFileSync(join(host.top, 'data/build/cache-mounts', id, 'by-hand'), 'x');
  assert.equal(await size(), 1806, 'no step had it since');
});
