import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { createApi } from '../api/index.ts';
import { createEngine, defaultConfig, mergeConfig } from '../engine/index.ts';
import { parseReference } from '../oci/index.ts';

const top = mkdtempSync(join(tmpdir(), 'strata-power-'));
const disk = join(top, 'disk');
const image = join(top, 'image');
mkdirSync(disk);
writeFileSync(image, '');
truncateSync(image, 64 * 2 ** 20);
execFileSync('mkfs.ext4', ['-q', image]);
const plug = (file: string) => execFileSync('mount', ['-o', 'loop', file, disk]);
after(() => {
  try {
    execFileSync('umount', ['-l', disk]);
  } catch {
    // It was not mounted.
  }
  rmSync(top, { recursive: true, force: true });
});

/** EXT4_IOC_SHUTDOWN without a flush of the journal: what is not on the disk at this moment never will be. */
function cutPower(): void {
  const script = 'open(my $d, "<", $ARGV[0]) or die; my $f = pack("L", 2); ioctl($d, 0x8004587d, $f) or die "$!"';
  execFileSync('perl', ['-e', script, disk]);
}

let engines = 0;
function open() {
  const bridge = { name: `stp${randomBytes(3).toString('hex')}`, subnet: '10.253.78.0/24' };
  const roots = { dataRoot: join(disk, 'data'), stateRoot: join(top, `state${++engines}`) };
  return createEngine(mergeConfig(defaultConfig(), { ...roots, bridge }, 'test'));
}

test('what was answered outlives a power cut right after it: volumes, networks, containers, images, names', async () => {
  plug(image);
  const engine = await open();
  const api = createApi(engine);
  const post = async (url: string, payload: object) => {
    const { statusCode, body } = await api.inject({ method: 'POST', url, payload });
    assert.ok(statusCode < 300, `${url}: ${body}`);
  };
  const active = await engine.snapshots.prepare(null);
  writeFileSync(join(active.diffDir, 'file'), 'content');
  const { name: snapshot } = await engine.snapshots.commit(active);
  const { measure } = await engine.snapshots.measure(snapshot);
  const config = {
    architecture: 'amd64',
    os: 'linux',
    rootfs: { type: 'layers' as const, diff_ids: [measure.diffID] },
    config: { Cmd: ['true'] },
  };
  await engine.images.create({ config, snapshot, names: [parseReference('app:1')] });
  await post('/volumes/create', { Name: 'precious' });
  await post('/networks/create', { Name: 'backend' });
  await post('/containers/create?name=box', { Image: 'app:1' });
  await post('/images/app:1/tag?repo=other&tag=2', {});
  cutPower();
  // What the disk has now; the engine of before still holds files of the old one.
  copyFileSync(image, `${image}.after`);
  execFileSync('umount', ['-l', disk]);
  await engine.close().catch(() => {});
  plug(`${image}.after`);
  const again = await open();
  try {
    assert.ok(again.volumes.list().some(({ name }) => name === 'precious'));
    assert.ok(again.networks.list().some(({ name }) => name === 'backend'));
    assert.equal(again.containers.get('box').state.status, 'created');
    assert.deepEqual((await again.images.get('app:1')).names.length, 2);
    const top = (await again.images.get('other:2')).snapshot!;
    assert.equal(readFileSync(join(again.snapshots.stat(top)!.diffDir, 'file'), 'utf8'), 'content');
    const box = await again.snapshots.active(again.containers.get('box').snapshot);
    assert.ok(readFileSync(again.containers.get('box').logPath) && box);
  } finally {
    await again.close();
  }
});
