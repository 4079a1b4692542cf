import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { Agent, request as httpRequest } from 'node:http';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import type { InjectOptions } from 'fastify';
import { StrataError } from '../errors/index.ts';
import { createApi } from './api.ts';
import { createTestBackend, type TestBackend } from './testing/backend.ts';
import type { Api } from './types.ts';

let backend: TestBackend;
let api: Api;
let dir: string;

beforeEach(() => {
  backend = createTestBackend();
  api = createApi(backend);
  dir = mkdtempSync(join(tmpdir(), 'strata-api-'));
});

afterEach(async () => {
  await api.close();
  rmSync(dir, { recursive: true, force: true });
});

interface Answer {
  readonly status: number;
  // biome-ignore lint/suspicious/noExplicitAny: the shape is what the test is about
  readonly json: any;
  readonly headers: Record<string, string>;
  readonly text: string;
}

async function call(method: string, url: string, body?: unknown): Promise<Answer> {
  const options: InjectOptions = { method: method as 'GET', url };
  if (body !== undefined)
    Object.assign(options, { payload: JSON.stringify(body), headers: { 'content-type': 'application/json' } });
  const answer = await api.inject(options);
  const text = answer.body;
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    json = undefined;
  }
  return { status: answer.statusCode, json, headers: answer.headers as Record<string, string>, text };
}

async function listen(): Promise<string> {
  const socketPath = join(dir, 'api.sock');
  await api.listen({ socketPath, mode: 0o600 });
  return socketPath;
}

/** Everything that comes back for raw bytes on a fresh connection; `talk` may go on once something came. */
function raw(
  socketPath: string,
  bytes: string,
  talk: (socket: Socket, soFar: string) => void = () => {},
): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(socketPath);
    let text = '';
    socket.write(bytes);
    socket.on('data', (data) => {
      text += data.toString('latin1');
      talk(socket, text);
    });
    socket.on('close', () => resolve(text));
    socket.on('error', reject);
  });
}

test('a ping tells the version of the API and of the builder', async () => {
  for (const method of ['GET', 'HEAD']) {
    const { status, headers, text } = await call(method, '/_ping');
    assert.equal(status, 200);
    assert.equal(text, method === 'GET' ? 'OK' : '');
    assert.equal(headers['api-version'], '1.51');
    assert.equal(headers['docker-experimental'], 'false');
    assert.equal(headers['ostype'], 'linux');
    assert.equal(headers['builder-version'], '1');
    assert.match(headers['server'] ?? '', /^Strata\/\S+ \(linux\)$/);
    assert.equal(headers['cache-control'], 'no-cache, no-store, must-revalidate');
  }
});

test('every answer is JSON of the plain type that old clients compare', async () => {
  for (const url of ['/info', '/version', '/nosuch', '/containers/nope/json']) {
    assert.equal((await call('GET', url)).headers['content-type'], 'application/json');
  }
});

test('versions of the API are taken off the path and checked', async () => {
  assert.equal((await call('GET', '/v1.24/info')).status, 200);
  assert.deepEqual((await call('GET', '/v1.52/info')).json, {
    message: 'client version 1.52 is too new. Maximum supported API version is 1.51',
  });
  assert.equal((await call('GET', '/v1.10/info')).status, 400);
  assert.equal((await call('GET', '/v1.abc/info')).status, 404);
});

test('unknown paths and methods are not found', async () => {
  assert.deepEqual((await call('GET', '/nosuch')).json, { message: 'page not found' });
  assert.equal((await call('PATCH', '/info')).status, 404);
  assert.equal((await call('HEAD', '/info')).status, 404);
});

test('a field of another type is refused by name', async () => {
  const { status, json } = await call('POST', '/containers/create', {
    Image: 'busybox',
    HostConfig: { Memory: 'much' },
  });
  assert.equal(status, 400);
  assert.equal(json.message, 'invalid JSON: cannot unmarshal string into field HostConfig.Memory of type integer');
});

