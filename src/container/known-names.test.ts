/** By which names containers know others: links, files on names, and whose these files are. */
import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { EndpointSettings } from '../network/index.ts';
import { startTestHost, type TestHost, textOf } from './testing/host.ts';
import type { ContainerConfig, HostConfig } from './types.ts';

let host: TestHost;
before(async () => {
  host = await startTestHost();
});
after(async () => {
  for (const { id } of host.containers.list()) await host.containers.remove(id, { force: true });
  await host.parts.networks.prune();
  await host.stop();
});

async function started(name: string, given: HostConfig = {}, config: ContainerConfig = {}): Promise<string> {
  const id = await host.create(['sleep', '60'], { name, host: given, config });
  await host.containers.start(id);
  return id;
}

async function linked(network: string, name: string, endpoint: EndpointSettings): Promise<string> {
  const { container } = await host.containers.create({
    name,
    config: { Cmd: ['sleep', '60'], Image: 'busybox' },
    host: { NetworkMode: network },
    endpoints: { [network]: endpoint },
    image: async () => ({
      id: `sha256:${'1'.repeat(64)}` as never,
      snapshot: host.parts.image,
      config: { Env: ['PATH=/bin'] },
    }),
  });
  await host.containers.start(container.id);
  return container.id;
}

async function inside(id: string, command: string): Promise<string> {
  const { exec } = host.containers;
  const { id: execID } = await exec.create(id, { Cmd: ['sh', '-c', command] });
  return await textOf((await exec.start(execID, { detach: false, tty: false }))!.output);
}

const addressOf = (id: string, network = 'bridge') => host.containers.get(id).networks[network]!.IPAddress!;

test('a link on the default bridge: variables as Docker makes them, and a name that follows a restart', async () => {
  const config = {
    Env: ['FOO=bar', 'X=a b', 'PATH=/bin'],
    ExposedPorts: Object.fromEntries(['90/tcp', '91/tcp', '5000/tcp', '5001/tcp', '53/udp'].map((port) => [port, {}])),
  };
  const target = await started('target', {}, config);
  const id = await started('links', { Links: ['target:my-al'] });
  const ip = addressOf(target);
  const env = (await inside(id, "tr '\\0' '\\n' < /proc/1/environ | grep ^MY_AL")).trim().split('\n');
  const port = (number: number, protocol = 'tcp') => {
    const name = `MY_AL_PORT_${number}_${protocol.toUpperCase()}`;
    const address = `${protocol}://${ip}:${number}`;
    return [`${name}=${address}`, `${name}_ADDR=${ip}`, `${name}_PORT=${number}`, `${name}_PROTO=${protocol}`];
  };
  const row = (first: number, last: number) => [
    `MY_AL_PORT_${first}_TCP_START=tcp://${ip}:${first}`,
    `MY_AL_PORT_${first}_TCP_PORT_START=${first}`,
    `MY_AL_PORT_${first}_TCP_END=tcp://${ip}:${last}`,
    `MY_AL_PORT_${first}_TCP_PORT_END=${last}`,
  ];
  // In the order of Docker 28.5.
  assert.deepEqual(env, [
    `MY_AL_PORT=tcp://${ip}:90`,
    ...port(90),
    ...port(91),
    ...port(5000),
    ...row(90, 91),
    ...port(5001),
    ...port(53, 'udp'),
    ...row(5000, 5001),
    'MY_AL_NAME=/links/my-al',
    'MY_AL_ENV_FOO=bar',
    'MY_AL_ENV_X=a b',
  ]);
  await host.containers.stop(target, { timeoutSeconds: 0 });
  // Somebody else has its address now.
  const { container: other } = await host.containers.create({
    config: { Cmd: ['sleep', '60'], Image: 'busybox' },
    host: { PortBindings: { '1/tcp': [{ HostPort: '' }] } },
    image: async () => ({ id: `sha256:${'1'.repeat(64)}` as never, snapshot: host.parts.image, config: {} }),
    endpoints: { bridge: { lastAddress: ip } },
  });
  await host.containers.start(other.id);
  await assert.rejects(started('early', { Links: ['target:t'] }), {
    kind: 'conflict',
    message: 'Cannot link to a non running container: /target AS /early/t',
  });
  await host.containers.start(target);
  const now = addressOf(target);
  assert.match(await inside(id, 'cat /etc/hosts'), new RegExp(`^${now}\tmy-al `, 'm'));
  assert.match(await inside(id, 'env'), new RegExp(`^MY_AL_PORT_90_TCP_ADDR=${now}$`, 'm'));
});

