import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import fc from 'fast-check';
import { createApi } from './api.ts';
import { createTestBackend } from './testing/backend.ts';

const backend = createTestBackend();
const api = createApi(backend);
after(() => api.close());

/** Fields that clients send, with values that nobody should. */
const fields = [
  'Image',
  'Cmd',
  'Env',
  'Entrypoint',
  'Labels',
  'Volumes',
  'ExposedPorts',
  'Healthcheck',
  'HostConfig',
  'NetworkingConfig',
  'EndpointsConfig',
  'Binds',
  'Mounts',
  'PortBindings',
  'RestartPolicy',
  'Ulimits',
  'Devices',
  'DeviceRequests',
  'LogConfig',
  'Sysctls',
  'Memory',
  'Tmpfs',
  'Tty',
  'Name',
  'IPAM',
  'Config',
  'Options',
  'Driver',
  'DriverOpts',
  'Container',
  'EndpointConfig',
  'User',
  'context',
  'kind',
  'dir',
  'tags',
  'buildArgs',
  'outputs',
  'secrets',
  'ssh',
  'namedContexts',
  'auth',
  'serveraddress',
  'username',
  '__proto__',
  'constructor',
  'toString',
];
const odd = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    fc.constantFrom(
      null,
      true,
      0,
      -1,
      1.5,
      2 ** 53,
      1e300,
      '',
      ' ',
      '\0',
      '/',
      '../..',
      'x'.repeat(3000),
      '{}',
      'busybox',
      '80/tcp',
      'ü\ud800',
    ),
    fc.array(tie('value'), { maxLength: 4 }),
    fc.dictionary(fc.oneof(fc.constantFrom(...fields), fc.string()), tie('value'), { maxKeys: 6 }),
  ),
})).value;

const posts = [
  '/containers/create',
  '/containers/create?name=x',
  '/containers/nope/exec',
  '/exec/nope/start',
  '/containers/nope/update',
  '/networks/create',
  '/networks/nope/connect',
  '/volumes/create',
  '/auth',
  '/commit?container=nope',
  '/strata/v1/build',
];

async function send(method: 'GET' | 'POST' | 'DELETE', url: string, payload?: string): Promise<void> {
  const { statusCode, body } = await api.inject({
    method,
    url,
    ...(payload !== undefined && { payload, headers: { 'content-type': 'application/json' } }),
  });
  // A field that reaches our code unchecked shows as an internal error.
  const excused = statusCode === 500 && /could not select device driver|:"Get \\"http/.test(body);
  assert.ok(
    statusCode < 500 || statusCode === 501 || statusCode === 503 || excused,
    `${method} ${url} ${payload}: ${statusCode} ${body}`,
  );
}

test('no body crashes a route', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...posts),
      odd,
      async (url, value) => await send('POST', url, JSON.stringify(value) ?? ''),
    ),
    { numRuns: 1500 },
  );
});

test('no text that is not JSON crashes a route', async () => {
  await fc.assert(
    fc.asyncProperty(fc.constantFrom(...posts), fc.string(), async (url, text) => await send('POST', url, text)),
    { numRuns: 200 },
  );
});

const queries = [
  'GET /containers/json',
  'GET /images/json',
  'GET /volumes',
  'GET /networks',
  'GET /events',
  'GET /system/df',
  'GET /images/search',
  'GET /images/busybox/json',
  'GET /containers/nope/logs',
  'GET /containers/nope/archive',
  'GET /containers/nope/stats',
  'POST /build',
  'POST /build/prune',
  'POST /images/create',
  'POST /images/busybox/tag',
  'POST /images/busybox/push',
  'POST /containers/prune',
  'POST /containers/nope/wait',
  'POST /containers/nope/stop',
  'POST /containers/nope/resize',
  'POST /images/load',
];
const names = [
  'all',
  'limit',
  'size',
  'filters',
  'since',
  'until',
  'type',
  'term',
  'platform',
  'stdout',
  'tail',
  'path',
  'stream',
  't',
  'dockerfile',
  'remote',
  'q',
  'buildargs',
  'labels',
  'ulimits',
  'cachefrom',
  'shmsize',
  'memory',
  'fromSrc',
  'fromImage',
  'repo',
  'tag',
  'changes',
  'condition',
  'h',
  'w',
];
const values = fc.oneof(
  fc.string(),
  fc.constantFrom(
    '1',
    '-1',
    '{"label":[null]}',
    '{"label":{"a":true}}',
    '[]',
    'null',
    '{"status":["running"]}',
    '{"until":["x"]}',
    '99999999999999999999',
    '%00',
    '{"os":1}',
  ),
  odd.map((value) => JSON.stringify(value) ?? ''),
);

test('no query crashes a route', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...queries),
      fc.dictionary(fc.constantFrom(...names), values, { maxKeys: 4 }),
      async (route, query) => {
        const [method, path] = route.split(' ') as ['GET' | 'POST', string];
        // Followers of events would wait for ever.
        const until = path === '/events' ? { until: '1' } : {};
        await send(method, `${path}?${new URLSearchParams({ ...query, ...until })}`);
      },
    ),
    { numRuns: 1500 },
  );
});

test('no path crashes the router', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom('GET', 'POST', 'DELETE'),
      fc.array(
        fc.oneof(fc.string(), fc.constantFrom('..', '%2e%2e', '%', '%zz', 'images', 'containers', 'json', 'v1.44')),
        { maxLength: 5 },
      ),
      async (method, parts) => {
        await send(
          method as 'GET',
          `/${parts
            .join('/')
            .replace(/[^!-~]|\\/g, '')
            .replace(/^\/+/, '')}`,
        );
      },
    ),
    { numRuns: 500 },
  );
});