test('null is the same as absent, names match in any case, unknown fields are ignored', async () => {
  const { status } = await call('POST', '/containers/create?name=/x', {
    image: 'busybox',
    Cmd: null,
    Healthcheck: null,
    HostConfig: { Binds: null, PortBindings: { '80/tcp': null }, RestartPolicy: null },
    NetworkingConfig: null,
    NoSuchField: { deep: [1] },
  });
  assert.equal(status, 201);
  const spec = backend.seen.create[0]!;
  assert.equal(spec.name, 'x');
  assert.deepEqual(spec.config, { Image: 'busybox' });
  assert.deepEqual(spec.host, { PortBindings: { '80/tcp': [] } });
});

test('a body of the wrong type, broken or missing is refused', async () => {
  const post = (payload: string | undefined, type: string) =>
    api.inject({
      method: 'POST',
      url: '/containers/create',
      ...(payload !== undefined && { payload }),
      headers: { 'content-type': type },
    });
  assert.match((await post('{}', 'text/plain')).body, /unsupported Content-Type header \(text\/plain\)/);
  assert.match((await post('{bad', 'application/json')).body, /invalid JSON/);
  assert.match((await post('[]', 'application/json')).body, /cannot unmarshal array/);
  assert.match((await post('null', 'application/json')).body, /config cannot be empty/);
  assert.match((await post(undefined, 'application/json')).body, /got EOF while reading request body/);
});

test('names with slashes reach the image', async () => {
  assert.equal((await call('GET', '/images/library/busybox:latest/json')).status, 200);
  assert.equal((await call('GET', '/images/library%2Fbusybox:latest/json')).status, 200);
  assert.equal((await call('GET', '/images/busybox/history')).json[0].CreatedBy, 'made');
  assert.deepEqual((await call('GET', '/images/a/b/c:1/json')).json, { message: 'No such image: a/b/c:1' });
  assert.equal((await call('GET', '/images/busybox/nosuch')).status, 404);
});

test('the fields of an image change with the version', async () => {
  assert.equal((await call('GET', '/v1.43/images/json')).json[0].VirtualSize, 7);
  assert.ok(!('VirtualSize' in (await call('GET', '/v1.44/images/json')).json[0]));
  assert.equal((await call('GET', '/v1.44/images/busybox/json')).json.ContainerConfig.Volumes, null);
  assert.ok(!('ContainerConfig' in (await call('GET', '/v1.45/images/busybox/json')).json));
});

test('a container of another platform is not made from the image', async () => {
  const { status, json } = await call('POST', '/containers/create?platform=linux/arm64', { Image: 'busybox' });
  assert.equal(status, 404);
  assert.match(json.message, /its platform \(linux\/amd64\) does not match the specified platform \(linux\/arm64\)/);
});

test('filters come in two forms, unknown ones are refused', async () => {
  await call('POST', '/containers/create', { Image: 'busybox', Labels: { a: 'b' } });
  const list = async (filters: unknown) =>
    await call('GET', `/containers/json?all=1&filters=${encodeURIComponent(JSON.stringify(filters))}`);
  assert.equal((await list({ label: ['a=b'] })).json.length, 1);
  assert.equal((await list({ label: { 'a=b': true } })).json.length, 1);
  assert.equal((await list({ label: ['a=c'] })).json.length, 0);
  assert.deepEqual((await list({ foo: ['a'] })).json, { message: "invalid filter 'foo'" });
  assert.match(
    (await list({ status: ['a'] })).json.message,
    /^invalid filter 'status=a': invalid value for state \(a\)/,
  );
  assert.equal((await list([1])).status, 400);
});

test('starting twice changes nothing', async () => {
  const { Id } = (await call('POST', '/containers/create', { Image: 'busybox' })).json;
  assert.equal((await call('POST', `/containers/${Id}/start`)).status, 204);
  assert.equal((await call('POST', `/containers/${Id}/start`)).status, 304);
});

