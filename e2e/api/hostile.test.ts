/** Callers that send odd things: every answer is a clear one, and the engine goes on. */
import assert from 'node:assert/strict';
import { existsSync, symlinkSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import fc from 'fast-check';
import { readTar, writeTar } from '../../src/layer/index.ts';
import { startEngine, type TestEngine } from '../harness/engine.ts';

let engine: TestEngine;
before(async () => {
  engine = await startEngine({ bases: ['busybox'] });
});
after(() => engine?.stop());

interface Answer {
  readonly status: number;
  readonly body: Buffer;
}

function call(method: string, path: string, body?: Buffer | string, type = 'application/json'): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const headers = body === undefined ? {} : { 'content-type': type, 'content-length': Buffer.byteLength(body) };
    const sent = request({ socketPath: engine.socket, method, path, headers, agent: false }, (answer) => {
      const chunks: Buffer[] = [];
      answer.on('data', (chunk: Buffer) => chunks.push(chunk));
      answer.on('end', () => resolve({ status: answer.statusCode!, body: Buffer.concat(chunks) }));
    });
    sent.on('error', reject);
    sent.end(body);
  });
}

async function bytesOf(stream: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks);
}

const word = fc.oneof(
  fc.string({ maxLength: 12 }),
  fc.constantFrom(
    '',
    '/',
    '..',
    '/../..',
    ':',
    '::',
    '/x:/y',
    '/x:/y:ro:z',
    'a:b:c',
    '0',
    '-1',
    '80/tcp',
    '80',
    '99999',
    'none',
    'host',
    'bridge',
    'container:nope',
    'root',
    '4294967295',
    'A=',
    '=',
    'CAP_X',
    'ALL',
    'x'.repeat(5000),
  ),
);
const words = fc.array(word, { maxLength: 3 });
const number = fc.oneof(fc.integer(), fc.constantFrom(0, -1, 1, 2 ** 40, Number.MAX_SAFE_INTEGER));
const table = (value: fc.Arbitrary<unknown>) => fc.dictionary(word, value, { maxKeys: 3 });
const maybe = (shape: Record<string, fc.Arbitrary<unknown>>) => fc.record(shape, { requiredKeys: [] });

const name = 'x'.repeat(300);

/** What once brought it down, or was answered with an internal error. */
const found: readonly Record<string, unknown>[] = [
  { WorkingDir: `/${name}` },
  { Volumes: { [`/${name}`]: {} } },
  { HostConfig: { Binds: [`/${name}:/x`] } },
  { HostConfig: { Binds: [`/tmp:/${name}`] } },
  { HostConfig: { Binds: ['/proc/nope/x:/x'] } },
  { HostConfig: { Binds: ['/tmp:/etc/passwd/x'] } },
  { HostConfig: { Binds: [`${name}:/x`] } },
  { HostConfig: { Tmpfs: { [`/${name}`]: '' } } },
  { HostConfig: { Mounts: [{ Type: 'bind', Source: `/${name}`, Target: '/x' }] } },
  { HostConfig: { Devices: [{}] } },
];

/** Of the right types, so that they get past the decoder and into the engine. */
const containers = maybe({
  Cmd: words,
  Entrypoint: words,
  Env: words,
  User: word,
  WorkingDir: word,
  Hostname: word,
  Domainname: word,
  StopSignal: word,
  ExposedPorts: table(fc.constant({})),
  Volumes: table(fc.constant({})),
  Labels: table(word),
  Tty: fc.boolean(),
  Healthcheck: maybe({ Test: words, Interval: number, Timeout: number, Retries: number }),
  HostConfig: maybe({
    Binds: words,
    Tmpfs: table(word),
    NetworkMode: word,
    PublishAllPorts: fc.boolean(),
    PortBindings: table(fc.array(maybe({ HostIp: word, HostPort: word }), { maxLength: 2 })),
    Mounts: fc.array(
      maybe({
        Type: fc.oneof(word, fc.constantFrom('bind', 'volume', 'tmpfs')),
        Source: word,
        Target: word,
        ReadOnly: fc.boolean(),
      }),
      { maxLength: 2 },
    ),
    CapAdd: words,
    CapDrop: words,
    SecurityOpt: words,
    Dns: words,
    ExtraHosts: words,
    GroupAdd: words,
    Memory: number,
    MemorySwap: number,
    NanoCpus: number,
    CpuShares: number,
    CpusetCpus: word,
    PidsLimit: number,
    ShmSize: number,
    OomScoreAdj: number,
    IpcMode: word,
    PidMode: word,
    UTSMode: word,
    CgroupParent: word,
    Sysctls: table(word),
    Init: fc.boolean(),
    ReadonlyRootfs: fc.boolean(),
    Ulimits: fc.array(maybe({ Name: word, Soft: number, Hard: number }), { maxLength: 2 }),
    RestartPolicy: maybe({ Name: fc.oneof(word, fc.constantFrom('no', 'on-failure')), MaximumRetryCount: number }),
    Devices: fc.array(maybe({ PathOnHost: word, PathInContainer: word, CgroupPermissions: word }), { maxLength: 2 }),
    LogConfig: maybe({ Type: word, Config: table(word) }),
    VolumesFrom: words,
  }),
  NetworkingConfig: maybe({
    EndpointsConfig: table(maybe({ Aliases: words, IPAMConfig: maybe({ IPv4Address: word }) })),
  }),
});

