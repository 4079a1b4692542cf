/** Sends what docs/coverage/api.tsv lists: nothing of it is taken and forgotten. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { type ApiRow, apiRows } from '../../scripts/coverage.ts';
import { startEngine, type TestEngine } from '../harness/engine.ts';

const rows = apiRows();
let engine: TestEngine;
before(async () => {
  engine = await startEngine({ bases: ['busybox'] });
});
after(async () => await engine?.stop());

interface Answer {
  readonly status: number;
  readonly text: string;
}

function send(method: string, path: string, body?: unknown): Promise<Answer> {
  const text = body === undefined ? '' : JSON.stringify(body);
  return new Promise((resolve, reject) => {
    const headers =
      text === '' ? {} : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) };
    const sent = request(
      { socketPath: engine.socket, method, path: `/v1.51${path}`, headers, timeout: 20_000 },
      (reply) => {
        const chunks: Buffer[] = [];
        const end = () => resolve({ status: reply.statusCode!, text: Buffer.concat(chunks).toString() });
        reply.on('data', (chunk) => chunks.push(chunk));
        reply.on('end', end);
        reply.on('error', reject);
        // Streams that follow the engine say by their head that they are there.
        if (path.startsWith('/events')) {
          end();
          sent.destroy();
        }
      },
    );
    sent.on('error', reject);
    sent.end(text);
  });
}

const filled = (path: string) => path.replaceAll(/\{(id|name)\}/g, 'nosuch');

test('every endpoint is there, or is refused with a sentence', async () => {
  for (const { method, path, state } of rows.filter((row) => row.in === 'endpoint')) {
    // These change what the rest of the test stands on, are sessions, or ask the internet.
    if (/prune$|^\/session$|^\/build$|^\/images\/search$|^\/auth$/.test(path)) continue;
    const body = method === 'POST' || method === 'PUT' ? {} : undefined;
    const { status, text } = await send(method, filled(path), body);
    // A registry that cannot be reached is no fault of the endpoint.
    if (/dial tcp|no such host/.test(text)) continue;
    const what = `${method} ${path}: ${status} ${text.slice(0, 200)}`;
    assert.doesNotMatch(text, /page not found/, what);
    if (state === 'refused') {
      assert.ok(status >= 400, what);
      assert.match((JSON.parse(text) as { message: string }).message, /swarm|plugin/, what);
    } else assert.ok(status !== 501 && status !== 500, what);
  }
});

/** Values that a container may have, one field each; a container made with it shows it. */
const config: Readonly<Record<string, unknown>> = {
  Hostname: 'web',
  Domainname: 'example.org',
  User: '7',
  AttachStdin: true,
  AttachStdout: true,
  AttachStderr: true,
  ExposedPorts: { '80/tcp': {} },
  Tty: true,
  OpenStdin: true,
  StdinOnce: true,
  Env: ['A=b'],
  Cmd: ['true'],
  Healthcheck: { Test: ['CMD', 'true'], Interval: 7e9, Timeout: 8e9, Retries: 3, StartPeriod: 9e9, StartInterval: 6e9 },
  ArgsEscaped: true,
  Image: 'busybox',
  Volumes: { '/v': {} },
  WorkingDir: '/w',
  Entrypoint: ['true'],
  NetworkDisabled: true,
  OnBuild: ['RUN true'],
  Labels: { a: 'b' },
  StopSignal: 'SIGINT',
  StopTimeout: 7,
  Shell: ['/bin/ash'],
};