test('stopping what does not run changes nothing', async () => {
  const { Id } = (await call('POST', '/containers/create', { Image: 'busybox' })).json;
  assert.equal((await call('POST', `/containers/${Id}/stop`)).status, 304);
});

test('logs are framed by stream, and stamped where asked', async () => {
  const { Id } = (await call('POST', '/containers/create', { Image: 'busybox' })).json;
  const { headers } = await call('GET', `/containers/${Id}/logs?stdout=1&stderr=1`);
  assert.equal(headers['content-type'], 'application/vnd.docker.multiplexed-stream');
  const { rawPayload } = await api.inject(`/containers/${Id}/logs?stdout=1&stderr=1&timestamps=1`);
  const stamp = '2026-01-01T00:00:00.000000001Z ';
  const one = Buffer.concat([Buffer.from([1, 0, 0, 0, 0, 0, 0, stamp.length + 4]), Buffer.from(`${stamp}one\n`)]);
  assert.deepEqual(rawPayload.subarray(0, one.length), one);
  assert.equal(rawPayload[one.length], 2);
  assert.match((await call('GET', `/containers/${Id}/logs`)).json.message, /at least one stream/);
});

test('an upgraded attach joins both directions, and half-close ends the input only', async () => {
  const { Id } = (await call('POST', '/containers/create', { Image: 'busybox', OpenStdin: true, StdinOnce: true }))
    .json;
  const socketPath = await listen();
  const head = `POST /v1.51/containers/${Id}/attach?stream=1&stdin=1&stdout=1&stderr=1 HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\nearly\n`;
  let asked = false;
  const text = await raw(socketPath, head, (socket, soFar) => {
    if (asked || !soFar.includes('EARLY')) return;
    asked = true;
    socket.end('late\n');
  });
  const [headers, body] = [text.slice(0, text.indexOf('\r\n\r\n')), text.slice(text.indexOf('\r\n\r\n') + 4)];
  assert.match(headers, /^HTTP\/1\.1 101 UPGRADED\r\n/);
  assert.match(headers, /Content-Type: application\/vnd\.docker\.multiplexed-stream/);
  assert.match(headers, /Upgrade: tcp/);
  assert.match(headers, /Api-Version: 1\.51/);
  assert.equal(
    body,
    '\x01\0\0\0\0\0\0\x06ready\n\x01\0\0\0\0\0\0\x06EARLY\n\x01\0\0\0\0\0\0\x05LATE\n\x02\0\0\0\0\0\0\x07closed\n',
  );
});

test('a terminal is not framed', async () => {
  const { Id } = (
    await call('POST', '/containers/create', { Image: 'busybox', OpenStdin: true, StdinOnce: true, Tty: true })
  ).json;
  const socketPath = await listen();
  const text = await raw(
    socketPath,
    `POST /containers/${Id}/attach?stream=1&stdin=1&stdout=1 HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n`,
    (socket, soFar) => soFar.includes('ready') && socket.end(),
  );
  assert.match(text, /Content-Type: application\/vnd\.docker\.raw-stream/);
  assert.ok(text.endsWith('\r\n\r\nready\nclosed\n'));
});

test('an exec reads its small body and then the stream, with and without an upgrade', async () => {
  const { Id } = (await call('POST', '/containers/create', { Image: 'busybox' })).json;
  const socketPath = await listen();
  for (const upgrade of [true, false]) {
    const exec = (
      await call('POST', `/containers/${Id}/exec`, { Cmd: ['cat'], AttachStdin: upgrade, AttachStdout: true })
    ).json.Id;
    const body = '{"Detach":false,"Tty":false}';
    const extra = upgrade ? 'Connection: Upgrade\r\nUpgrade: tcp\r\n' : '';
    const text = await raw(
      socketPath,
      `POST /exec/${exec}/start HTTP/1.1\r\nHost: x\r\n${extra}Content-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}${upgrade ? 'typed' : ''}`,
      (socket, soFar) => {
        if (upgrade && soFar.includes('TYPED')) socket.end();
        if (!upgrade && soFar.includes('ready')) socket.destroy();
      },
    );
    assert.match(text, upgrade ? /^HTTP\/1\.1 101 / : /^HTTP\/1\.1 200 OK/);
    assert.ok(text.includes('\x01\0\0\0\0\0\0\x06ready\n'));
  }
});

