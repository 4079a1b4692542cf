import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { Resolver } from 'node:dns/promises';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { startTestHost, type TestHost, textOf } from '../testing/host.ts';
import type { ContainerConfig, HostConfig } from '../types.ts';

const noIPv6 = existsSync('/proc/net/if_inet6') ? false : 'this host has no IPv6';

let host: TestHost;
before(async () => {
  host = await startTestHost();
});
after(async () => await host.stop());

/** Answers every connection to port 80 with `word`. */
async function serve(
  word: string,
  hostConfig: HostConfig = {},
  config: ContainerConfig = {},
  name = '',
): Promise<string> {
  const id = await host.create(['sh', '-c', `nc -ll -p 80 -e echo ${word}`], {
    host: hostConfig,
    config,
    ...(name && { name }),
  });
  await host.containers.start(id);
  await listens(id, 'tcp', 80);
  return id;
}

/** Waits until a program in the container has the port. */
async function listens(id: string, protocol: 'tcp' | 'udp', port: number): Promise<void> {
  const { pid } = host.containers.get(id).state;
  const wanted = `:${port.toString(16).toUpperCase().padStart(4, '0')} `;
  const has = (table: string) => existsSync(table) && readFileSync(table, 'utf8').includes(wanted);
  const until = Date.now() + 10_000;
  while (!has(`/proc/${pid}/net/${protocol}`) && !has(`/proc/${pid}/net/${protocol}6`)) {
    assert.ok(Date.now() < until, 'nobody listens');
    await sleep(10);
  }
}

function ask(address: string, port: number | string): string {
  return spawnSync('/bin/busybox', ['nc', '-w', '2', address, String(port)], { encoding: 'utf8', input: '' }).stdout;
}

/** As `ask`, where this process itself passes on. */
async function askSix(port: string): Promise<string> {
  const socket = connect({ host: '::1', port: Number(port) });
  return await text(socket).catch(() => '');
}

async function inside(command: string, hostConfig: HostConfig = {}): Promise<string> {
  const { id, out } = await host.run(['sh', '-c', command], { host: hostConfig });
  await host.containers.remove(id);
  return out;
}

function bound(id: string, port = '80/tcp'): string {
  return host.containers.get(id).ports[port]![0]!.HostPort;
}

function ownAddress(): string {
  const faces = Object.entries(networkInterfaces()).filter(([name]) => name !== 'lo' && name !== host.bridge.name);
  return faces.flatMap(([, list]) => list ?? []).find(({ family }) => family === 'IPv4')?.address ?? '127.0.0.1';
}

/** Rules that mention the subnet of this host's bridge or one of its published ports. */
function rules(word: string): string[] {
  const { stdout } = spawnSync('iptables-save', [], { encoding: 'utf8' });
  return stdout.split('\n').filter((rule) => rule.includes(word));
}

test('a published port answers on loopback, on the host’s address and to other containers', async () => {
  const id = await serve('hello', { PortBindings: { '80/tcp': [{ HostPort: '' }] } });
  const port = bound(id);
  assert.equal(ask('127.0.0.1', port), 'hello\n');
  assert.equal(ask(ownAddress(), port), 'hello\n');
  const [endpoint] = Object.values(host.containers.get(id).networks);
  assert.equal(ask(endpoint!.IPAddress!, 80), 'hello\n');
  assert.equal(await inside(`nc -w 2 ${endpoint!.IPAddress} 80 < /dev/null`), 'hello\n');
  assert.equal(await inside(`nc -w 2 ${endpoint!.Gateway} ${port} < /dev/null`), 'hello\n');
  await host.containers.remove(id, { force: true });
  assert.equal(ask('127.0.0.1', port), '');
  assert.deepEqual(rules(`dport ${port} `), []);
});

test('a port bound to loopback alone answers nowhere else', async () => {
  const id = await serve('local', { PortBindings: { '80/tcp': [{ HostIp: '127.0.0.1', HostPort: '' }] } });
  assert.deepEqual(host.containers.get(id).ports['80/tcp']![0]!.HostIp, '127.0.0.1');
  assert.equal(ask('127.0.0.1', bound(id)), 'local\n');
  assert.equal(ask(ownAddress(), bound(id)), '');
  await host.containers.remove(id, { force: true });
});

