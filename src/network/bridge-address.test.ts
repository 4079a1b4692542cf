import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { openDatabase } from '../db/index.ts';
import { createNetworks, networkMigrations } from './index.ts';

function openBridge() {
  const stateRoot = mkdtempSync(join(tmpdir(), 'strata-bridge-'));
  const db = openDatabase(join(stateRoot, 'db.sqlite'), networkMigrations);
  const tag = randomBytes(2);
  const name = `sb${tag.toString('hex')}`;
  const networks = createNetworks({ db, stateRoot, bridge: { name, subnet: `10.191.${tag[0]}.0/24` } });
  return {
    name,
    subnet: `10.191.${tag[0]}.0/24`,
    join: (id: string, ip?: string) =>
      networks.connect({
        containerID: id,
        containerName: id,
        networks: [{ name: 'bridge', aliases: [], ...(ip && { ip }) }],
        ports: {},
      }),
    leave: (id: string) => networks.disconnect(id),
    async close() {
      await networks.close();
      db.close();
      spawnSync('ip', ['link', 'delete', name]);
      rmSync(stateRoot, { recursive: true, force: true });
    },
  };
}

test('a bridge keeps its hardware address whoever joins it, so that what its members know of it stays true', async () => {
  const bridge = openBridge();
  const address = () => readFileSync(`/sys/class/net/${bridge.name}/address`, 'utf8').trim();
  try {
    const seen: string[] = [];
    for (let i = 0; i < 6; i++) {
      await bridge.join(`member${i}`);
      seen.push(address());
    }
    // Six random addresses: that the first is the lowest of them by chance is one in six for a bridge that takes the lowest.
    assert.deepEqual(new Set(seen).size, 1, seen.join(' '));
    assert.equal(
      readFileSync(`/sys/class/net/${bridge.name}/addr_assign_type`, 'utf8').trim(),
      '3',
      'set, not chosen by the kernel',
    );
  } finally {
    for (let i = 0; i < 6; i++) await bridge.leave(`member${i}`);
    await bridge.close();
  }
});

test('the next owner of an address has its hardware address too, so that what others know of it stays true', async () => {
  const bridge = openBridge();
  try {
    const seen: unknown[] = [];
    for (let i = 0; i < 2; i++) {
      const { endpoints } = await bridge.join(`member${i}`, bridge.subnet.replace('.0/24', '.9'));
      seen.push([endpoints['bridge']?.IPAddress, endpoints['bridge']?.MacAddress]);
      await bridge.leave(`member${i}`);
    }
    assert.match(String(seen[0]), /^10\.191\.\d+\.\d+,02:42:0a:bf:/);
    assert.deepEqual(seen[1], seen[0]);
  } finally {
    await bridge.close();
  }
});

test('a network keeps its firewall rules when one of another engine ends', async () => {
  const [one, other] = [openBridge(), openBridge()];
  try {
    await one.join('member');
    await other.join('member');
    await other.leave('member');
    const rules = spawnSync('iptables-save', ['-t', 'nat'], { encoding: 'utf8' }).stdout.split('\n');
    const chain = rules
      .find((rule) => rule.startsWith(`-A POSTROUTING -s ${one.subnet}`))
      ?.split(' ')
      .at(-1);
    assert.ok(
      rules.some((rule) => rule.startsWith(`-A ${chain} `) && rule.endsWith('-j MASQUERADE')),
      rules.filter((rule) => rule.includes(`${chain}`)).join('\n'),
    );
  } finally {
    await one.leave('member');
    for (const bridge of [one, other]) await bridge.close();
  }
});
