import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { openDatabase } from '../db/index.ts';
import { createNetworks, networkMigrations } from './index.ts';

const ip = (...args: string[]) => assert.equal(spawnSync('ip', args).status, 0, `ip ${args.join(' ')}`);
const isThere = (name: string) => existsSync(`/sys/class/net/${name}`);

function open(bridge: string, tag: Buffer) {
  const stateRoot = mkdtempSync(join(tmpdir(), 'strata-own-'));
  const db = openDatabase(join(stateRoot, 'db.sqlite'), networkMigrations);
  const networks = createNetworks({ db, stateRoot, bridge: { name: bridge, subnet: `10.190.${tag[0]}.0/24` } });
  return {
    networks,
    async close() {
      await networks.close();
      db.close();
      rmSync(stateRoot, { recursive: true, force: true });
    },
  };
}

test('a bridge of somebody else is never used nor removed', async () => {
  const tag = randomBytes(2);
  const [own, foreign] = [`so${tag.toString('hex')}`, `sf${tag.toString('hex')}`];
  ip('link', 'add', foreign, 'type', 'bridge');
  const { networks, close } = open(own, tag);
  try {
    const named = (name: string) =>
      networks.create({ name: randomBytes(4).toString('hex'), options: { 'com.docker.network.bridge.name': name } });
    await assert.rejects(named(foreign), { code: 'foreign_bridge' });
    await assert.rejects(named('lo'), { code: 'foreign_bridge' });
    await assert.rejects(named(own), { code: 'bridge_in_use', message: /networks have same bridge name$/ });
    for (const name of ['', 'a/b', 'of-more-than-fifteen'])
      await assert.rejects(named(name), { code: 'invalid_bridge' });
    // One whose interface came after the network, from elsewhere.
    const later = `sl${tag.toString('hex')}`;
    const network = await named(later);
    ip('link', 'add', later, 'type', 'bridge');
    await networks.remove(network.id);
    assert.ok(isThere(later));
    ip('link', 'delete', later);
    await networks.recover(new Set());
    await networks.prune();
    assert.ok(isThere(foreign));
  } finally {
    await close();
    ip('link', 'delete', foreign);
  }
});

test('a default bridge that is somebody else’s is refused', async () => {
  const tag = randomBytes(2);
  const foreign = `sd${tag.toString('hex')}`;
  ip('link', 'add', foreign, 'type', 'bridge');
  const { networks, close } = open(foreign, tag);
  try {
    await assert.rejects(networks.lease(), { code: 'foreign_bridge' });
  } finally {
    await close();
  }
  assert.ok(isThere(foreign));
  ip('link', 'delete', foreign);
});

test('a bridge that an engine left behind is taken up again', async () => {
  const tag = randomBytes(2);
  const name = `sk${tag.toString('hex')}`;
  const first = open(name, tag);
  const { sandbox } = await first.networks.lease();
  assert.ok(isThere(name) && existsSync(sandbox.path));
  const second = open(name, tag);
  const lease = await second.networks.lease();
  await lease.release();
  await second.close();
  await first.networks.recover(new Set());
  await first.close();
  spawnSync('ip', ['link', 'delete', name]);
});