test('an exec that cannot start tells why in its stream', async () => {
  const { Id } = (await call('POST', '/containers/create', { Image: 'busybox' })).json;
  const exec = (await call('POST', `/containers/${Id}/exec`, { Cmd: ['nosuch'], AttachStdout: true })).json.Id;
  const socketPath = await listen();
  const text = await raw(
    socketPath,
    `POST /exec/${exec}/start HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n`,
  );
  assert.match(text, /^HTTP\/1\.1 101 /);
  assert.match(text, /\x01\0\0\0\0\0\0.exec: "nosuch": not found\r\n$/s);
});

test('a refused upgrade is an ordinary answer', async () => {
  const socketPath = await listen();
  const text = await raw(
    socketPath,
    'POST /containers/nope/attach?stream=1 HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n',
  );
  assert.match(text, /^HTTP\/1\.1 404 Not Found/);
  assert.match(text, /No such container: nope/);
});

test('a client that offers h2c is answered as if it had not', async () => {
  const socketPath = await listen();
  const text = await raw(
    socketPath,
    'GET /_ping HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, close\r\nUpgrade: h2c\r\n\r\n',
  );
  assert.match(text, /^HTTP\/1\.1 200 OK/);
});

test('a lost client detaches and leaves the process alone', async () => {
  const { Id } = (await call('POST', '/containers/create', { Image: 'busybox', OpenStdin: true, StdinOnce: true }))
    .json;
  const socketPath = await listen();
  await raw(
    socketPath,
    `POST /containers/${Id}/attach?stream=1&stdin=1&stdout=1 HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n`,
    (socket, soFar) => soFar.includes('ready') && socket.destroy(),
  );
  for (let tries = 0; tries < 100 && backend.seen.detached.length === 0; tries++)
    await new Promise((r) => setTimeout(r, 10));
  assert.deepEqual(backend.seen.detached, [Id]);
});

test('a classic build streams its steps, its result and its tags', async () => {
  backend.script = {
    events: [
      {
        type: 'vertex',
        id: 'a',
        kind: 'source',
        name: 'FROM busybox',
        instruction: 'FROM busybox',
        step: { number: 1, total: 1 },
      },
      { type: 'completed', id: 'a', at: 0, cached: false, result: `sha256:${'ab'.repeat(32)}` },
    ],
  };
  const { status, text, headers } = await call('POST', '/build?t=x:1&t=y&buildargs=%7B%22A%22%3Anull%7D');
  assert.equal(status, 200);
  assert.equal(headers['content-type'], 'application/json');
  const messages = text
    .trim()
    .split('\r\n')
    .map((line) => JSON.parse(line));
  const { imageID } = { imageID: (await backend.images.get('busybox')).id };
  assert.deepEqual(messages, [
    { stream: 'Step 1/1 : FROM busybox' },
    { stream: '\n' },
    { stream: ' ---> abababababab\n' },
    { aux: { ID: imageID } },
    { stream: `Successfully built ${imageID.slice(7, 19)}\n` },
    { stream: 'Successfully tagged x:1\n' },
    { stream: 'Successfully tagged y:latest\n' },
  ]);
  const request = backend.seen.build[0]!;
  assert.deepEqual(request.tags, ['x:1', 'y']);
  assert.deepEqual(request.buildArgs, { A: null });
  assert.equal(request.context.kind, 'file');
});

test('limits of a build are those of its steps', async () => {
  const given = 'memory=6291456&memswap=-1&cpushares=2&cpuperiod=1000&cpuquota=0&cpusetcpus=0&cpusetmems=';
  await call('POST', `/build?${given}`);
  await call('POST', '/build?memory=0&cpusetcpus=');
  assert.deepEqual(
    backend.seen.build.map(({ limits, ignored }) => [limits, ignored]),
    [
      [{ Memory: 6291456, MemorySwap: -1, CpuShares: 2, CpuPeriod: 1000, CpusetCpus: '0' }, undefined],
      [undefined, undefined],
    ],
  );
});