test('a link on a user’s network is a name of the name server, which follows a restart', async () => {
  await host.parts.networks.create({ name: 'users' });
  const target = await started('server', { NetworkMode: 'users' });
  const id = await linked('users', 'client', { Links: ['server:db'] });
  const answer = async (name: string) =>
    /Name:\s+(\S+)\nAddress(?: 1)?:\s+(\S+)/.exec(await inside(id, `nslookup ${name} 2>&1`))?.slice(1);
  assert.deepEqual(await answer('db'), ['db', addressOf(target, 'users')]);
  assert.deepEqual(await answer('db.users'), ['db.users', addressOf(target, 'users')]);
  assert.doesNotMatch(await inside(id, 'env'), /^DB_/m);
  await host.containers.stop(target, { timeoutSeconds: 0 });
  await linked('users', 'thief', { lastAddress: host.containers.get(target).networks['users']!.lastAddress! });
  await host.containers.start(target);
  assert.deepEqual(await answer('db'), ['db', addressOf(target, 'users')]);
  assert.match(await inside(id, 'cat /etc/hosts'), new RegExp(`^${addressOf(target, 'users')}\tdb `, 'm'));
  // The name goes with the container that had it for the other.
  const asks = await linked('users', 'asks', {});
  await host.containers.remove(id, { force: true });
  assert.doesNotMatch(await inside(asks, 'nslookup db 2>&1'), /Name:\s+db/);
});

test('after a restart of the daemon what others are linked to comes first', async () => {
  const RestartPolicy = { Name: 'always' };
  const needed = await started('needed', { RestartPolicy });
  const ids = [needed];
  for (const name of ['needs-a', 'needs-b', 'needs-c'])
    ids.push(await started(name, { RestartPolicy, Links: ['needed'] }));
  ids.push(await started('within', { RestartPolicy, NetworkMode: `container:${needed}` }));
  for (const id of ids.toReversed()) await host.containers.stop(id, { timeoutSeconds: 0 });
  await host.restart();
  for (const id of ids) assert.equal(host.containers.get(id).state.status, 'running', host.containers.get(id).name);
});

test('the network of one that is in the network of another, or of the host', async () => {
  const first = await started('first');
  const second = await started('second', { NetworkMode: `container:${first}` });
  const third = await started('third', { NetworkMode: `container:${second}` });
  assert.match(await inside(third, 'cat /etc/hosts'), new RegExp(`^${addressOf(first)}\t`, 'm'));
  assert.equal(await inside(third, 'hostname -i'), `${addressOf(first)}\n`);
  const onHost = await started('on-host', { NetworkMode: 'host' });
  const fourth = await started('fourth', { NetworkMode: `container:${onHost}` });
  for (const id of [onHost, fourth]) {
    assert.equal((await inside(id, 'cat /etc/hosts')).trim(), readFileSync('/etc/hosts', 'utf8').trim());
    assert.equal(await inside(id, 'cat /etc/resolv.conf'), readFileSync('/etc/resolv.conf', 'utf8'));
    assert.equal(await inside(id, 'ls -1 /sys/class/net | grep -c .'), `${readdirSync('/sys/class/net').length}\n`);
  }
});

test('a volume at /etc does not hide hosts, hostname and resolv.conf', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'strata-etc-'));
  try {
    for (const given of [
      { Binds: [`${folder}:/etc`] },
      { Mounts: [{ Type: 'volume', Target: '/etc' }] },
      { Tmpfs: { '/etc': '' } },
    ]) {
      const id = await host.create(['sleep', '60'], { host: given });
      await host.containers.start(id);
      assert.match(await inside(id, 'cat /etc/hosts'), new RegExp(`^${addressOf(id)}\t`, 'm'));
      assert.equal(await inside(id, 'cat /etc/hostname'), `${id.slice(0, 12)}\n`);
      assert.match(await inside(id, 'cat /etc/resolv.conf'), /^nameserver /m);
      await host.containers.remove(id, { force: true, volumes: true });
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
});