test('udp is published, too', async () => {
  const id = await host.create(['sleep', '60'], { host: { PortBindings: { '53/udp': [{ HostPort: '' }] } } });
  await host.containers.start(id);
  const echo =
    "const s = require('dgram').createSocket('udp4'); s.on('message', (m, from) => s.send(m, from.port, from.address)); s.bind(53)";
  const server = spawn('nsenter', [
    `--net=/proc/${host.containers.get(id).state.pid}/ns/net`,
    process.execPath,
    '-e',
    echo,
  ]);
  await listens(id, 'udp', 53);
  const socket = createSocket('udp4');
  socket.send('ping', Number(bound(id, '53/udp')), '127.0.0.1');
  const [message] = (await Promise.race([once(socket, 'message'), sleep(3000, ['nothing'])])) as [Buffer];
  socket.close();
  server.kill();
  assert.equal(message.toString(), 'ping');
  await host.containers.remove(id, { force: true });
});

test('a port that another container or program has is refused in the words of the reference', async () => {
  const first = await serve('first', { PortBindings: { '80/tcp': [{ HostPort: '' }] } });
  const port = bound(first);
  const second = await host.create(['true'], {
    host: { PortBindings: { '80/tcp': [{ HostPort: port }] } },
    name: 'second',
  });
  await assert.rejects(host.containers.start(second), {
    kind: 'conflict',
    exitCode: 125,
    message: `failed to set up container networking: driver failed programming external connectivity on endpoint second (${second}): Bind for 0.0.0.0:${port} failed: port is already allocated`,
  });
  await host.containers.remove(first, { force: true });
  await host.containers.start(second);
  await host.containers.remove(second, { force: true });

  const server = createServer().listen(0, '0.0.0.0');
  await once(server, 'listening');
  const taken = (server.address() as { port: number }).port;
  const third = await host.create(['true'], { host: { PortBindings: { '80/tcp': [{ HostPort: String(taken) }] } } });
  await assert.rejects(host.containers.start(third), {
    message: /failed to bind host port for 0\.0\.0\.0:\d+:10\.\d+\.\d+\.\d+:80\/tcp: address already in use$/,
  });
  server.close();
  await host.containers.remove(third);
});

test('an address that is none is refused, as is one that the host does not have', async () => {
  for (const [HostIp, code] of [
    ['localhost', 'invalid_address'],
    ['fe80::1%lo', 'invalid_address'],
    ['192.0.2.1', 'port_not_bound'],
  ] as const) {
    const id = await host.create(['true'], { host: { PortBindings: { '80/tcp': [{ HostIp, HostPort: '' }] } } });
    await assert.rejects(host.containers.start(id), { code });
    await host.containers.remove(id);
  }
});

test('a port without an address has one number in both families, and answers in both', { skip: noIPv6 }, async () => {
  const id = await serve('both', { PortBindings: { '80/tcp': [{ HostPort: '' }] } });
  const port = bound(id);
  assert.deepEqual(host.containers.get(id).ports['80/tcp'], [
    { HostIp: '0.0.0.0', HostPort: port },
    { HostIp: '::', HostPort: port },
  ]);
  assert.equal(ask('127.0.0.1', port), 'both\n');
  assert.equal(await askSix(port), 'both\n');
  const second = await host.create(['true'], {
    host: { PortBindings: { '80/tcp': [{ HostIp: '::1', HostPort: port }] } },
  });
  await assert.rejects(host.containers.start(second), {
    message: new RegExp(`Bind for :::${port} failed: port is already allocated$`),
  });
  await host.containers.remove(second);
  // A daemon that ends takes its half along; the one after it has it again.
  await host.restart();
  assert.equal(ask('127.0.0.1', port), 'both\n');
  assert.equal(await askSix(port), 'both\n');
  await host.containers.remove(id, { force: true });
  assert.equal(await askSix(port), '');
});