test('a platform in JSON has an operating system and an architecture', async () => {
  for (const [platform, status] of [
    [{ os: 'linux', architecture: 'x86_64' }, 200],
    [{ os: 'linux', architecture: 'aarch64', variant: 'v8' }, 404],
    [{ os: 'linux' }, 400],
    [{ architecture: 'amd64' }, 400],
    [{}, 400],
  ] as const) {
    const query = encodeURIComponent(JSON.stringify(platform));
    const answer = await call('GET', `/images/busybox/json?platform=${query}`);
    assert.equal(answer.status, status, answer.text);
    if (status === 400) assert.equal(answer.json.message, 'both OS and Architecture must be provided');
  }
});

test('a quiet build says its id and nothing else', async () => {
  backend.script = { events: [{ type: 'warning', message: 'careful' }] };
  const { text } = await call('POST', '/build?q=1');
  assert.equal(text, `${JSON.stringify({ stream: `${(await backend.images.get('busybox')).id}\n` })}\r\n`);
});

test('a build that fails at once is an HTTP error, later an error in the stream', async () => {
  const fail = new StrataError('invalid_argument', 'dockerfile parse error on line 2: unknown instruction: FOO');
  backend.script = { events: [], fail };
  const early = await call('POST', '/build');
  assert.equal(early.status, 400);
  assert.deepEqual(early.json, { message: fail.message });
  const message = "The command '/bin/sh -c false' returned a non-zero code: 7";
  backend.script = {
    events: [{ type: 'warning', message: 'x' }],
    fail: new StrataError('failed_precondition', message, { exitCode: 7 }),
  };
  const late = await call('POST', '/build');
  assert.equal(late.status, 200);
  assert.deepEqual(JSON.parse(late.text.trim().split('\r\n').at(-1)!), {
    errorDetail: { code: 7, message },
    error: message,
  });
});

test('a build by BuildKit streams its messages, encoded, and its result', async () => {
  backend.script = { events: [{ type: 'vertex', id: 'sha256:a', kind: 'source', name: 'FROM busybox' }] };
  const { status, text, headers } = await call('POST', '/build?version=2&t=x:1&remote=https%3A%2F%2Fa.example%2Fb.tar');
  assert.equal(status, 200);
  assert.equal(headers['content-type'], 'application/json');
  const [trace, result, ...more] = text
    .trim()
    .split('\r\n')
    .map((line) => JSON.parse(line));
  assert.equal(trace.id, 'moby.buildkit.trace');
  assert.match(Buffer.from(trace.aux, 'base64').toString('latin1'), /sha256:a.*FROM busybox/s);
  const { id } = await backend.images.get('busybox');
  assert.deepEqual([result, ...more], [{ id: 'moby.image.id', aux: { ID: id } }]);
  const request = backend.seen.build[0]!;
  assert.deepEqual(
    [request.tags, request.stepImages, request.context],
    [['x:1'], undefined, { kind: 'url', url: 'https://a.example/b.tar' }],
  );
  const unnamed = await call('POST', '/build?version=2&session=nosuch');
  assert.match(unnamed.text, /"moby\.image\.id"/, 'what needs nothing of the client needs no session');
  const quiet = await call('POST', '/build?version=2&q=1');
  assert.deepEqual(quiet.json, { stream: `${id}\n` });
});

test('bad build parameters are refused before the context is read', async () => {
  for (const query of [
    't=BAD',
    'buildargs=x',
    'buildargs=%5B1%5D',
    'version=3',
    'version=2&networkmode=bridge',
    'version=2&remote=x',
    'version=2&remote=client-session',
    'version=2&outputs=%5B%7B%7D%2C%7B%7D%5D',
    'remote=x',
    'platform=%00',
    'shmsize=x',
    'squash=1',
  ]) {
    const { status } = await call('POST', `/build?${query}`);
    assert.ok(status === 400 || status === 501, `${query}: ${status}`);
  }
  assert.equal(backend.seen.build.length, 0);
});

