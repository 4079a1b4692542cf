import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { after, before, test } from 'node:test';
import { startTestHost, type TestHost, textOf } from '../testing/host.ts';
import type { HostConfig } from '../types.ts';

let host: TestHost;
before(async () => {
  host = await startTestHost();
  const { networks } = host.parts;
  const octet = 1 + Math.floor(Math.random() * 250);
  await networks.create({ name: 'front', subnets: [{ subnet: `10.220.${octet}.0/24` }] });
  await networks.create({ name: 'back', subnets: [{ subnet: `10.221.${octet}.0/24` }] });
});
after(async () => {
  for (const { id } of host.containers.list()) await host.containers.remove(id, { force: true });
  await host.parts.networks.prune();
  await host.stop();
});

async function started(name: string, hostConfig: HostConfig): Promise<string> {
  const id = await host.create(['sleep', '60'], { name, host: hostConfig });
  await host.containers.start(id);
  return id;
}

async function inside(id: string, command: string): Promise<string> {
  const { exec } = host.containers;
  const { id: execID } = await exec.create(id, { Cmd: ['sh', '-c', command] });
  return await textOf((await exec.start(execID, { detach: false, tty: false }))!.output);
}

const endpoints = (id: string) => host.containers.get(id).networks;

test('a running container joins a network: an interface, names, an address of its choice', async () => {
  const { containers } = host;
  const [one, two] = [await started('one', { NetworkMode: 'front' }), await started('two', { NetworkMode: 'back' })];
  assert.match(await inside(one, 'ping -c 1 -w 2 two 2>&1'), /bad address|unknown host/i);
  const wanted = endpoints(two)['back']!.IPAddress!.replace(/\d+$/, '77');
  await containers.connectNetwork(one, 'back', { Aliases: ['uno'], IPAMConfig: { IPv4Address: wanted } });
  assert.equal(endpoints(one)['back']!.IPAddress, wanted);
  assert.match(await inside(one, 'ping -c 1 -w 2 two 2>&1'), / 0% packet loss/);
  assert.match(await inside(one, 'ping -c 1 -w 2 one 2>&1'), / 0% packet loss/);
  assert.match(await inside(two, 'ping -c 1 -w 2 uno 2>&1'), new RegExp(`${wanted}.* 0% packet loss`, 's'));
  assert.match(await inside(one, 'cat /etc/hosts'), new RegExp(`^${wanted}\t`, 'm'));
  assert.equal(await inside(one, 'ls /sys/class/net'), 'eth0\neth1\nlo\n');
  // The first network by name leads out.
  const gateway = endpoints(one)['back']!.Gateway!;
  assert.equal(await inside(one, 'ip route | grep default'), `default via ${gateway} dev eth1 \n`);
  await assert.rejects(containers.connectNetwork(one, 'back', {}), {
    kind: 'permission_denied',
    message: 'endpoint with name one already exists in network back',
  });
  await containers.disconnectNetwork(one, 'back');
  assert.equal(await inside(one, 'ls /sys/class/net'), 'eth0\nlo\n');
  assert.match(await inside(one, 'ip route | grep default'), /dev eth0/);
  assert.deepEqual(Object.keys(endpoints(one)), ['front']);
  await assert.rejects(containers.disconnectNetwork(one, 'back'), {
    message: `container ${one} is not connected to network back`,
  });
  for (const id of [one, two]) await containers.remove(id, { force: true });
});

test('a container that gets another name while it runs is known by that alone, and keeps its aliases', async () => {
  const { containers } = host;
  const [one, two] = [
    await started('before', { NetworkMode: 'front' }),
    await started('asks', { NetworkMode: 'front' }),
  ];
  await containers.disconnectNetwork(one, 'front');
  await containers.connectNetwork(one, 'front', { Aliases: ['alias'] });
  await containers.connectNetwork(one, 'bridge', {});
  const resolves = async (name: string) =>
    (await inside(two, `ping -c 1 -w 2 ${name} 2>&1`)).includes(' 0% packet loss');
  await containers.rename(one, 'after');
  assert.equal(await resolves('after'), true);
  assert.equal(await resolves('before'), false);
  assert.equal(await resolves('alias'), true);
  assert.deepEqual(endpoints(one)['front']!.DNSNames, ['after', 'alias', one.slice(0, 12)]);
  assert.equal(endpoints(one)['bridge']!.DNSNames, undefined);
  await containers.stop(one, { timeoutSeconds: 0 });
  await containers.rename(one, 'again');
  await containers.start(one);
  assert.equal(await resolves('again'), true);
  assert.deepEqual(endpoints(one)['front']!.DNSNames, ['again', 'alias', one.slice(0, 12)]);
  for (const id of [one, two]) await containers.remove(id, { force: true });
});

