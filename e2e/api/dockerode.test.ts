/** A third-party client, dockerode, against a real engine: the calls that Testcontainers and editors make. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { createInterface } from 'node:readline';
import { PassThrough, Readable } from 'node:stream';
import { buffer, text } from 'node:stream/consumers';
import { after, before, test } from 'node:test';
import Docker from 'dockerode';
import { readTar, writeTar } from '../../src/layer/index.ts';
import { dockerKeys } from '../fixtures/docker-keys.ts';
import { startEngine, type TestEngine } from '../harness/engine.ts';
import { until } from '../harness/until.ts';

let engine: TestEngine;
let docker: Docker;
before(async () => {
  engine = await startEngine({ bases: ['busybox'] });
  docker = new Docker({ socketPath: engine.socket });
});
after(() => engine?.stop());

test('everything that is done to a container is told with what Docker tells', async () => {
  const since = Date.now() / 1000;
  await engine.docker(['volume', 'create', 'told-v']);
  const run = ['run', '-d', '--name', 'told', '-v', 'told-v:/data:ro', '--label', 'a=b', 'busybox', 'sleep', '1000'];
  await engine.docker(run);
  await engine.docker(['exec', 'told', 'true']);
  await engine.docker(['exec', 'told', 'absent', '1'], { accept: [127] });
  await engine.docker(['top', 'told']);
  await engine.docker(['cp', 'told:/etc/passwd', engine.work]);
  await engine.docker(['cp', `${engine.work}/passwd`, 'told:/tmp/']);
  await engine.docker(['export', '-o', `${engine.work}/told.tar`, 'told']);
  await engine.docker(['commit', '-m', 'why', 'told', 'told-image:1']);
  await engine.docker(['import', `${engine.work}/told.tar`, 'told-import:1']);
  await engine.docker(['rename', 'told', 'told-2']);
  await engine.docker(['stop', '-t', '0', 'told-2']);
  await engine.docker(['rm', 'told-2']);
  const { stdout } = await engine.docker([
    'events',
    '--since',
    String(since),
    '--until',
    '-1s',
    '--format',
    '{{.Type}} {{.Action}} {{json .Actor.Attributes}}',
  ]);
  const plain = stdout.replace(/[0-9a-f]{64}/g, 'ID').replace(/"execDuration":"\d+"/, '"execDuration":"N"');
  const lines = plain
    .trim()
    .split('\n')
    .filter((line) => !/^network |kill /.test(line));
  const of = (more: string, name = 'told') => `{"a":"b"${more},"image":"busybox","name":"${name}"}`;
  const exec = (more: string) => `{"a":"b","execID":"ID"${more},"image":"busybox","name":"told"}`;
  const mounted =
    'volume mount {"container":"ID","destination":"/data","driver":"local","propagation":"","read/write":"false"}';
  const unmounted = 'volume unmount {"container":"ID","driver":"local"}';
  const lookAt = (...told: readonly string[]) => [mounted, ...told, unmounted];
  assert.deepEqual(lines, [
    'volume create {"driver":"local"}',
    `container create ${of('')}`,
    mounted,
    `container start ${of('')}`,
    // There is a blank after a command without arguments, as with Docker.
    `container exec_create: true  ${exec('')}`,
    `container exec_start: true  ${exec('')}`,
    `container exec_die ${exec(',"exitCode":"0"')}`,
    `container exec_create: absent 1 ${exec('')}`,
    `container exec_start: absent 1 ${exec('')}`,
    `container top ${of('')}`,
    ...lookAt(`container archive-path ${of('')}`),
    ...lookAt(),
    ...lookAt(`container extract-to-dir ${of('')}`),
    `container export ${of('')}`,
    `container pause ${of('')}`,
    'image create {"a":"b","name":"sha256:ID"}',
    'image tag {"a":"b","name":"told-image:1"}',
    'container commit {"a":"b","comment":"why","image":"busybox","imageID":"sha256:ID","imageRef":"told-image:1","name":"told"}',
    `container unpause ${of('')}`,
    'image tag {"name":"told-import:1"}',
    'image import {"name":"sha256:ID"}',
    'container rename {"a":"b","image":"busybox","name":"told-2","oldName":"/told"}',
    unmounted,
    'container die {"a":"b","execDuration":"N","exitCode":"137","image":"busybox","name":"told-2"}',
    `container stop ${of('', 'told-2')}`,
    `container destroy ${of('', 'told-2')}`,
  ]);
  const backwards = await engine.docker(['events', '--since', '20', '--until', '10'], { accept: [1] });
  assert.match(backwards.stderr, /`since` time \(20\S*\) cannot be after `until` time \(10\S*\)/);
});

test('events of an image have its labels, and are found by them', async () => {
  const since = Math.floor(Date.now() / 1000);
  const context = archive({ Dockerfile: 'FROM busybox\nLABEL told=yes name=other\n' });
  await text(await docker.buildImage(context, { t: 'told-labels:1' }));
  await docker.getImage('told-labels:1').tag({ repo: 'told-labels', tag: '2' });
  const saved = await buffer(await docker.getImage('told-labels:1').get());
  for (const tag of ['1', '2']) await docker.getImage(`told-labels:${tag}`).remove();
  await text(await docker.loadImage(Readable.from([saved])));
  await docker.getImage('told-labels:1').remove();
  const filters = JSON.stringify({ type: ['image'], label: ['told=yes'] });
  const stream = await docker.getEvents({ since, until: Math.ceil(Date.now() / 1000), filters });
  const events = (await text(stream))
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  const names = events.map(({ Action, Actor: { Attributes } }) => [
    Action,
    Attributes.name.replace(/:[0-9a-f]{64}/, ''),
  ]);
  assert.deepEqual(names, [
    ['create', 'sha256'],
    ['tag', 'told-labels:1'],
    ['tag', 'told-labels:2'],
    ['save', 'sha256'],
    ['untag', 'sha256'],
    ['untag', 'sha256'],
    ['load', 'sha256'],
    ['untag', 'sha256'],
  ]);
});

test('volumes that come and go with a container are told, and a start that fails is no end', async () => {
  const since = Date.now() / 1000;
  await engine.docker(['create', '--name', 'passing', '-v', '/v', 'busybox', 'true']);
  await engine.docker(['rm', '-v', 'passing']);
  await engine.docker(['run', '--name', 'failing', 'busybox', 'absent'], { accept: [127] });
  await engine.docker(['rm', 'failing']);
  const { stdout } = await engine.docker([
    'events',
    '--since',
    String(since),
    '--until',
    '-1s',
    '--format',
    '{{.Type}} {{.Action}}',
  ]);
  assert.deepEqual(stdout.trim().split('\n'), [
    'volume create',
    'container create',
    'volume destroy',
    'container destroy',
    'container create',
    'container attach',
    'network disconnect',
    'container destroy',
  ]);
});

for (const [what, dockerfile, query, status] of [
  ['a missing file', 'FROM busybox\nCOPY absent /\n', '', 200],
  ['a missing base', 'FROM 127.0.0.1:1/absent\n', '', 200],
  ['a failing step', 'FROM busybox\nRUN exit 3\n', '', 200],
  ['a broken file', 'FROM busybox\nCPOY a b\n', '', 400],
  ['a missing stage', 'FROM busybox\n', '?target=absent', 400],
] as const)
  test(`the classic build answers ${status} to ${what}, where Docker does`, async () => {
    const sent = request({ socketPath: engine.socket, method: 'POST', path: `/build${query}`, agent: false });
    archive({ Dockerfile: dockerfile }).pipe(sent);
    const [answer] = (await once(sent, 'response')) as [IncomingMessage];
    const body = await text(answer);
    assert.equal(answer.statusCode, status, body);
    if (status === 200) assert.match(body.trim().split('\n').at(-1)!, /^\{"errorDetail":\{.*"error":/);
    else assert.match(body, /^\{"message":/);
  });

function archive(files: Readonly<Record<string, string>>): NodeJS.ReadableStream {
  const entries = Object.entries(files).map(([path, content]) => ({
    header: { path, type: 'file' as const },
    body: Buffer.from(content),
  }));
  const stream = new PassThrough();
  void (async () => {
    for await (const chunk of writeTar(entries)) stream.write(chunk);
    stream.end();
  })();
  return stream;
}

interface Message {
  readonly stream?: string;
  readonly aux?: { readonly ID?: string };
  readonly error?: string;
  readonly errorDetail?: { readonly code?: number };
}

async function messages(stream: NodeJS.ReadableStream): Promise<Message[]> {
  return await new Promise((resolve, reject) =>
    docker.modem.followProgress(stream, (error, output) => (error ? reject(error) : resolve(output))),
  );
}

/** Both streams of a multiplexed connection, when it has ended. */
async function demux(stream: NodeJS.ReadableStream): Promise<{ stdout: string; stderr: string }> {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  docker.modem.demuxStream(stream, stdout, stderr);
  stream.on('end', () => {
    stdout.end();
    stderr.end();
  });
  const [out, error] = await Promise.all([text(stdout), text(stderr)]);
  return { stdout: out, stderr: error };
}