test('a client that goes away aborts its build', async () => {
  const aborted = Promise.withResolvers<void>();
  const reached = Promise.withResolvers<void>();
  backend.script = {
    events: [{ type: 'warning', message: 'under way' }],
    wait: (signal) =>
      new Promise<void>((resolve) => {
        reached.resolve();
        signal.addEventListener('abort', () => {
          aborted.resolve();
          resolve();
        });
      }),
  };
  const socketPath = await listen();
  const request = httpRequest({
    socketPath,
    path: '/strata/v1/build',
    method: 'POST',
    headers: { 'content-type': 'application/json' },
  });
  request.on('error', () => {});
  request.end('{"context":{"kind":"empty"}}');
  await reached.promise;
  request.destroy();
  await aborted.promise;
});

test('our own build answers with events and then the result or the error', async () => {
  backend.script = { events: [{ type: 'warning', message: 'w' }] };
  const good = (await call('POST', '/strata/v1/build', { context: { kind: 'empty' }, tags: ['x'] })).text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  assert.deepEqual(good[0], { type: 'warning', message: 'w' });
  assert.equal(good[1].type, 'result');
  backend.script = { events: [], fail: new StrataError('not_found', 'gone', { hint: 'look' }) };
  const bad = JSON.parse((await call('POST', '/strata/v1/build', { context: { kind: 'empty' } })).text);
  assert.equal(bad.type, 'error');
  assert.equal(bad.error.kind, 'not_found');
  assert.equal(bad.error.hint, 'look');
  assert.equal((await call('POST', '/strata/v1/build', { context: { kind: 'nosuch' } })).status, 400);
});

test('events are told from the past, and until a moment', async () => {
  backend.events.publish({
    Type: 'container',
    Action: 'create',
    Actor: { ID: 'abc', Attributes: { image: 'busybox', name: 'n' } },
  });
  backend.events.publish({ Type: 'network', Action: 'create', Actor: { ID: 'def', Attributes: {} } });
  const soon = Math.floor(Date.now() / 1000) + 1;
  const all = (await call('GET', `/events?since=1&until=${soon}`)).text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  assert.equal(all.length, 2);
  assert.deepEqual(
    { status: all[0].status, id: all[0].id, from: all[0].from, Type: all[0].Type },
    { status: 'create', id: 'abc', from: 'busybox', Type: 'container' },
  );
  assert.ok(!('status' in all[1]));
  const filters = encodeURIComponent('{"type":["network"]}');
  assert.equal((await call('GET', `/events?since=1&until=1&filters=${filters}`)).text, '');
});

test('a wait sends its headers before the container ends', async () => {
  const { Id } = (await call('POST', '/containers/create', { Image: 'busybox' })).json;
  assert.deepEqual((await call('POST', `/containers/${Id}/wait`)).json, { StatusCode: 3 });
  assert.deepEqual((await call('POST', `/containers/${Id}/wait?condition=bad`)).json, {
    message: 'invalid condition: "bad"',
  });
  assert.equal((await call('POST', '/containers/nope/wait?condition=removed')).status, 404);
});

test('a pull streams its progress; without an image it is an HTTP error', async () => {
  const lines = (await call('POST', '/images/create?fromImage=busybox&tag=latest')).text.trim().split('\r\n');
  assert.deepEqual(
    lines.map((line) => JSON.parse(line)),
    [
      { status: 'Pulling from library/busybox', id: 'latest' },
      {
        status: 'Downloading',
        progressDetail: { current: 44540, total: 1986647 },
        progress: '[=>                                                 ]  44.54kB/1.987MB',
        id: '0123456789ab',
      },
    ],
  );
  const gone = await call('POST', '/images/create?fromImage=gone');
  assert.equal(gone.status, 404);
  assert.deepEqual(gone.json, { message: 'manifest for gone not found' });
  assert.equal((await call('POST', '/images/create?fromImage=BAD')).status, 400);
  assert.equal((await call('POST', '/images/create')).status, 400);
});

