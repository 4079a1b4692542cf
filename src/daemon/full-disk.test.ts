import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  rmSync,
  statfsSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { createApi } from '../api/index.ts';
import { createEngine, defaultConfig, mergeConfig } from '../engine/index.ts';
import { parseReference } from '../oci/index.ts';

const top = mkdtempSync(join(tmpdir(), 'strata-full-'));
const disk = join(top, 'disk');
const image = join(top, 'image');
mkdirSync(disk);
writeFileSync(image, '');
truncateSync(image, 96 * 2 ** 20);
execFileSync('mkfs.ext4', ['-q', '-N', '4096', image]);
execFileSync('mount', ['-o', 'loop', image, disk]);
after(() => {
  execFileSync('umount', ['-l', disk]);
  rmSync(top, { recursive: true, force: true });
});

type Opened = Awaited<ReturnType<typeof open>>;

async function open() {
  const bridge = { name: `stf${randomBytes(3).toString('hex')}`, subnet: '10.253.79.0/24' };
  const config = mergeConfig(
    defaultConfig(),
    { dataRoot: join(disk, 'data'), stateRoot: join(disk, 'state'), bridge },
    'test',
  );
  const warnings: string[] = [];
  return { ...(await createEngine(config, { log: (line) => warnings.push(line) })), warnings };
}

const pieces = () => readdirSync(join(disk, 'data', 'reserve')).length;

/** Another program that takes every byte that it can get. */
function fillBytes(name: string): void {
  const fd = openSync(join(disk, name), 'w');
  for (let size = 2 ** 20; size >= 1; ) {
    try {
      writeSync(fd, Buffer.alloc(size, 1));
    } catch {
      size = Math.floor(size / 2);
    }
  }
  closeSync(fd);
}

/** Or every file. */
function fillInodes(name: string): void {
  try {
    mkdirSync(join(disk, name));
    for (let number = 0; ; number++) writeFileSync(join(disk, name, `${Date.now()}-${number}`), '');
  } catch {
    // There are no more.
  }
}

async function stock(engine: Opened): Promise<void> {
  for (const name of ['one', 'two', 'three']) {
    const active = await engine.snapshots.prepare(null);
    writeFileSync(join(active.diffDir, 'file'), randomBytes(2 ** 20));
    const { name: snapshot } = await engine.snapshots.commit(active);
    const { measure } = await engine.snapshots.measure(snapshot);
    const rootfs = { type: 'layers' as const, diff_ids: [measure.diffID] };
    const config = { architecture: 'amd64', os: 'linux', rootfs, config: { Cmd: ['true'] } };
    await engine.images.create({ config, snapshot, names: [parseReference(name)] });
    await engine.volumes.create({ name });
  }
  const api = createApi(engine);
  for (const [url, payload] of [
    ['/containers/create?name=box', { Image: 'one' }],
    ['/containers/create?name=other', { Image: 'two' }],
    ['/networks/create', { Name: 'backend' }],
  ] as const) {
    const reply = await api.inject({ method: 'POST', url, payload });
    assert.equal(reply.statusCode, 201, reply.body);
  }
}

/** As clients remove things, one kind after another, while somebody takes the space again at once. */
async function empty(engine: Opened, fillAgain: () => void): Promise<void> {
  const api = createApi(engine);
  const send = async (method: 'DELETE' | 'POST', url: string) => {
    const reply = await api.inject({ method, url });
    assert.ok(reply.statusCode < 300, `${method} ${url}: ${reply.statusCode} ${reply.body}`);
    fillAgain();
  };
  await send('DELETE', '/containers/box?force=1');
  await send('DELETE', '/volumes/one');
  await send('DELETE', '/images/one?force=1');
  await send('DELETE', '/networks/backend');
  await send('POST', `/volumes/prune?filters=${encodeURIComponent('{"all":["true"]}')}`);
  await send('POST', '/containers/prune');
  await send('POST', `/images/prune?filters=${encodeURIComponent('{"dangling":["false"]}')}`);
  await send('POST', '/build/prune?all=1');
  await api.close();
}

for (const [what, fill] of [
  ['bytes', fillBytes],
  ['inodes', fillInodes],
] as const) {
  test(`on a disk with no ${what} left an engine starts, and everything can be removed`, async (t) => {
    let engine = await open();
    t.after(() => engine.close().catch(() => {}));
    assert.equal(pieces(), 16);
    await stock(engine);
    let fills = 0;
    const fillAgain = () => fill(`filled${fills++}`);
    fillAgain();
    await engine.close();
    fillAgain();
    engine = await open();
    assert.match(engine.warnings.join(), /is full: free some space there/);
    fillAgain();
    await empty(engine, fillAgain);
    await engine.close();
    fillAgain();

    for (let number = 0; number < fills; number++)
      rmSync(join(disk, `filled${number}`), { recursive: true, force: true });
    engine = await open();
    assert.deepEqual(engine.warnings, []);
    assert.equal(pieces(), 16, 'the reserve is back');
    assert.deepEqual(engine.containers.list(), []);
    assert.deepEqual(engine.volumes.list(), []);
    assert.deepEqual(await engine.images.list(), []);
    const { bfree, blocks } = statfsSync(disk);
    assert.ok(bfree / blocks > 0.7, `${bfree} of ${blocks}`);
  });
}