test('ping, version and info', async () => {
  assert.equal(String(await docker.ping()), 'OK');
  assert.equal((await docker.version()).ApiVersion, '1.51');
  assert.equal((await docker.info()).OSType, 'linux');
});

test('an image is built from a tar that is streamed', async () => {
  const context = archive({ Dockerfile: 'FROM busybox\nCOPY a /a\nRUN cat /a\nCMD ["cat", "/a"]\n', a: 'content\n' });
  const told = await messages(await docker.buildImage(context, { t: 'rode:1' }));
  assert.ok(told.some(({ stream }) => stream === 'content\n'));
  assert.ok(told.some(({ aux }) => aux?.ID?.startsWith('sha256:')));
  const image = await docker.getImage('rode:1').inspect();
  assert.deepEqual(image.Config.Cmd, ['cat', '/a']);
  assert.equal((await docker.getImage('rode:1').history()).length > 2, true);
});

test('a build that fails says so in its stream', async () => {
  const context = archive({ Dockerfile: 'FROM busybox\nRUN exit 9\n' });
  const last = (await messages(await docker.buildImage(context, {}))).at(-1)!;
  assert.equal(last.errorDetail?.code, 9);
  assert.match(last.error ?? '', /exit code: 9/);
});

test('run gives output and exit code', async () => {
  const out = new PassThrough();
  const collected = text(out);
  const [{ StatusCode }, container] = await docker.run('rode:1', [], out, { HostConfig: {} });
  out.end();
  assert.equal(StatusCode, 0);
  assert.match(await collected, /content/);
  await container.remove();
});