test('a container that does not run joins at its start', async () => {
  const { containers } = host;
  const id = await host.create(['sleep', '60'], { name: 'later', host: { NetworkMode: 'front' } });
  await containers.disconnectNetwork(id, 'front');
  await containers.connectNetwork(id, 'front', { Aliases: ['soon'] });
  await containers.connectNetwork(id, 'back', {});
  await containers.start(id);
  assert.deepEqual(Object.keys(endpoints(id)).sort(), ['back', 'front']);
  assert.deepEqual(endpoints(id)['front']!.DNSNames, ['later', 'soon', id.slice(0, 12)]);
  await containers.stop(id, { timeoutSeconds: 0 });
  await containers.start(id);
  assert.deepEqual(endpoints(id)['front']!.Aliases, ['soon']);
  await containers.remove(id, { force: true });
});

test('a published port answers whichever of its networks a container leaves', async () => {
  const { containers } = host;
  const id = await host.create(['nc', '-ll', '-p', '80', '-e', 'echo', 'here'], {
    host: { NetworkMode: 'front', PortBindings: { '80/tcp': [{ HostPort: '' }] } },
  });
  await containers.start(id);
  const port = containers.get(id).ports['80/tcp']![0]!.HostPort;
  const ask = () => {
    for (let tries = 0; tries < 20; tries++) {
      const { stdout } = spawnSync('/bin/busybox', ['nc', '-w', '2', '127.0.0.1', port], {
        encoding: 'utf8',
        input: '',
      });
      if (stdout !== '') return stdout;
    }
    return '';
  };
  assert.equal(ask(), 'here\n');
  await containers.connectNetwork(id, 'back', {});
  await containers.disconnectNetwork(id, 'front');
  assert.equal(ask(), 'here\n');
  await containers.remove(id, { force: true });
  const { stdout } = spawnSync('iptables-save', [], { encoding: 'utf8' });
  assert.deepEqual(
    stdout.split('\n').filter((rule) => rule.includes(`dport ${port} `)),
    [],
  );
});

test('one that leaves the default bridge keeps its namespace to itself', async () => {
  const { containers } = host;
  const id = await started('moved', {});
  await containers.connectNetwork(id, 'back', {});
  await containers.disconnectNetwork(id, 'bridge');
  assert.match(await inside(id, 'cat /etc/resolv.conf'), new RegExp(`nameserver ${endpoints(id)['back']!.Gateway}`));
  await containers.disconnectNetwork(id, 'back');
  assert.equal(await inside(id, 'ls /sys/class/net'), 'lo\n');
  await containers.remove(id, { force: true });
  const next = await host.run(['ls', '/sys/class/net']);
  assert.equal(next.out, 'eth0\nlo\n');
  await containers.remove(next.id);
});

test('networks that cannot be joined are refused in the words of the reference', async () => {
  const { containers } = host;
  const own = await started('own', {});
  const alone = await started('alone', { NetworkMode: 'none' });
  const shared = await started('shared', { NetworkMode: 'container:own' });
  const refused = async (id: string, network: string, endpoint: object, message: RegExp) =>
    await assert.rejects(containers.connectNetwork(id, network, endpoint), { message });
  await refused(own, 'host', {}, /^cannot connect container to host network/);
  await refused(alone, 'back', {}, /one of the networks in private \(none\) mode$/);
  await refused(shared, 'back', {}, /^container sharing network namespace/);
  await refused(
    own,
    'bridge',
    { Aliases: ['x'] },
    /^invalid endpoint settings:\nnetwork-scoped alias is supported only/,
  );
  await refused(own, 'back', { IPAMConfig: { IPv4Address: '1.2.3.4' } }, /no configured subnet or ip-range contain/);
  await refused(own, 'nowhere', {}, /^network nowhere not found$/);
  for (const id of [shared, alone, own]) await containers.remove(id, { force: true });
});