const device = '/dev/null';
const host: Readonly<Record<string, unknown>> = {
  CpuShares: 77,
  Memory: 64 << 20,
  CgroupParent: 'mine',
  BlkioWeight: 300,
  BlkioWeightDevice: [{ Path: device, Weight: 300 }],
  BlkioDeviceReadBps: [{ Path: device, Rate: 7 }],
  BlkioDeviceWriteBps: [{ Path: device, Rate: 7 }],
  BlkioDeviceReadIOps: [{ Path: device, Rate: 7 }],
  BlkioDeviceWriteIOps: [{ Path: device, Rate: 7 }],
  CpuPeriod: 50_000,
  CpuQuota: 20_000,
  CpuRealtimePeriod: 100_000,
  CpuRealtimeRuntime: 9_000,
  CpusetCpus: '0',
  CpusetMems: '0',
  Devices: [{ PathOnHost: device, PathInContainer: '/dev/mine', CgroupPermissions: 'r' }],
  DeviceCgroupRules: ['c 1:3 r'],
  MemoryReservation: 32 << 20,
  MemorySwappiness: 7,
  NanoCpus: 500_000_000,
  OomKillDisable: true,
  Init: true,
  PidsLimit: 77,
  Ulimits: [{ Name: 'nofile', Hard: 88, Soft: 77 }],
  Binds: ['/tmp:/t:ro'],
  LogConfig: { Type: 'json-file', Config: { 'max-size': '1m' } },
  NetworkMode: 'none',
  PortBindings: { '80/tcp': [{ HostIp: '127.0.0.1', HostPort: '0' }] },
  RestartPolicy: { Name: 'on-failure', MaximumRetryCount: 3 },
  AutoRemove: true,
  VolumeDriver: 'local',
  Mounts: [{ Type: 'bind', Source: '/tmp', Target: '/t', ReadOnly: true, BindOptions: { NonRecursive: true } }],
  Annotations: { a: 'b' },
  CapAdd: ['CAP_NET_ADMIN'],
  CapDrop: ['CAP_CHOWN'],
  CgroupnsMode: 'private',
  Dns: ['9.9.9.9'],
  DnsOptions: ['ndots:3'],
  DnsSearch: ['a.test'],
  ExtraHosts: ['a:1.2.3.4'],
  GroupAdd: ['77'],
  IpcMode: 'shareable',
  OomScoreAdj: 77,
  PidMode: 'host',
  Privileged: true,
  PublishAllPorts: true,
  ReadonlyRootfs: true,
  SecurityOpt: ['no-new-privileges'],
  Tmpfs: { '/t': 'size=1m' },
  UTSMode: 'host',
  UsernsMode: 'host',
  ShmSize: 1 << 20,
  Sysctls: { 'net.ipv4.ip_forward': '1' },
  Runtime: 'runc',
  MaskedPaths: ['/proc/meminfo'],
  ReadonlyPaths: ['/proc/bus'],
  ConsoleSize: [24, 80],
  ContainerIDFile: '/tmp/id',
  Cgroup: 'a',
  // Told to be without effect.
  CpuPercent: 7,
  KernelMemoryTCP: 7,
  // Refused.
  IOMaximumIOps: 7,
  IOMaximumBandwidth: 7,
  Isolation: 'hyperv',
  DeviceRequests: [{ Count: 1, Capabilities: [['gpu']] }],
  StorageOpt: { size: '1G' },
};

/** Fields that stand on others. */
const together: Readonly<Record<string, object>> = {
  MemorySwappiness: { Memory: 64 << 20 },
  MemoryReservation: { Memory: 64 << 20 },
  OomKillDisable: { Memory: 64 << 20 },
};
/** Named in another place of the answer, or tried by other tests: MAC addresses, links, volumes of others, swap, CPUs of Windows. */
const elsewhere = ['MacAddress', 'HostConfig', 'NetworkingConfig', 'Links', 'VolumesFrom', 'MemorySwap', 'CpuCount'];

test('every field of a container is shown as it was asked for, refused, or warned of', async () => {
  const fields = rows.filter((row) => row.path === '/containers/create' && row.in === 'body');
  const wrong: string[] = [];
  for (const row of fields) {
    const [, inHost, name = ''] = /^(HostConfig\.)?([A-Za-z]+)$/.exec(row.name) ?? [];
    if (name === '' || elsewhere.includes(name)) continue;
    const values = inHost ? host : config;
    assert.ok(Object.hasOwn(values, name), `the test has no value for ${row.name}`);
    await checkField(row, name, values[name], inHost !== undefined).catch((error: Error) => wrong.push(error.message));
  }
  assert.deepEqual(wrong, []);
});