test('an attached container takes input until its client closes it', async () => {
  const container = await docker.createContainer({
    Image: 'busybox',
    Cmd: ['sh', '-c', 'cat; echo done >&2; exit 5'],
    OpenStdin: true,
    StdinOnce: true,
    AttachStdin: true,
  });
  const stream = await container.attach({ stream: true, stdin: true, stdout: true, stderr: true, hijack: true });
  const output = demux(stream);
  const ended = container.wait({ condition: 'next-exit' });
  await container.start();
  stream.write('to be echoed\n');
  stream.end();
  assert.deepEqual(await output, { stdout: 'to be echoed\n', stderr: 'done\n' });
  assert.equal((await ended).StatusCode, 5);
  await container.remove();
});

test('a container is looked into: inspect, logs, exec, top, stats, changes, archive', async () => {
  const container = await docker.createContainer({
    name: 'looked-at',
    Image: 'busybox',
    Cmd: ['sh', '-c', 'echo out; echo err >&2; exec sleep 300'],
    Labels: { role: 'test' },
  });
  await container.start();
  try {
    const { State, NetworkSettings, Name } = await container.inspect();
    assert.equal(State.Running, true);
    assert.equal(Name, '/looked-at');
    assert.match(NetworkSettings.Networks['bridge']!.IPAddress, /^10\./);
    const listed = await docker.listContainers({ filters: { label: ['role=test'] } });
    assert.deepEqual(
      listed.map(({ Names }) => Names),
      [['/looked-at']],
    );

    await new Promise((resolve) => setTimeout(resolve, 200));
    const logs = await container.logs({ stdout: true, stderr: true, follow: false });
    assert.deepEqual(logs.subarray(0, 12), Buffer.from('\x01\0\0\0\0\0\0\x04out\n', 'latin1'));

    const exec = await container.exec({
      Cmd: ['sh', '-c', 'read x; echo got $x; exit 4'],
      AttachStdin: true,
      AttachStdout: true,
      AttachStderr: true,
    });
    assert.deepEqual((await container.inspect()).ExecIDs, [exec.id]);
    const stream = await exec.start({ hijack: true, stdin: true });
    const output = demux(stream);
    stream.write('word\n');
    assert.deepEqual(await output, { stdout: 'got word\n', stderr: '' });
    assert.equal((await exec.inspect()).ExitCode, 4);
    assert.equal((await container.inspect()).ExecIDs, null);

    const plain = await container.exec({ Cmd: ['echo', 'plain'], AttachStdout: true });
    assert.equal((await demux(await plain.start({}))).stdout, 'plain\n');

    const terminal = await container.exec({ Cmd: ['tty'], AttachStdout: true, Tty: true });
    assert.match(await text(await terminal.start({ Tty: true })), /^\/dev\/pts\/\d+\r\n$/);

    assert.ok((await container.top()).Processes.some((row: string[]) => row.at(-1) === 'sleep 300'));
    const stats = await container.stats({ stream: false });
    assert.ok(stats.memory_stats.usage > 0);
    assert.ok(Date.parse(stats.preread as unknown as string) > 0);

    await container.putArchive(archive({ 'new/file': 'copied\n' }), { path: '/tmp' });
    const names: string[] = [];
    for await (const entry of readTar((await container.getArchive({ path: '/tmp/new' })) as never)) {
      names.push(entry.header.path);
      if (entry.header.type === 'file') assert.equal(await text(entry.body), 'copied\n');
    }
    assert.deepEqual(names, ['new/', 'new/file']);
    assert.ok(
      (await container.changes()).some(
        ({ Path, Kind }: { Path: string; Kind: number }) => Path === '/tmp/new/file' && Kind === 1,
      ),
    );
    await assert.rejects(container.getArchive({ path: '/nope' }), { statusCode: 404 });
    await assert.rejects(container.putArchive(archive({ x: '' }), { path: '/etc/passwd' }), { statusCode: 400 });
  } finally {
    await container.remove({ force: true });
  }
});