test('no configuration of a container brings the engine down', { timeout: 280_000 }, async () => {
  let made = 0;
  await fc.assert(
    fc.asyncProperty(containers, fc.boolean(), async (config, start) => {
      const { status, body } = await call(
        'POST',
        '/containers/create',
        JSON.stringify({ Image: 'busybox', ...config }),
      );
      assert.ok(status < 500 || status === 501, `${status} ${body} for ${JSON.stringify(config)}`);
      if (status !== 201) return;
      made++;
      const { Id } = JSON.parse(body.toString());
      assert.equal((await call('GET', `/containers/${Id}/json`)).status, 200);
      if (start && made < 40) await call('POST', `/containers/${Id}/start`);
      assert.equal((await call('DELETE', `/containers/${Id}?force=1&v=1`)).status, 204);
    }),
    { numRuns: 250, interruptAfterTimeLimit: 120_000, examples: found.map((config) => [config, true]) },
  );
  assert.equal((await call('GET', '/_ping')).status, 200);
  assert.doesNotMatch(engine.log(), /internal error/);
});

test('cp never leaves the container, whatever links it holds', async () => {
  const secret = join(engine.work, 'secret');
  writeFileSync(secret, 'of the host');
  const config = {
    Image: 'busybox',
    Cmd: [
      'sh',
      '-c',
      `ln -s ${engine.work} /away; ln -s ../../../../../..${engine.work} /up; ln -s / /self; sleep 300`,
    ],
  };
  const { Id } = JSON.parse((await call('POST', '/containers/create', JSON.stringify(config))).body.toString());
  await call('POST', `/containers/${Id}/start`);
  await new Promise((resolve) => setTimeout(resolve, 300));
  for (const path of [
    '/away/secret',
    '/up/secret',
    '/away/.',
    `/../../../..${secret}`,
    `/proc/self/root/${secret}`,
    '/self/self/away/secret',
  ]) {
    const { status, body } = await call('GET', `/containers/${Id}/archive?path=${encodeURIComponent(path)}`);
    assert.ok(status === 404 || !body.includes('of the host'), `${path}: ${status}`);
  }
  const evil = await bytesOf(
    writeTar([
      { header: { path: 'link', type: 'symlink', link: engine.work } },
      { header: { path: 'link/planted', type: 'file' }, body: Buffer.from('x') },
      { header: { path: `../../../..${engine.work}/planted`, type: 'file' }, body: Buffer.from('x') },
      { header: { path: `${engine.work}/planted`, type: 'file' }, body: Buffer.from('x') },
    ]),
  );
  for (const path of ['/tmp', '/away', '/up', '/self']) {
    await call('PUT', `/containers/${Id}/archive?path=${encodeURIComponent(path)}`, evil, 'application/x-tar');
  }
  assert.equal(existsSync(join(engine.work, 'planted')), false);
  await call('DELETE', `/containers/${Id}?force=1`);
});

test('cp is not led out while a component is swapped for a link', { timeout: 60_000 }, async () => {
  writeFileSync(join(engine.work, 'target'), 'of the host');
  const swap = `mkdir /d; echo inside > /d/target; while :; do mv /d /e; ln -s ${engine.work} /d; rm /d; mv /e /d; done`;
  const { Id } = JSON.parse(
    (
      await call('POST', '/containers/create', JSON.stringify({ Image: 'busybox', Cmd: ['sh', '-c', swap] }))
    ).body.toString(),
  );
  await call('POST', `/containers/${Id}/start`);
  let read = 0;
  // On a busy machine the folder may be long in coming, or away nearly always.
  for (let round = 0; round < 150 || (read === 0 && round < 5000); round++) {
    const { status, body } = await call('GET', `/containers/${Id}/archive?path=/d/target`);
    assert.ok(!body.includes('of the host'));
    if (status === 200) read++;
  }
  assert.ok(read > 0);
  for (let round = 0; round < 150; round++) {
    const planted = await bytesOf(writeTar([{ header: { path: 'planted2', type: 'file' }, body: Buffer.from('x') }]));
    await call('PUT', `/containers/${Id}/archive?path=/d`, planted, 'application/x-tar');
  }
  assert.equal(existsSync(join(engine.work, 'planted2')), false);
  await call('DELETE', `/containers/${Id}?force=1`);
});