test('a port on an IPv6 address alone answers there alone', { skip: noIPv6 }, async () => {
  const id = await serve('six', { PortBindings: { '80/tcp': [{ HostIp: '0:0::1', HostPort: '' }] } });
  assert.equal(host.containers.get(id).ports['80/tcp']![0]!.HostIp, '::1');
  assert.equal(await askSix(bound(id)), 'six\n');
  assert.equal(ask('127.0.0.1', bound(id)), '');
  await host.containers.remove(id, { force: true });
});

test('no program of the host takes a published port', async () => {
  const id = await serve('mine', { PortBindings: { '80/tcp': [{ HostPort: '' }] } });
  const server = createServer().listen(Number(bound(id)), '0.0.0.0');
  const [error] = await once(server, 'error');
  assert.equal(error.code, 'EADDRINUSE');
  await host.containers.remove(id, { force: true });
});

test('a range of host ports gives the first free one', async () => {
  const config = { PortBindings: { '80/tcp': [{ HostPort: '21870-21872' }] } };
  const ids = [await serve('a', config), await serve('b', config), await serve('c', config)];
  assert.deepEqual(
    ids.map((id) => bound(id)),
    ['21870', '21871', '21872'],
  );
  const fourth = await host.create(['true'], { host: config });
  await assert.rejects(host.containers.start(fourth), { message: /all ports are allocated/ });
  assert.equal(ask('127.0.0.1', 21871), 'b\n');
  for (const id of [...ids, fourth]) await host.containers.remove(id, { force: true });
});

test('-P publishes every exposed port', async () => {
  const id = await serve('x', { PublishAllPorts: true }, { ExposedPorts: { '80/tcp': {}, '81/udp': {} } });
  assert.deepEqual(Object.keys(host.containers.get(id).ports).sort(), ['80/tcp', '81/udp']);
  assert.equal(ask('127.0.0.1', bound(id)), 'x\n');
  await host.containers.remove(id, { force: true });
});