test('a log is followed to the end of its container', async () => {
  const container = await docker.createContainer({
    Image: 'busybox',
    Cmd: ['sh', '-c', 'for i in 1 2 3; do echo $i; sleep 0.2; done'],
  });
  await container.start();
  const followed = await container.logs({ stdout: true, follow: true });
  assert.equal((await demux(followed)).stdout, '1\n2\n3\n');
  await container.remove({ force: true });
});

test('networks and volumes are made, listed and removed', async () => {
  const network = await docker.createNetwork({ Name: 'rode-net', Labels: { made: 'here' } });
  const { Driver, Labels } = await network.inspect();
  assert.deepEqual({ Driver, Labels }, { Driver: 'bridge', Labels: { made: 'here' } });
  assert.equal((await docker.listNetworks({ filters: { label: ['made=here'] } })).length, 1);
  const volume = await docker.createVolume({ Name: 'rode-volume' });
  assert.equal((await volume.inspect()).Name, 'rode-volume');
  const container = await docker.createContainer({
    Image: 'busybox',
    Cmd: ['sleep', '300'],
    HostConfig: { NetworkMode: 'rode-net', Mounts: [{ Type: 'volume', Source: 'rode-volume', Target: '/data' }] },
    NetworkingConfig: { EndpointsConfig: { 'rode-net': { Aliases: ['other-name'] } as Docker.EndpointSettings } },
  });
  await container.start();
  assert.ok((await container.inspect()).NetworkSettings.Networks['rode-net']!.IPAddress);
  assert.equal(Object.keys((await network.inspect()).Containers ?? {}).length, 1);
  await assert.rejects(network.remove(), { statusCode: 403 });
  await assert.rejects(docker.getVolume('rode-volume').remove(), { statusCode: 409 });
  await container.remove({ force: true });
  await docker.getVolume('rode-volume').remove();
  await network.remove();
  await assert.rejects(network.inspect(), { statusCode: 404 });
});

test('events arrive while things happen', async () => {
  const stream = await docker.getEvents({ filters: { type: ['container'], label: ['watched=yes'] } });
  const seen: string[] = [];
  let rest = '';
  stream.on('data', (data: Buffer) => {
    const lines = (rest + data.toString()).split('\n');
    rest = lines.pop()!;
    for (const line of lines) seen.push(JSON.parse(line).Action);
  });
  const container = await docker.createContainer({ Image: 'busybox', Cmd: ['true'], Labels: { watched: 'yes' } });
  await container.start();
  await container.wait();
  await container.remove();
  await until('the container is told as destroyed', () => seen.includes('destroy'));
  assert.deepEqual(seen, ['create', 'start', 'die', 'destroy']);
  (stream as unknown as { destroy(): void }).destroy();
});