test('a swarm is politely absent', async () => {
  for (const path of ['/swarm', '/nodes', '/services/x', '/secrets/create']) {
    const { status, json } = await call('GET', path);
    assert.equal(status, 503);
    assert.match(json.message, /^This node is not a swarm manager\./);
  }
  assert.deepEqual((await call('GET', '/plugins')).json, []);
});

test('the socket has the rights that were asked for, and a dead one is replaced', async () => {
  const { statSync, writeFileSync } = await import('node:fs');
  const socketPath = await listen();
  assert.equal(statSync(socketPath).mode & 0o777, 0o600);
  const other = createApi(backend);
  await assert.rejects(other.listen({ socketPath, mode: 0o600 }), /another daemon already listens/);
  const file = join(dir, 'file');
  writeFileSync(file, 'x');
  await assert.rejects(other.listen({ socketPath: file, mode: 0o600 }), /is not a socket/);
  await other.close();
});

test('an answer that waits for the disk is sent once, and its connection serves the next request', async () => {
  // As short as where nothing was changed, or longer than a handler takes to return.
  let wait = async () => {};
  Object.assign(backend, { settled: () => wait() });
  Object.assign(backend.containers.exec, { create: async () => ({ id: 'made' }) });
  const socketPath = await listen();
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const ask = (method: string, path: string, body?: object) =>
    new Promise<{ status: number | undefined; text: string; again: boolean }>((resolve, reject) => {
      const headers = body && { 'content-type': 'application/json' };
      const asked = httpRequest({ socketPath, agent, method, path, ...(headers && { headers }) }, (answer) => {
        let text = '';
        answer.on('data', (chunk: Buffer) => {
          text += chunk;
        });
        answer.on('end', () => resolve({ status: answer.statusCode, text, again: asked.reusedSocket }));
      });
      asked.on('error', reject).end(body && JSON.stringify(body));
    });
  try {
    await ask('GET', '/_ping');
    const ticks = (count: number) => async () => {
      for (let tick = 0; tick < count; tick++) await null;
    };
    const slow = () => new Promise<void>((resolve) => setTimeout(resolve, 20));
    const waits = [...[1, 2, 4, 8, 16].map(ticks), slow];
    const requests: readonly (readonly [string, string, object?])[] = [
      ['POST', '/volumes/create', { Name: 'fresh' }],
      ['POST', '/networks/create', { Name: 'fresh' }],
      ['POST', '/images/busybox/tag?repo=busybox&tag=other'],
      ['POST', '/build/prune'],
      ['POST', '/containers/any/exec', { Cmd: ['true'] }],
    ];
    for (const [method, path, body] of requests.flatMap((one) => waits.map(() => one))) {
      wait = waits.shift()!;
      waits.push(wait);
      const { status = 0, text } = await ask(method, path, body);
      assert.ok(status >= 200 && status < 500, `${method} ${path}: ${status} ${text}`);
      assert.deepEqual(
        [await ask('GET', '/_ping')].map(({ status, again }) => [status, again]),
        [[200, true]],
        path,
      );
    }
  } finally {
    agent.destroy();
  }
});

test('a prune of volumes takes named ones for clients that could not ask for it yet', async () => {
  const seen: boolean[] = [];
  const prune = async ({ all }: { readonly all: boolean }) => {
    seen.push(all);
    return { deleted: [], reclaimed: 0 };
  };
  Object.assign(backend.volumes, { prune });
  const all = encodeURIComponent('{"all":["true"]}');
  for (const path of ['/v1.41/volumes/prune', '/v1.42/volumes/prune', `/v1.42/volumes/prune?filters=${all}`])
    assert.equal((await call('POST', path)).status, 200);
  assert.deepEqual(seen, [true, false, true]);
});