test('a legitimate link inside the container works', async () => {
  const config = {
    Image: 'busybox',
    Cmd: ['sh', '-c', 'mkdir -p /run/x; rm -rf /var/run; ln -s /run /var/run; echo yes > /run/x/f; sleep 300'],
  };
  const { Id } = JSON.parse((await call('POST', '/containers/create', JSON.stringify(config))).body.toString());
  await call('POST', `/containers/${Id}/start`);
  await new Promise((resolve) => setTimeout(resolve, 300));
  const { status, body } = await call('GET', `/containers/${Id}/archive?path=/var/run/x/f`);
  assert.equal(status, 200);
  const names: string[] = [];
  for await (const { header } of readTar([body] as unknown as AsyncIterable<Uint8Array>)) names.push(header.path);
  assert.deepEqual(names, ['f']);
  await call('DELETE', `/containers/${Id}?force=1`);
});

test('a context that is no archive, is cut off or names a Dockerfile outside is refused', async () => {
  symlinkSync('/etc/passwd', join(engine.work, 'Dockerfile'));
  const outside = await bytesOf(writeTar([{ header: { path: 'Dockerfile', type: 'symlink', link: '/etc/passwd' } }]));
  const whole = await bytesOf(
    writeTar([{ header: { path: 'Dockerfile', type: 'file' }, body: Buffer.from('FROM busybox\n'.repeat(100)) }]),
  );
  for (const context of [outside, whole.subarray(0, 700), Buffer.from('\x1f\x8bnot gzip')]) {
    const { status, body } = await call('POST', '/build', context, 'application/x-tar');
    assert.ok(status >= 400 || body.includes('errorDetail'), `${status} ${body}`);
    assert.ok(!body.includes('root:'), body.toString());
  }
  assert.ok((await call('POST', '/build?dockerfile=../../../../etc/passwd', whole, 'application/x-tar')).status >= 400);
});

/** Nine megabytes of labels. */
const huge = () => Object.fromEntries(Array.from({ length: 300_000 }, (_, i) => [`label-${i}`, 'value-of-it']));
/** Between what a request may have and what a document may have. */
const large = () => ({ x: 'y'.repeat(1_500_000) });

test('documents beyond bounds are refused in a sentence, whatever brings them, and nothing of them is kept', async () => {
  const tar = await bytesOf(
    writeTar([{ header: { path: 'Dockerfile', type: 'file' }, body: Buffer.from('FROM busybox\n') }]),
  );
  await call('POST', '/containers/create?name=small', JSON.stringify({ Image: 'busybox', Cmd: ['true'] }));
  await call('POST', '/networks/create', JSON.stringify({ Name: 'small' }));
  const roads: Record<string, [path: string, (value: object) => object]> = {
    'labels of a volume': ['/volumes/create', (Labels) => ({ Name: 'huge', Labels })],
    'labels of a network': ['/networks/create', (Labels) => ({ Name: 'huge', Labels })],
    'options of a network': ['/networks/create', (Options) => ({ Name: 'huge', Options })],
    'labels of a container': ['/containers/create?name=huge', (Labels) => ({ Image: 'busybox', Labels })],
    'options of a log': [
      '/containers/create?name=huge',
      (Config) => ({ Image: 'busybox', HostConfig: { LogConfig: { Type: 'json-file', Config } } }),
    ],
    annotations: ['/containers/create?name=huge', (Annotations) => ({ Image: 'busybox', HostConfig: { Annotations } })],
    'aliases in a network': [
      '/networks/small/connect',
      (map) => ({ Container: 'small', EndpointConfig: { Aliases: Object.entries(map).flat() } }),
    ],
    'labels of a commit': ['/commit?container=small&repo=huge', (Labels) => ({ Labels })],
    'variables of an exec': [
      '/containers/small/exec',
      (map) => ({ Cmd: ['true'], Env: Object.entries(map).map(([name, value]) => `${name}=${value}`) }),
    ],
  };
  for (const [what, [path, body]] of Object.entries(roads))
    for (const [map, words] of [
      [huge(), /request body is larger than 2097152 bytes/],
      [large(), /too large|invalid|unknown|not running/],
    ] as const) {
      const answer = await call('POST', path, JSON.stringify(body(map)));
      assert.ok(answer.status >= 400 && answer.status < 500, `${what}: ${answer.status} ${answer.body}`);
      assert.match(String(answer.body), words, what);
    }
  const inAddress = (name: string, length: number) => `${name}=${encodeURIComponent('x'.repeat(length))}`;
  for (const path of [
    '/build?buildargs=%7B%22A%22%3A%22%22%7D&',
    '/commit?container=small&repo=huge&',
    '/images/create?fromSrc=-&repo=huge&',
  ]) {
    const answer = await call(
      'POST',
      `${path}${inAddress('changes', 1_100_000)}`,
      path.startsWith('/commit') ? '{}' : tar,
    );
    assert.equal(answer.status, 431, path);
    assert.match(String(answer.body), /larger than 1048576 bytes/);
  }
  // What Docker takes is taken: a hundred kilobytes of arguments in an address.
  const fair = `/build?buildargs=${encodeURIComponent(JSON.stringify({ A: 'x'.repeat(100_000) }))}`;
  assert.equal((await call('POST', fair, tar, 'application/x-tar')).status, 200);
  for (const path of ['/containers/json?all=1', '/networks', '/volumes', '/images/json?all=1'])
    assert.doesNotMatch(String((await call('GET', path)).body), /huge/, path);
});