test('errors carry the status that clients decide by', async () => {
  await assert.rejects(docker.getContainer('nope').inspect(), { statusCode: 404 });
  await assert.rejects(docker.getImage('nope').inspect(), { statusCode: 404 });
  await assert.rejects(docker.createContainer({ Image: 'nope' }), { statusCode: 404 });
  await assert.rejects(docker.createContainer({ Image: 'busybox', name: 'a/b' }), { statusCode: 400 });
  const container = await docker.createContainer({ Image: 'rode:1', name: 'taken', Cmd: ['sleep', '300'] });
  await assert.rejects(docker.createContainer({ Image: 'busybox', name: 'taken' }), { statusCode: 409 });
  await assert.rejects(container.kill(), { statusCode: 409 });
  await container.start();
  await assert.rejects(container.start(), { statusCode: 304 });
  await assert.rejects(container.remove(), { statusCode: 409 });
  await assert.rejects(docker.getImage('rode:1').remove(), { statusCode: 409 });
  await container.kill();
  await container.wait();
  await assert.rejects(container.stop(), { statusCode: 304 });
  await container.remove();
});

test('images go out and in as archives, under several names', async () => {
  await docker.getImage('busybox').tag({ repo: 'rode-copy', tag: 'x' });
  const saved = await docker.getImage('rode-copy:x').get();
  const bytes: Buffer[] = [];
  for await (const chunk of saved as AsyncIterable<Buffer>) bytes.push(chunk);
  await docker.getImage('rode-copy:x').remove();
  const source = new PassThrough();
  source.end(Buffer.concat(bytes));
  const loaded = await text(await docker.loadImage(source));
  assert.match(loaded, /Loaded image: rode-copy:x/);
  assert.ok((await docker.listImages({ filters: { reference: ['rode-copy'] } })).length === 1);
  await docker.getImage('rode-copy:x').remove();
});

test('a client that leaves in the middle leaves nothing behind', async () => {
  const container = await docker.createContainer({
    Image: 'busybox',
    Cmd: ['sh', '-c', 'while :; do echo x; sleep 0.05; done'],
  });
  await container.start();
  for (let round = 0; round < 20; round++) {
    const stream = await container.attach({ stream: true, stdout: true, hijack: true });
    await once(stream, 'data');
    (stream as unknown as { destroy(): void }).destroy();
    const logs = (await container.logs({ follow: true, stdout: true })) as unknown as NodeJS.ReadableStream & {
      destroy(): void;
    };
    await once(logs, 'data');
    logs.destroy();
  }
  const { readdirSync } = await import('node:fs');
  await until('descriptors are closed', () => readdirSync(`/proc/${engine.pid()}/fd`).length <= 70);
  await container.remove({ force: true });
});

type KitMessage = { readonly id?: string; readonly aux?: unknown; readonly error?: string };

/** The messages of a build by BuildKit, and whether there were traces of its steps among them. */
async function byBuildKit(
  files: Readonly<Record<string, string>>,
  options: object = {},
  onTrace: (trace: string) => void = () => {},
) {
  const answer: NodeJS.ReadableStream = await docker.buildImage(archive(files), { version: '2', ...options });
  const others: KitMessage[] = [];
  let traced = false;
  for await (const line of createInterface({ input: answer })) {
    const message = JSON.parse(line) as KitMessage;
    if (message.id !== 'moby.buildkit.trace') others.push(message);
    else {
      traced = true;
      onTrace(Buffer.from(String(message.aux), 'base64').toString('latin1'));
    }
  }
  return { traced, last: others.at(-1), others };
}

const failing: readonly (readonly [string, Readonly<Record<string, string>>, object, RegExp])[] = [
  ['a failing RUN', { Dockerfile: 'FROM busybox\nRUN exit 7\n' }, {}, /did not complete successfully: exit code: 7$/],
  [
    'a bad Dockerfile',
    { Dockerfile: 'FROM busybox\nRUNN x\n' },
    {},
    /^dockerfile parse error on line 2: unknown instr/,
  ],
  ['no Dockerfile', { other: 'x' }, {}, /^failed to read dockerfile: open Dockerfile: no such file or directory$/],
  ['no such target', { Dockerfile: 'FROM busybox\n' }, { target: 'nope' }, /^target stage "nope" could not be found$/],
  ['an absent file', { Dockerfile: 'FROM busybox\nCOPY nope /\n' }, {}, /"\/nope": not found$/],
  ['an absent base', { Dockerfile: 'FROM 127.0.0.1:1/none\n' }, {}, /connection refused/],
];
for (const [what, files, options, message] of failing)
  test(`a build by BuildKit tells in its stream of ${what}`, async () => {
    const { traced, others, last } = await byBuildKit(files, options);
    assert.ok(traced);
    assert.equal(others.length, 1);
    assert.match(last?.error ?? '', message);
    assert.deepEqual(last, { errorDetail: { message: last?.error }, error: last?.error });
  });

