/** Every option of a network that the engine honours, by what it does to real containers. */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { after, before, test } from 'node:test';
import type { CreateNetwork, EndpointSettings } from '../../network/index.ts';
import { startTestHost, type TestHost, textOf } from '../testing/host.ts';
import type { HostConfig } from '../types.ts';

const b = 'com.docker.network.bridge';
const octet = 1 + Math.floor(Math.random() * 250);
const outside = `outside${randomBytes(2).toString('hex')}`;

let host: TestHost;
before(async () => {
  host = await startTestHost();
});
after(async () => {
  for (const { id } of host.containers.list()) await host.containers.remove(id, { force: true });
  await host.parts.networks.prune();
  await host.stop();
});

async function network(name: string, asked: Omit<CreateNetwork, 'name'> = {}) {
  return await host.parts.networks.create({ name, ...asked });
}

interface Run {
  readonly endpoint?: EndpointSettings;
  readonly more?: Readonly<Record<string, EndpointSettings>>;
  readonly host?: HostConfig;
  readonly name?: string;
}

async function create(cmd: string, on: string, { endpoint = {}, more = {}, host: given = {}, name }: Run = {}) {
  const { container } = await host.containers.create({
    ...(name && { name }),
    config: { Cmd: ['sh', '-c', cmd], Image: 'busybox' },
    host: { NetworkMode: on, ...given },
    endpoints: { [on]: endpoint, ...more },
    image: async () => ({
      id: `sha256:${'1'.repeat(64)}` as never,
      snapshot: host.parts.image,
      config: { Env: ['PATH=/bin'] },
    }),
  });
  return container.id;
}

/** Runs a command in a container on the network; resolves with what it wrote. */
async function inside(cmd: string, on: string, run: Run = {}): Promise<string> {
  const id = await create(cmd, on, run);
  try {
    await host.containers.start(id);
    await host.containers.wait(id);
    return await textOf(host.containers.logs(id, { stdout: true, stderr: true, follow: false }));
  } finally {
    await host.containers.remove(id, { force: true });
  }
}

/** A container that answers `hi` on port 80; with its address. */
async function server(on: string, run: Run = {}): Promise<{ readonly id: string; readonly ip: string }> {
  const id = await create('nc -ll -p 80 -e echo hi', on, run);
  await host.containers.start(id);
  const ip = host.containers.get(id).networks[on]!.IPAddress!;
  const until = Date.now() + 10_000;
  while (ask(ip) !== 'hi\n' && Date.now() < until);
  return { id, ip };
}

function ask(ip: string, port = 80, from: readonly string[] = []): string {
  const command = [...from, '/bin/busybox', 'nc', '-w', '1', ip, String(port)];
  return spawnSync(command[0]!, command.slice(1), { encoding: 'utf8', input: '' }).stdout;
}

const pings = (ip: string) => `ping -c 1 -w 1 ${ip} > /dev/null 2>&1 && echo reached || echo lost`;

test('enable_icc: containers of a network reach each other, or none the other, but what one publishes', async () => {
  for (const [icc, expected] of [
    ['true', 'reached\nhi\nhi\n'],
    ['false', 'lost\nhi\n'],
  ] as const) {
    await network(`icc-${icc}`, { options: { [`${b}.enable_icc`]: icc } });
    const { id, ip } = await server(`icc-${icc}`, { host: { PortBindings: { '80/tcp': [{ HostPort: '' }] } } });
    const { HostPort: port } = host.containers.get(id).ports['80/tcp']![0]!;
    const gateway = host.containers.get(id).networks[`icc-${icc}`]!.Gateway!;
    const out = await inside(
      `${pings(ip)}; nc -w 1 ${ip} 80 < /dev/null 2>/dev/null; nc -w 2 ${gateway} ${port} < /dev/null 2>/dev/null`,
      `icc-${icc}`,
    );
    assert.equal(out, expected, icc);
  }
});