async function checkField(row: ApiRow, name: string, value: unknown, inHost: boolean): Promise<void> {
  const what = `${row.name} (${row.state})`;
  const body = inHost
    ? { Image: 'busybox', Cmd: ['true'], HostConfig: { [name]: value, ...together[name] } }
    : { Image: 'busybox', Cmd: ['true'], [name]: value };
  const made = await send('POST', '/containers/create', body);
  if (made.status !== 201) {
    assert.equal(row.state, 'refused', `${what}: ${made.text}`);
    assert.ok((JSON.parse(made.text) as { message: string }).message.length > 10, what);
    return;
  }
  const { Id, Warnings } = JSON.parse(made.text) as { Id: string; Warnings: readonly string[] };
  try {
    const shown = JSON.parse((await send('GET', `/containers/${Id}/json`)).text);
    if (row.state === 'refused') {
      // What depends on devices is looked at when it starts.
      const start = await send('POST', `/containers/${Id}/start`);
      assert.ok(start.status >= 400, `${what} was taken`);
    } else if (row.state === 'warned') assert.ok(Warnings.length > 0, `${what} was taken without a word`);
    else if (Warnings.length === 0) assertShown((inHost ? shown.HostConfig : shown.Config)[name], value, what);
  } finally {
    await send('DELETE', `/containers/${Id}?force=1`);
  }
}

/** What the image adds to a list is its own. */
function assertShown(shown: unknown, value: unknown, what: string): void {
  const own =
    name(what) === 'Env' && Array.isArray(shown) ? shown.filter((one) => !`${one}`.startsWith('PATH=')) : shown;
  assert.deepEqual(own, value, `${what} is not shown: ${JSON.stringify(shown)}`);
}

const name = (what: string) => what.split(' ', 1)[0];

test('parameters and fields of the other endpoints are read', () => {
  const room = join(import.meta.dirname, '../../src/api');
  const files = readdirSync(room, { recursive: true, encoding: 'utf8' });
  const text = files
    .filter((name) => name.endsWith('.ts') && !name.endsWith('.test.ts'))
    .map((name) => readFileSync(join(room, name), 'utf8'))
    .join('\n');
  for (const { method, path, name, in: place, state } of rows) {
    if (place === 'endpoint' || state === 'refused' || state === 'meaningless') continue;
    const field = name.split(/\.|\[\]\.|\{\}\./).at(-1)!;
    const reads = new RegExp(`(['"])${field}\\1|\\b${field}\\b\\s*[:,}]|\\.${field}\\b`, place === 'header' ? 'i' : '');
    assert.match(text, reads, `${name} of ${method} ${path} is taken and never read`);
  }
});

test('a removal for one platform does not take the image of another', async () => {
  const platforms = encodeURIComponent(JSON.stringify({ os: 'linux', architecture: 's390x' }));
  const { status, text } = await send('DELETE', `/images/busybox?platforms=${platforms}`);
  assert.equal(status, 404);
  assert.match(text, /its platform \(linux\/\w+\) does not match the specified platform \(linux\/s390x\)/);
  const own = await engine.strata(['rmi', '--platform', 'linux/s390x', 'busybox'], { accept: [1] });
  assert.match(own.stderr, /does not match the specified platform/);
});

test('a cluster volume and a mount of an image are refused', async () => {
  const volume = await send('POST', '/volumes/create', { Name: 'cluster', ClusterVolumeSpec: { Group: 'a' } });
  assert.match(volume.text, /not a swarm manager/);
  const mount = { Type: 'image', Source: 'busybox', Target: '/i', ImageOptions: { Subpath: 'bin' } };
  const made = await send('POST', '/containers/create', { Image: 'busybox', HostConfig: { Mounts: [mount] } });
  assert.match(made.text, /mount type unknown/);
});
