import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { openDatabase } from '../db/index.ts';
import { createNetworks, networkMigrations } from './index.ts';

const ip = (...args: string[]) => assert.equal(spawnSync('ip', args).status, 0, `ip ${args.join(' ')}`);

/** An engine's networks on a pool of four subnets, restarted with `again`; and somebody else who takes addresses. */
async function withHost(use: (host: ReturnType<typeof makeHost>) => Promise<void>): Promise<void> {
  const host = makeHost();
  try {
    await use(host);
  } finally {
    await host.close();
  }
}

function makeHost() {
  const tag = randomBytes(2);
  const name = tag.toString('hex');
  const prefix = `10.188.${tag[0]}`;
  const pools = [{ base: `${prefix}.0/24`, size: 26 }];
  const stateRoot = mkdtempSync(join(tmpdir(), 'strata-subnet-'));
  const log: string[] = [];
  const foreign: string[] = [];
  const open = (subnet: string) => {
    const db = openDatabase(join(stateRoot, 'db.sqlite'), networkMigrations);
    const bridge = { name: `sb${name}`, subnet };
    return { db, networks: createNetworks({ db, stateRoot, bridge, pools, log: (line) => log.push(line) }) };
  };
  let parts = open('auto');
  const end = async () => {
    await parts.networks.close();
    parts.db.close();
  };
  return {
    prefix,
    log,
    get networks() {
      return parts.networks;
    },
    async again(subnet = 'auto') {
      await end();
      parts = open(subnet);
      await parts.networks.recover(new Set());
    },
    /** Another program's bridge with that address. */
    occupy(address: string): string {
      const device = `sx${name}${foreign.length}`;
      ip('link', 'add', device, 'type', 'bridge');
      foreign.push(device);
      ip('address', 'add', address, 'dev', device);
      ip('link', 'set', device, 'up');
      return device;
    },
    async close() {
      await end();
      for (const device of foreign) spawnSync('ip', ['link', 'delete', device]);
      spawnSync('ip', ['link', 'delete', `sb${name}`]);
      rmSync(stateRoot, { recursive: true, force: true });
    },
  };
}

test('a default subnet that was taken meanwhile is given up for the next free one at the start, and it is said', () =>
  withHost(async (host) => {
    const { prefix } = host;
    await host.networks.recover(new Set());
    assert.equal(host.networks.get('bridge').subnets[0]?.subnet, `${prefix}.0/26`);
    const device = host.occupy(`${prefix}.1/26`);
    await host.again();
    assert.deepEqual(host.networks.get('bridge').subnets, [{ subnet: `${prefix}.64/26`, gateway: `${prefix}.65` }]);
    assert.deepEqual(host.log, [
      `network bridge: ${prefix}.0/26 is in use by interface ${device} now: it has ${prefix}.64/26 from here on`,
    ]);
    const { sandbox, release } = await host.networks.lease();
    const addresses = spawnSync('nsenter', [`--net=${sandbox.path}`, 'ip', '-4', '-o', 'address'], {
      encoding: 'utf8',
    });
    assert.match(addresses.stdout, new RegExp(` ${prefix}\\.6[6-9]/26 `));
    await release();
    await host.again();
    assert.equal(host.networks.get('bridge').subnets[0]?.subnet, `${prefix}.64/26`);
    assert.equal(host.log.length, 1);
  }));

test('a running engine looks again before its first container, too', () =>
  withHost(async (host) => {
    await host.networks.recover(new Set());
    host.occupy(`${host.prefix}.9/26`);
    await (await host.networks.lease()).release();
    assert.equal(host.networks.get('bridge').subnets[0]?.subnet, `${host.prefix}.64/26`);
  }));

test('what is in use keeps its subnet', () =>
  withHost(async (host) => {
    const lease = await host.networks.lease();
    host.occupy(`${host.prefix}.9/26`);
    await (await host.networks.lease()).release();
    assert.equal(host.networks.get('bridge').subnets[0]?.subnet, `${host.prefix}.0/26`);
    await lease.release();
    assert.deepEqual(host.log, []);
  }));

test('so does a user’s network whose subnet nobody asked for; one that was asked for stays, with a warning', () =>
  withHost(async (host) => {
    const { prefix } = host;
    await host.networks.recover(new Set());
    const network = await host.networks.create({ name: 'any' });
    const asked = await host.networks.create({ name: 'asked', subnets: [{ subnet: `${prefix}.128/26` }] });
    assert.equal(network.subnets[0]?.subnet, `${prefix}.64/26`);
    const [one, two] = [host.occupy(`${prefix}.70/26`), host.occupy(`${prefix}.129/26`)];
    const use = async (name: string) => {
      const containerID = randomBytes(32).toString('hex');
      const members = [{ name, aliases: [] }];
      await host.networks.connect({ containerID, containerName: name, networks: members, ports: {}, reusable: false });
      await host.networks.disconnect(containerID);
    };
    await use('any');
    assert.equal(host.networks.get(network.id).subnets[0]?.subnet, `${prefix}.192/26`);
    await use('asked').catch(() => undefined);
    await use('asked').catch(() => undefined);
    assert.equal(host.networks.get(asked.id).subnets[0]?.subnet, `${prefix}.128/26`);
    assert.deepEqual(host.log, [
      `network any: ${prefix}.64/26 is in use by interface ${one} now: it has ${prefix}.192/26 from here on`,
      `network asked: ${prefix}.128/26 is in use by interface ${two} now, too: what is sent there may not arrive. Make the network anew with another --subnet`,
    ]);
  }));

test('where nothing is free, the network stays as it is', () =>
  withHost(async (host) => {
    await host.networks.recover(new Set());
    const device = host.occupy(`${host.prefix}.9/24`);
    await host.again();
    assert.equal(host.networks.get('bridge').subnets[0]?.subnet, `${host.prefix}.0/26`);
    assert.match(host.log[0] ?? '', new RegExp(`in use by interface ${device} now, and all predefined address pools`));
  }));