/** A neighbour of this host: a namespace from which the host forwards to the containers. */
function neighbour(work: (command: readonly string[], address: string) => Promise<void>): Promise<void> {
  const subnet = `10.219.${octet}`;
  const run = (...words: string[]) => {
    const { status, stderr } = spawnSync('ip', words, { encoding: 'utf8' });
    assert.equal(status, 0, `${words.join(' ')}: ${stderr}`);
  };
  run('netns', 'add', outside);
  const face = `o${outside.slice(-4)}`;
  run('link', 'add', face, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', outside);
  run('addr', 'add', `${subnet}.1/24`, 'dev', face);
  run('link', 'set', face, 'up');
  run('-n', outside, 'addr', 'add', `${subnet}.2/24`, 'dev', 'eth0');
  run('-n', outside, 'link', 'set', 'eth0', 'up');
  run('-n', outside, 'route', 'add', 'default', 'via', `${subnet}.1`);
  return work(['ip', 'netns', 'exec', outside], `${subnet}.2`).finally(() => run('netns', 'delete', outside));
}

test('gateway modes and trusted interfaces: what of a container is reached from outside', async () => {
  await neighbour(async (from, address) => {
    const face = `o${outside.slice(-4)}`;
    const rows: readonly [
      string,
      Readonly<Record<string, string>>,
      { readonly open: string; readonly closed: string },
    ][] = [
      ['nat', {}, { open: '', closed: '' }],
      ['nat-unprotected', { [`${b}.gateway_mode_ipv4`]: 'nat-unprotected' }, { open: 'hi\n', closed: 'hi\n' }],
      ['routed', { [`${b}.gateway_mode_ipv4`]: 'routed' }, { open: 'hi\n', closed: '' }],
      ['trusted', { [`${b}.trusted_host_interfaces`]: `nothing:${face}` }, { open: 'hi\n', closed: 'hi\n' }],
    ];
    for (const [name, options, expected] of rows) {
      await network(name, { options });
      const open = await server(name, { host: { PortBindings: { '80/tcp': [{ HostPort: '' }] } } });
      const closed = await server(name);
      const reached = { open: ask(open.ip, 80, from), closed: ask(closed.ip, 80, from) };
      assert.deepEqual(reached, expected, name);
      const [published] = host.containers.get(open.id).ports['80/tcp']!;
      // On a routed network no port of the host belongs to it.
      if (name === 'routed') assert.deepEqual(published, { HostIp: '0.0.0.0', HostPort: '' });
      else assert.equal(ask(`10.219.${octet}.1`, Number(published!.HostPort), from), 'hi\n', `${name}: published`);
      await host.containers.remove(open.id, { force: true });
      if (name === 'routed') {
        // Its address may be another's now.
        const next = await server(name, { endpoint: { lastAddress: open.ip } });
        assert.equal(next.ip, open.ip);
        assert.equal(ask(next.ip, 80, from), '');
      }
    }
    // Who asks is seen as it is where nothing is masqueraded.
    const seen = async (name: string, options: Readonly<Record<string, string>>) => {
      await network(name, { options });
      const listener = spawn(from[0]!, [
        ...from.slice(1),
        process.execPath,
        '-e',
        "require('net').createServer((s) => s.end(s.remoteAddress)).listen(81, '0.0.0.0', () => console.log('up'))",
      ]);
      await once(listener.stdout, 'data');
      const out = await inside(`hostname -i; nc -w 2 ${address} 81 < /dev/null; echo`, name);
      listener.kill();
      const [own, peer] = out.trim().split('\n');
      return peer?.replace('::ffff:', '') === own;
    };
    assert.equal(await seen('masqueraded', {}), false);
    assert.equal(await seen('bare', { [`${b}.enable_ip_masquerade`]: 'false' }), true);
    assert.equal(await seen('routed-out', { [`${b}.gateway_mode_ipv4`]: 'routed' }), true);
  });
});

test('an isolated network has no host in it, and names all the same', async () => {
  await network('iso', { internal: true, options: { [`${b}.gateway_mode_ipv4`]: 'isolated' } });
  const id = await create('sleep 60', 'iso', { name: 'lonely' });
  await host.containers.start(id);
  const { IPAddress: ip, Gateway: gateway } = host.containers.get(id).networks['iso']!;
  assert.equal(gateway, '');
  const server = host.parts.networks.get('iso').subnets[0]!.gateway!;
  assert.equal(
    await inside(`${pings('lonely')}; ${pings(server)}; ip route | grep -c default`, 'iso'),
    'reached\nlost\n0\n',
  );
  assert.notEqual(spawnSync('/bin/busybox', ['ping', '-c', '1', '-w', '1', ip!]).status, 0);
  await assert.rejects(network('no', { options: { [`${b}.gateway_mode_ipv4`]: 'isolated' } }), {
    message: "gateway mode 'isolated' can only be used for an internal network",
  });
});

test('inhibit_ipv4: the bridge has no address', async () => {
  const { bridge } = await network('inhibited', { options: { [`${b}.inhibit_ipv4`]: 'true' } });
  const id = await create('sleep 60', 'inhibited');
  await host.containers.start(id);
  const { stdout } = spawnSync('ip', ['-4', '-o', 'addr', 'show', 'dev', bridge!], { encoding: 'utf8' });
  assert.equal(stdout, '');
  assert.match(await inside('ip route', 'inhibited'), /^default via /m);
});

test('bridge.name, driver.mtu, container_iface_prefix, host_binding_ipv4', async () => {
  const bridge = `nm${randomBytes(3).toString('hex')}`;
  await network('named', {
    options: {
      [`${b}.name`]: bridge,
      'com.docker.network.driver.mtu': '1234',
      'com.docker.network.container_iface_prefix': 'net',
      [`${b}.host_binding_ipv4`]: '127.0.0.1',
    },
  });
  const { id } = await server('named', { host: { PortBindings: { '80/tcp': [{ HostPort: '' }] } } });
  assert.equal(spawnSync('ip', ['link', 'show', bridge]).status, 0);
  assert.equal(host.containers.get(id).ports['80/tcp']![0]!.HostIp, '127.0.0.1');
  assert.equal(await inside('cat /sys/class/net/net0/mtu', 'named'), '1234\n');
});

test('ip-range and aux-address: who is given which address', async () => {
  const subnet = `10.218.${octet}`;
  await network('ranged', {
    subnets: [{ subnet: `${subnet}.0/24`, ipRange: `${subnet}.4/30`, auxiliary: { printer: `${subnet}.5` } }],
  });
  const given: string[] = [];
  for (let i = 0; i < 2; i++) {
    const id = await create('sleep 60', 'ranged');
    await host.containers.start(id);
    given.push(host.containers.get(id).networks['ranged']!.IPAddress!);
  }
  // As in Docker, the gateway is the first of the range.
  assert.deepEqual(given, [`${subnet}.6`, `${subnet}.7`]);
  await assert.rejects(inside('true', 'ranged'), {
    message: /no available IPv4 addresses on this network's address pools/,
  });
  await assert.rejects(inside('true', 'ranged', { endpoint: { IPAMConfig: { IPv4Address: `${subnet}.5` } } }), {
    message: /Address already in use$/,
  });
  const wanted = { IPAMConfig: { IPv4Address: `${subnet}.99` } };
  assert.equal(await inside('hostname -i', 'ranged', { endpoint: wanted }), `${subnet}.99\n`);
  await network('other-gate', {
    subnets: [{ subnet: `10.217.${octet}.0/24`, auxiliary: { DefaultGatewayIPv4: `10.217.${octet}.9` } }],
  });
  assert.match(await inside('ip route', 'other-gate'), new RegExp(`^default via 10.217.${octet}.9 dev eth0`, 'm'));
});

test('endpoints: names of interfaces, settings of the kernel, link-local addresses, priorities', async () => {
  await network('first');
  await network('second');
  const ifname = 'com.docker.network.endpoint.ifname';
  const sysctls = 'com.docker.network.endpoint.sysctls';
  const DriverOpts = { [ifname]: 'wan0', [sysctls]: 'net.ipv4.conf.IFNAME.log_martians=1,net.ipv4.conf.IFNAME.tag=7' };
  const dressed = { DriverOpts, IPAMConfig: { LinkLocalIPs: ['169.254.7.7'] } };
  const show =
    'cd /proc/sys/net/ipv4/conf/wan0; cat log_martians tag; ip -o -4 addr show dev wan0 | grep -c 169.254.7.7/16';
  assert.equal(await inside(show, 'first', { endpoint: dressed }), '1\n7\n1\n');
  // The same of a container that runs.
  const id = await create('sleep 60', 'second');
  await host.containers.start(id);
  await host.containers.connectNetwork(id, 'first', { ...dressed, GwPriority: 1 });
  const exec = await host.containers.exec.create(id, { Cmd: ['sh', '-c', `${show}; ip route | grep default`] });
  const out = await textOf((await host.containers.exec.start(exec.id, { detach: false, tty: false }))!.output);
  assert.match(out, /^1\n7\n1\ndefault via \S+ dev wan0 \n$/);
  for (const [options, message] of [
    [{ [sysctls]: 'net.ipv4.conf.eth0.tag=1' }, /unrecognised network interface sysctl 'net.ipv4.conf.eth0.tag=1'/],
    [{ [sysctls]: 'net.ipv4.a/../../b.IFNAME.tag=1' }, /unrecognised network interface sysctl/],
    [
      { [sysctls]: 'net.ipv4.conf.IFNAME.nosuch=1' },
      /\/proc\/sys\/net\/ipv4\/conf\/eth0\/nosuch is not a sysctl file$/,
    ],
    [{ [ifname]: 'way-too-long-a-name' }, /to "way-too-long-a-name": numerical result out of range$/],
    [{ [ifname]: 'a/b' }, /invalid argument$/],
    [{ [ifname]: 'lo' }, /file exists$/],
  ] as const)
    await assert.rejects(inside('true', 'first', { endpoint: { DriverOpts: options } }), { message });
  await assert.rejects(inside('true', 'first', { endpoint: { IPAMConfig: { LinkLocalIPs: ['10.1.1.1'] } } }), {
    message: /invalid link local IP address: 10.1.1.1$/,
  });
  const route = 'ip route | grep default';
  for (const [priority, expected] of [
    [0, 'first'],
    [-1, 'second'],
    [5, 'first'],
  ] as const) {
    const out = await inside(route, 'first', { endpoint: { GwPriority: priority }, more: { second: {} } });
    assert.match(out, new RegExp(`via ${host.parts.networks.get(expected).subnets[0]!.gateway} `), String(priority));
  }
});

test('a container keeps its address over a restart, and is known by its names with the network’s', async () => {
  await network('kept');
  const [one, two] = [await create('sleep 60', 'kept', { name: 'keeper' }), await create('sleep 60', 'kept')];
  for (const id of [one, two]) await host.containers.start(id);
  const address = () => host.containers.get(one).networks['kept']!.IPAddress;
  const before = address();
  await host.containers.restart(one, { timeoutSeconds: 0 });
  assert.equal(address(), before);
  await host.containers.stop(one, { timeoutSeconds: 0 });
  await server('kept');
  await host.containers.start(one);
  assert.equal(address(), before);
  assert.equal(await inside(`${pings('keeper.kept')}; ${pings('keeper')}`, 'kept'), 'reached\nreached\n');
});

test('the name of a network may have blanks in it', async () => {
  await network('with a blank');
  const id = await create('sleep 60', 'with a blank', { name: 'blanky' });
  await host.containers.start(id);
  assert.equal(await inside(pings('blanky'), 'with a blank'), 'reached\n');
});

test('rules are gone with their network, and come back with the daemon', async () => {
  const { id } = await network('ruled', { options: { [`${b}.enable_icc`]: 'false' } });
  const rules = () =>
    spawnSync('iptables-save', { encoding: 'utf8' })
      .stdout.split('\n')
      .filter((rule) => rule.includes(id.slice(0, 12)));
  const container = await create('sleep 60', 'ruled');
  await host.containers.start(container);
  const before = rules();
  assert.ok(before.some((rule) => rule.includes(`STRATA-${id.slice(0, 12)}`) && rule.includes('DROP')));
  for (const args of [
    ['-t', 'mangle', '-F', `STRATA-${id.slice(0, 12)}`],
    ['-t', 'mangle', '-D', 'FORWARD', '-o', `br-${id.slice(0, 12)}`, '-j', `STRATA-${id.slice(0, 12)}`],
  ])
    assert.equal(spawnSync('iptables', args).status, 0);
  await host.restart();
  assert.deepEqual(rules().sort(), before.sort());
  await host.containers.remove(container, { force: true });
  await host.parts.networks.remove('ruled');
  assert.deepEqual(rules(), []);
});

test('a network that holds settings for others', async () => {
  const { networks } = host.parts;
  await network('settings', {
    configOnly: true,
    options: { 'com.docker.network.driver.mtu': '1300' },
    labels: { a: 'b' },
  });
  const made = await network('settled', { configFrom: 'settings' });
  assert.deepEqual([made.configFrom, made.labels], ['settings', { a: 'b' }]);
  assert.equal(await inside('cat /sys/class/net/eth0/mtu', 'settled'), '1300\n');
  const refused = async (work: Promise<unknown>, message: string | RegExp) => await assert.rejects(work, { message });
  const from = (asked: Omit<CreateNetwork, 'name'>) => network('no', { configFrom: 'settings', ...asked });
  const own = 'user specified configurations are not supported if the network depends on a configuration network';
  await refused(from({ labels: { x: 'y' } }), own);
  await refused(from({ subnets: [{ subnet: `10.216.${octet}.0/24` }] }), own);
  await refused(
    from({ options: { a: 'b' } }),
    'network driver options are not supported if the network depends on a configuration network',
  );
  await refused(from({ configOnly: true }), 'a configuration network cannot depend on another configuration network');
  await refused(network('no', { configFrom: 'bridge' }), 'configuration network "bridge" does not exist');
  await refused(
    network('no', { configOnly: true, internal: true }),
    /^configuration network can only contain network specific/,
  );
  await refused(inside('true', 'settings'), /cannot create endpoint on configuration-only network$/);
  await refused(
    networks.remove('settings'),
    'error while removing network: configuration network "settings" is in use',
  );
  await networks.remove('settled');
  await networks.remove('settings');
});