test('a build by BuildKit names its image, and answers with the id', async () => {
  const { traced, others } = await byBuildKit({ Dockerfile: 'FROM busybox\nLABEL a=b\n' }, { t: 'rode-kit:1' });
  assert.ok(traced);
  const { Id, Config } = await docker.getImage('rode-kit:1').inspect();
  assert.deepEqual(others, [{ id: 'moby.image.id', aux: { ID: Id } }]);
  assert.deepEqual(Config.Labels, { a: 'b' });
});

test('a build by BuildKit is cancelled by the id that its client gave it', async () => {
  const files = { Dockerfile: 'FROM busybox\nRUN echo under; echo way; sleep 600\n' };
  const { last } = await byBuildKit(files, { buildid: 'to-cancel' }, (trace) => {
    if (!trace.includes('under\n')) return;
    request({ socketPath: engine.socket, method: 'POST', path: '/build/cancel?id=to-cancel' }, (answer) =>
      answer.resume(),
    ).end();
  });
  assert.match(last?.error ?? '', /context canceled/);
});

/** Keys of Docker's that have no meaning here, by their path: see docs/DIFFERENCES.md. */
const meaningless = [
  '/info Containerd',
  '/version BuildTime',
  '/images/cmpimg/json GraphDriver.Data.MergedDir',
  '/images/cmpimg/json GraphDriver.Data.WorkDir',
  // Of each runtime, what it could do by the specification.
  '/info Runtimes.*.status',
];
const isMeaningless = (line: string) => meaningless.some((one) => line === one || line.startsWith(`${one}.`));

/** `a(b [](c)) d` as the paths `a`, `a.b`, `a.[].c`, `d`. */
function keyPaths(text: string): string[] {
  const at: string[] = [];
  const out: string[] = [];
  for (const [, name, mark] of text.matchAll(/([^\s()]+)|([()])/g)) {
    if (name !== undefined) out.push([...at, name].join('.'));
    else if (mark === '(') at.push(out.at(-1)!.split('.').slice(at.length).join('.'));
    else at.pop();
  }
  return out;
}

/** Whether some value lies at the path: of elements and free keys any one will do. */
function has(value: unknown, [key, ...rest]: readonly string[]): boolean {
  if (key === undefined) return true;
  if (typeof value !== 'object' || value === null) return false;
  if (key === '*' || key === '[]') return Object.values(value).some((inner) => has(inner, rest));
  return Object.hasOwn(value, key) && has((value as Record<string, unknown>)[key], rest);
}

test('answers have every key that Docker’s have', async () => {
  await engine.docker(['network', 'create', '--label', 'a=b', 'cmpnet']);
  await engine.docker(['volume', 'create', '--label', 'a=b', 'cmpvol']);
  const health = ['--health-cmd', 'true', '--health-interval', '1s'];
  const options = ['-p', '0:80', '-v', 'cmpvol:/v', '--tmpfs', '/t', '-m', '100m', '--network', 'cmpnet', ...health];
  const { stdout } = await engine.docker(['run', '-d', '--name', 'cmp', ...options, 'busybox', 'sleep', '1000']);
  await engine.docker(['run', '--name', 'cmp3', 'busybox', 'true']);
  await engine.docker(['build', '-t', 'cmpimg', '-'], { input: 'FROM busybox\nRUN echo x > /x\nLABEL a=b\n' });
  await until(
    'it is healthy',
    async () => (await docker.getContainer('cmp').inspect()).State.Health?.Status === 'healthy',
  );
  const exec = await docker.getContainer(stdout.trim()).exec({ Cmd: ['true'] });
  const lacking: string[] = [];
  for (const [path, keys] of Object.entries(dockerKeys)) {
    const answer = await ask('GET', `/v1.51${path.replace('/exec/X', `/exec/${exec.id}`)}`);
    for (const key of keyPaths(keys))
      if (!has(answer, key.split('.')) && !isMeaningless(`${path} ${key}`)) lacking.push(`${path} ${key}`);
  }
  assert.deepEqual(lacking, []);
  await engine.docker(['rm', '-f', 'cmp', 'cmp3']);
});

async function ask(method: string, path: string): Promise<unknown> {
  const sent = request({ socketPath: engine.socket, method, path, agent: false });
  const [answer] = (await once(sent.end(), 'response')) as [IncomingMessage];
  return JSON.parse(await text(answer));
}