test('on a user’s network containers find each other by name and alias', async () => {
  const { networks } = host.parts;
  const network = await networks.create({ name: 'backend', labels: { a: 'b' } });
  const foreign = rules(network.subnets[0]!.subnet);
  const id = await host.parts.containers.create({
    name: 'db',
    config: { Cmd: ['nc', '-ll', '-p', '80', '-e', 'echo', 'found'] },
    host: { NetworkMode: 'backend' },
    endpoints: { backend: { Aliases: ['store'] } },
    image: async () => ({ id: `sha256:${'1'.repeat(64)}` as never, snapshot: host.parts.image, config: {} }),
  });
  await host.containers.start('db');
  await listens(id.container.id, 'tcp', 80);
  assert.equal(
    await inside('nc -w 2 db 80 < /dev/null; nc -w 2 store 80 < /dev/null', { NetworkMode: 'backend' }),
    'found\nfound\n',
  );
  assert.match(await inside('nslookup nothing.invalid 2>&1', { NetworkMode: 'backend' }), /can't find|NXDOMAIN/);
  assert.doesNotMatch(await inside('nc -w 2 db 80 < /dev/null 2>&1'), /found/);
  await assert.rejects(networks.remove('backend'), { kind: 'permission_denied', message: /has active endpoints/ });
  await host.containers.remove(id.container.id, { force: true });
  await networks.remove(network.id);
  assert.throws(() => networks.get('backend'), { kind: 'not_found', message: 'network backend not found' });
  assert.equal(spawnSync('ip', ['link', 'show', network.bridge!]).status, 1);
  assert.deepEqual(rules(network.subnets[0]!.subnet), foreign);
});

test('a name is answered from the moment that its container has started', async () => {
  await host.parts.networks.create({ name: 'names' });
  const resolver = new Resolver({ timeout: 100, tries: 1 });
  resolver.setServers([host.parts.networks.get('names').subnets[0]!.gateway!]);
  for (const name of ['first', 'second', 'third', 'fourth']) {
    const id = await host.create(['sleep', '60'], { name, host: { NetworkMode: 'names' } });
    await host.containers.start(id);
    assert.deepEqual(
      [...new Set(await resolver.resolve4(name))],
      [host.containers.get(id).networks['names']!.IPAddress],
    );
  }
  for (const name of ['first', 'second', 'third', 'fourth']) await host.containers.remove(name, { force: true });
});

test('a container may be on several networks, with an address of its choice', async () => {
  const { networks } = host.parts;
  const octet = 1 + Math.floor(Math.random() * 250);
  await networks.create({ name: 'one', subnets: [{ subnet: `10.223.${octet}.0/24` }] });
  await networks.create({ name: 'two' });
  const { container } = await host.containers.create({
    config: { Cmd: ['sleep', '60'] },
    host: { NetworkMode: 'one' },
    endpoints: { one: { IPAMConfig: { IPv4Address: `10.223.${octet}.77` } }, two: {} },
    image: async () => ({ id: `sha256:${'1'.repeat(64)}` as never, snapshot: host.parts.image, config: {} }),
  });
  await host.containers.start(container.id);
  const { networks: joined } = host.containers.get(container.id);
  assert.equal(joined['one']!.IPAddress, `10.223.${octet}.77`);
  assert.ok(joined['two']!.IPAddress);
  const { exec } = host.containers;
  const { id } = await exec.create(container.id, { Cmd: ['ls', '/sys/class/net'] });
  assert.equal(await textOf((await exec.start(id, { detach: false, tty: false }))!.output), 'eth0\neth1\nlo\n');
  await host.containers.remove(container.id, { force: true });
  await networks.prune();
  assert.deepEqual(
    networks
      .list()
      .map(({ name }) => name)
      .sort(),
    ['bridge', 'host', 'none'],
  );
});

test('an internal network leads nowhere', async () => {
  await host.parts.networks.create({ name: 'inner', internal: true });
  const out = await inside('ip route | grep -c default; nc -w 1 1.1.1.1 53 < /dev/null 2>/dev/null && echo out', {
    NetworkMode: 'inner',
  });
  assert.equal(out, '0\n');
  const id = await serve('among us', { NetworkMode: 'inner' }, {}, 'inmate');
  assert.equal(await inside('nc -w 2 inmate 80 < /dev/null', { NetworkMode: 'inner' }), 'among us\n');
  await host.containers.remove(id, { force: true });
  const { bridge } = host.parts.networks.get('inner');
  await host.parts.networks.remove('inner');
  assert.deepEqual(rules(bridge!), []);
});

test('none has loopback alone, host everything', async () => {
  assert.equal(await inside('ls /sys/class/net', { NetworkMode: 'none' }), 'lo\n');
  // Not the interfaces: those of other tests come and go.
  const namespace = await inside('readlink /proc/self/ns/net', { NetworkMode: 'host' });
  assert.equal(namespace, `${readlinkSync('/proc/self/ns/net')}\n`);
});

test('a network that has no addresses is one by its id, too, and none beside another', async () => {
  for (const name of ['none', 'host']) {
    const { id } = host.parts.networks.get(name);
    const container = await host.create(['true'], { host: { NetworkMode: id } });
    await host.containers.start(container);
    assert.equal((await host.containers.wait(container)).exitCode, 0);
    const both = ['bridge', name].map((one) => ({ name: one, aliases: [] }));
    const asked = { containerID: 'c', containerName: 'c', networks: both, ports: {}, dns: [], reusable: false };
    await assert.rejects(host.parts.networks.connect(asked), {
      message: `container cannot be connected to multiple networks with one of the networks in ${name} mode`,
    });
  }
});

test('networks that make no sense are refused', async () => {
  const { networks } = host.parts;
  await assert.rejects(networks.create({ name: ' ' }), { kind: 'invalid_argument' });
  await assert.rejects(networks.create({ name: 'bridge' }), { kind: 'conflict' });
  await assert.rejects(networks.create({ name: 'x', driver: 'macvlan' }), { kind: 'unsupported' });
  await assert.rejects(networks.create({ name: 'x', subnets: [{ subnet: '10.0.0.0/99' }] }), {
    kind: 'invalid_argument',
  });
  await assert.rejects(networks.create({ name: 'x', subnets: [{ subnet: host.bridge.subnet }] }), {
    message: /Pool overlaps with other one on this address space/,
  });
  await assert.rejects(networks.remove('bridge'), { kind: 'permission_denied' });
  await assert.rejects(inside('true', { NetworkMode: 'nowhere' }), {
    kind: 'not_found',
    message: 'failed to set up container networking: network nowhere not found',
  });
});

test('a namespace given back serves the next container, with nothing left of the one before', async () => {
  const first = await inside('ip -4 -o addr show eth0; (nc -l -p 9999 &) ; sleep 0.1');
  const second = await inside('ip -4 -o addr show eth0; netstat -ltn | grep -c 9999');
  assert.equal(second, `${first}0\n`);
  const before = readdirSync(join(host.stateRoot, 'netns')).length;
  await inside('true', { CapAdd: ['NET_ADMIN'] });
  assert.ok(readdirSync(join(host.stateRoot, 'netns')).length <= before, 'one that could be changed is not used again');
});

test('a link gives another container a name, on the default bridge, too', async () => {
  const id = await serve('linked', {}, {}, 'target');
  assert.equal(await inside('nc -w 2 nick 80 < /dev/null', { Links: ['target:nick'] }), 'linked\n');
  await assert.rejects(inside('true', { Links: ['nobody:x'] }), {
    message: 'could not get container for nobody: No such container: nobody',
  });
  await host.containers.remove(id, { force: true });
});

test('in the network of another container names are the other’s, too, and nothing of its own is asked for', async () => {
  const { containers } = host;
  const other = await host.create(['sleep', '60'], {
    name: 'landlord',
    config: { Hostname: 'house', Domainname: 'street' },
  });
  const shared = { NetworkMode: 'container:landlord' };
  await assert.rejects(inside('true', shared), {
    message: 'cannot join network namespace of a non running container: container landlord is created',
  });
  await containers.start(other);
  const { id, out } = await host.run(['sh', '-c', 'hostname; cat /etc/hostname; tail -n 1 /etc/hosts'], {
    host: shared,
  });
  const [endpoint] = Object.values(containers.get(other).networks);
  assert.equal(out, `house\nhouse\n${endpoint!.IPAddress}\thouse.street house\n`);
  assert.equal(containers.get(id).host.NetworkMode, `container:${other}`);
  assert.equal(containers.get(id).config.Domainname, 'street');
  await containers.rename(other, 'owner');
  await containers.start(id);
  await containers.wait(id);
  for (const [config, hostConfig, message] of [
    [{ Hostname: 'x' }, {}, /^conflicting options: hostname and the network mode$/],
    [{ ExposedPorts: { '80/tcp': {} } }, {}, /port exposing and the container type network mode$/],
    [{}, { PublishAllPorts: true }, /port publishing and the container type network mode$/],
    [{}, { Dns: ['1.1.1.1'] }, /dns and the network mode$/],
    [{}, { ExtraHosts: ['a:1.1.1.1'] }, /custom host-to-IP mapping and the network mode$/],
    [{}, { NetworkMode: 'container:nobody' }, /^joining network namespace of container: No such container: nobody$/],
    [{ Hostname: 'x' }, { NetworkMode: 'bridge', UTSMode: 'host' }, /^conflicting options: hostname and the UTS mode$/],
  ] as const)
    await assert.rejects(
      host.create(['true'], { config, host: { NetworkMode: `container:${other}`, ...hostConfig } }),
      { kind: 'invalid_argument', message },
    );
  await containers.remove(id);
  await containers.remove(other, { force: true });
});

test('a network that is not there is missed at the start, and may come until then', async () => {
  const { networks } = host.parts;
  const id = await host.create(['sleep', '60'], { host: { NetworkMode: 'tomorrow' } });
  await assert.rejects(host.containers.start(id), { kind: 'not_found', message: /network tomorrow not found$/ });
  await networks.create({ name: 'tomorrow' });
  await host.containers.start(id);
  assert.ok(host.containers.get(id).networks['tomorrow']!.IPAddress);
  await host.containers.remove(id, { force: true });
  await networks.remove('tomorrow');
});

test('on a user’s network names of containers are known with name servers of one’s own, too, which answer the rest', async () => {
  const { networks } = host.parts;
  const octet = 1 + Math.floor(Math.random() * 250);
  const network = await networks.create({ name: 'asked', subnets: [{ subnet: `10.224.${octet}.0/24` }] });
  const id = await serve('named', { NetworkMode: 'asked' }, {}, 'neighbour');
  const server = createSocket('udp4');
  server.on('message', (query, from) => {
    const answer = Buffer.concat([
      query.subarray(0, 2),
      Buffer.from('8583', 'hex'),
      query.subarray(4, 6),
      Buffer.alloc(6),
    ]);
    const question = query.subarray(12, query.indexOf(0, 12) + 5);
    asked.push(question.toString('latin1'));
    server.send(Buffer.concat([answer, question]), from.port, from.address);
  });
  const asked: string[] = [];
  const own = `127.0.0.${octet + 2}`;
  server.bind(53, own);
  await once(server, 'listening');
  const shared = { NetworkMode: 'asked', Dns: [own] };
  assert.equal(await inside('nc -w 2 neighbour 80 < /dev/null', shared), 'named\n');
  await inside('nslookup far.example; grep ndots /etc/resolv.conf', shared);
  server.close();
  assert.ok(
    asked.some((question) => question.includes('example')),
    'the server was not asked',
  );
  await host.containers.remove(id, { force: true });
  await networks.remove(network.id);
});

test('subnets and addresses of a network that cannot be are refused', async () => {
  const { networks } = host.parts;
  const refused = async (subnet: string, message: RegExp | string) =>
    await assert.rejects(networks.create({ name: 'x', subnets: [{ subnet }] }), { message });
  await refused('banana', 'invalid network config:\ninvalid subnet banana: invalid CIDR block notation');
  await refused('10.222.1.0', /invalid CIDR block notation$/);
  await refused('10.222.1.0/33', /invalid CIDR block notation$/);
  await refused('10.222.1.5/24', 'invalid network config:\ninvalid subnet 10.222.1.5/24: it should be 10.222.1.0/24');
  await refused('fd00::/64', /containers have IPv4 addresses alone$/);
  await assert.rejects(
    networks.create({ name: 'x', subnets: [{ subnet: '10.222.1.0/24' }, { subnet: '10.222.2.0/24' }] }),
    { message: "bridge driver doesn't support multiple subnets" },
  );
  await networks.create({ name: 'edges', subnets: [{ subnet: '10.222.1.0/24' }] });
  for (const ip of ['10.222.1.0', '10.222.1.1', '10.222.1.255']) {
    const { container } = await host.containers.create({
      config: { Cmd: ['true'] },
      host: { NetworkMode: 'edges' },
      endpoints: { edges: { IPAMConfig: { IPv4Address: ip } } },
      image: async () => ({ id: `sha256:${'1'.repeat(64)}` as never, snapshot: host.parts.image, config: {} }),
    });
    await assert.rejects(host.containers.start(container.id), { message: /networking: Address already in use$/ });
    await host.containers.remove(container.id);
  }
  await networks.remove('edges');
});

test('a container has the hardware address that it asks for, also on the default network by either of its names', async () => {
  for (const name of ['default', 'bridge']) {
    const { container } = await host.containers.create({
      config: { Cmd: ['cat', '/sys/class/net/eth0/address'] },
      host: {},
      endpoints: { [name]: { MacAddress: '02:42:ac:11:00:99' } },
      image: async () => ({ id: `sha256:${'1'.repeat(64)}` as never, snapshot: host.parts.image, config: {} }),
    });
    assert.deepEqual(Object.keys(container.networks), ['bridge']);
    await host.containers.start(container.id);
    await host.containers.wait(container.id);
    let out = '';
    for await (const { data } of host.containers.logs(container.id, { stdout: true, stderr: true, follow: false }))
      out += Buffer.from(data).toString();
    assert.equal(out, '02:42:ac:11:00:99\n');
    await host.containers.remove(container.id);
  }
});
