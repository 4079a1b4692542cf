/**
 * Walks the versions of the API: what each row asks is asked in every version, and changes where it changes in Docker
 * 28.5. Every parameter, field and change that the tables name is in a row.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { CreateContainer } from '../container/index.ts';
import { createApi } from './api.ts';
import { createTestBackend } from './testing/backend.ts';
import { changes } from './version.ts';
import {
  connectFields,
  createFields,
  execFields,
  networkFields,
  parameters,
  updateFields,
  withKnownFields,
} from './version-history.ts';

const versions = Array.from({ length: 51 - 24 + 1 }, (_, index) => `1.${24 + index}`);
const backend = createTestBackend();
const api = createApi(backend);
const dir = mkdtempSync(join(tmpdir(), 'strata-versions-'));
const socketPath = join(dir, 'api.sock');
let id = '';

before(async () => {
  const parts = backend as unknown as Record<string, Record<string, unknown>>;
  const network = { id: 'n', name: 'lan', driver: 'bridge', subnets: [], options: {}, labels: {}, created: '' };
  Object.assign(parts['networks']!, { list: () => [network] });
  Object.assign(parts['volumes']!, {
    prune: async (how: { all: boolean }) => ({ deleted: [String(how.all)], reclaimed: 0 }),
  });
  Object.assign(parts['containers']!, {
    stop: noteSignal,
    restart: noteSignal,
    update: async (_ref: string, changed: object) => {
      updated = changed;
      return [];
    },
    wait: async () => {
      waiting.resolve();
      await waited;
      return { exitCode: 3 };
    },
  });
  const exec = backend.containers.exec as unknown as Record<string, unknown>;
  Object.assign(exec, { ids: () => [] });
  const attach = backend.containers.attach.bind(backend.containers);
  Object.assign(parts['containers']!, {
    attach: async (ref: string, how: { stdout: boolean }) => {
      attachedTo = how.stdout;
      return await attach(ref, how as never);
    },
  });
  const cache = { id: 'c', parents: ['p', 'q'], type: 'regular' };
  Object.assign(backend.builder.cache, {
    list: async () => [cache],
    prune: async (how: object) => ({ deleted: [JSON.stringify(how)], reclaimed: 0 }),
  });
  Object.assign(backend, {
    info: async () => ({
      SecurityOptions: ['name=seccomp,profile=builtin'],
      RegistryConfig: {},
      RuncCommit: { ID: '1' },
    }),
  });
  Object.assign(parts['images']!, { save: async () => [] });
  await api.listen({ socketPath, mode: 0o600 });
  const body = {
    Image: 'busybox',
    Hostname: 'host',
    HostConfig: { Annotations: { a: 'b' } },
  };
  id = (await ask('1.51', 'POST', '/containers/create?name=x', body)).json.Id;
  await backend.containers.start(id);
  // A network of users, as the engine would have noted it.
  (backend.containers.get(id) as unknown as { networks: object }).networks = { lan: { Aliases: ['al'] } };
});
after(async () => {
  await api.close();
  rmSync(dir, { recursive: true, force: true });
});

let stopped: string | undefined;
let updated: object | undefined;
let attachedTo: boolean | undefined;
/** The end that `wait` waits for. */
let waited: Promise<void> = Promise.resolve();
/** Resolves when `wait` was called. */
let waiting = Promise.withResolvers<void>();

async function noteSignal(_ref: string, { signal }: { signal?: string }): Promise<void> {
  stopped = signal;
}

// biome-ignore lint/suspicious/noExplicitAny: the shape is what the rows are about
type Json = any;

interface Answer {
  readonly status: number;
  readonly json: Json;
  readonly type: string;
}

async function ask(version: string, method: string, path: string, body?: object): Promise<Answer> {
  const answer = await api.inject({
    method: method as 'GET',
    url: `/v${version}${path}`,
    ...(body && { payload: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
  });
  const type = String(answer.headers['content-type']);
  let json: Json;
  try {
    json = JSON.parse(answer.body);
  } catch {
    json = answer.body;
  }
  return { status: answer.statusCode, json, type };
}

/** What the engine is told to make. */
async function created(version: string, more: object): Promise<Json> {
  backend.seen.create.length = 0;
  const { status, json } = await ask(version, 'POST', '/containers/create', { Image: 'busybox', ...more });
  return status === 201 ? (backend.seen.create[0] as CreateContainer) : json.message;
}

const host = (version: string, given: object): Promise<Json> =>
  created(version, { HostConfig: given }).then((spec) => spec.host ?? spec);
const mount = (version: string, given: object): Promise<Json> =>
  host(version, { Mounts: [given] }).then((made) => made.Mounts?.[0] ?? made);
const foreign = encodeURIComponent(JSON.stringify({ os: 'linux', architecture: 'arm64' }));
const status = (version: string, method: string, path: string, body?: object) =>
  ask(version, method, path, body).then((answer) => answer.status);

function webSocket(version: string): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const socket = connect(socketPath);
    let got: Buffer = Buffer.alloc(0);
    socket.on('error', reject);
    socket.on('data', (data: Buffer) => {
      got = Buffer.concat([got, data]);
      const end = got.indexOf('\r\n\r\n');
      if (end < 0 || got.length < end + 5) return;
      socket.destroy();
      resolve(got.subarray(end + 4));
    });
    const lines = ['Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Version: 13', 'Sec-WebSocket-Key: eA=='];
    socket.write(
      `GET /v${version}/containers/x/attach/ws?stream=1 HTTP/1.1\r\nHost: x\r\n${lines.join('\r\n')}\r\n\r\n`,
    );
  });
}

/** Whether the head of an answer comes before the end that is waited for. */
async function headIsEarly(version: string): Promise<boolean> {
  const { promise, resolve: end } = Promise.withResolvers<void>();
  waited = promise;
  waiting = Promise.withResolvers();
  let early = false;
  const sent = httpRequest({ socketPath, method: 'POST', path: `/v${version}/containers/x/wait` });
  const answered = once(sent, 'response').then(([answer]: IncomingMessage[]) => {
    early = waited === promise;
    return once(answer!.resume(), 'end');
  });
  sent.end();
  // What the server answers to later requests comes after a head that it sent before.
  await waiting.promise;
  for (let asked = 0; asked < 3; asked++) {
    const [answer] = await once(httpRequest({ socketPath, path: '/_ping' }).end(), 'response');
    await once(answer.resume(), 'end');
  }
  waited = Promise.resolve();
  end();
  await answered;
  return early;
}

interface Row {
  /** What of the tables the row is about. */
  readonly of: readonly string[];
  readonly see: (version: string) => Promise<unknown>;
  /** From which version on what is seen. */
  readonly is: readonly (readonly [string, unknown])[];
}

const endpoint = { lan: { MacAddress: '02:42:ac:11:00:99' } };
const rows: Readonly<Record<string, Row>> = {
  'AutoRemove of a container': {
    of: ['HostConfig.AutoRemove'],
    see: async (v) => (await host(v, { AutoRemove: true })).AutoRemove,
    is: [
      ['1.24', undefined],
      ['1.25', true],
    ],
  },
  'the IPC namespace of a container': {
    of: ['privateIpc'],
    see: async (v) => (await host(v, {})).IpcMode,
    is: [
      ['1.24', 'shareable'],
      ['1.40', undefined],
    ],
  },
  'limits of the memory of the kernel': {
    of: ['HostConfig.KernelMemory', 'HostConfig.KernelMemoryTCP'],
    see: async (v) =>
      Object.keys(await host(v, { KernelMemory: 9e7, KernelMemoryTCP: 9e7 })).filter((key) => /^K/.test(key)),
    is: [
      ['1.24', ['KernelMemory']],
      ['1.40', ['KernelMemory', 'KernelMemoryTCP']],
      ['1.42', ['KernelMemoryTCP']],
    ],
  },
  'the size of the terminal': {
    of: ['HostConfig.ConsoleSize'],
    see: async (v) => (await host(v, { ConsoleSize: [3, 4] })).ConsoleSize,
    is: [
      ['1.24', undefined],
      ['1.42', [3, 4]],
    ],
  },
  annotations: {
    of: ['HostConfig.Annotations'],
    see: async (v) => (await host(v, { Annotations: { a: 'b' } })).Annotations,
    is: [
      ['1.24', undefined],
      ['1.43', { a: 'b' }],
    ],
  },
  'the interval of a health check at the start': {
    of: ['Healthcheck.StartInterval'],
    see: async (v) => (await created(v, { Healthcheck: { Interval: 1, StartInterval: 2 } })).config.Healthcheck,
    is: [
      ['1.24', { Interval: 1 }],
      ['1.44', { Interval: 1, StartInterval: 2 }],
    ],
  },
  'options of a bind': {
    of: ['HostConfig.Mounts.*.BindOptions.NonRecursive', 'HostConfig.Mounts.*.BindOptions.CreateMountpoint'],
    see: async (v) =>
      (await mount(v, { Type: 'bind', Source: '/a', BindOptions: { NonRecursive: true, CreateMountpoint: true } }))
        .BindOptions,
    is: [
      ['1.24', {}],
      ['1.40', { NonRecursive: true }],
      ['1.42', { NonRecursive: true, CreateMountpoint: true }],
    ],
  },
  'options of other kinds of mounts': {
    of: ['foreignMountOptions'],
    see: async (v) => [
      (await mount(v, { Type: 'bind', TmpfsOptions: { SizeBytes: 5 } })).TmpfsOptions,
      (await mount(v, { Type: 'tmpfs', VolumeOptions: { NoCopy: true } })).VolumeOptions,
      (await mount(v, { Type: 'tmpfs', TmpfsOptions: { SizeBytes: 5 } })).TmpfsOptions,
    ],
    is: [
      ['1.24', [undefined, undefined, { SizeBytes: 5 }]],
      ['1.42', [{ SizeBytes: 5 }, { NoCopy: true }, { SizeBytes: 5 }]],
    ],
  },
  'what is mounted below a read-only mount': {
    of: ['recursiveReadOnly'],
    see: async (v) => [
      (await created(v, {})).readOnlyTopOnly,
      typeof (await mount(v, { Type: 'bind', BindOptions: { ReadOnlyForceRecursive: true } })),
    ],
    is: [
      ['1.24', [true, 'string']],
      ['1.44', [undefined, 'object']],
    ],
  },
  'the subpath of a volume': {
    of: ['subpaths'],
    see: async (v) => await mount(v, { Type: 'volume', VolumeOptions: { Subpath: 'a' } }),
    is: [
      ['1.24', 'VolumeOptions.Subpath needs API v1.45 or newer'],
      ['1.45', { Type: 'volume', VolumeOptions: { Subpath: 'a' } }],
    ],
  },
  'several networks': {
    of: ['severalEndpoints'],
    see: async (v) => {
      const made = await created(v, { NetworkingConfig: { EndpointsConfig: { a: {}, b: {} } } });
      return made.endpoints ?? made;
    },
    is: [
      ['1.24', 'Container cannot be created with multiple network endpoints: a, b'],
      ['1.44', { a: {}, b: {} }],
    ],
  },
  'the MAC address in a network': {
    of: ['severalEndpoints'],
    see: async (v) => (await created(v, { NetworkingConfig: { EndpointsConfig: endpoint } })).endpoints,
    is: [
      ['1.24', { lan: {} }],
      ['1.44', endpoint],
    ],
  },
  'the priority of a gateway': {
    of: ['NetworkingConfig.EndpointsConfig.*.GwPriority', 'EndpointConfig.GwPriority'],
    see: async (v) => [
      (await created(v, { NetworkingConfig: { EndpointsConfig: { lan: { GwPriority: 5 } } } })).endpoints,
      withKnownFields({ EndpointConfig: { GwPriority: 5 } }, connectFields, v).EndpointConfig,
    ],
    is: [
      ['1.24', [{ lan: {} }, {}]],
      ['1.48', [{ lan: { GwPriority: 5 } }, { GwPriority: 5 }]],
    ],
  },
  'the platform of a container': {
    of: ['POST /containers/create platform'],
    see: async (v) => await status(v, 'POST', '/containers/create?platform=linux/arm64', { Image: 'busybox' }),
    is: [
      ['1.24', 201],
      ['1.41', 404],
    ],
  },
  'the limit of processes in an update': {
    of: ['PidsLimit', 'KernelMemory'],
    see: async (v) => {
      await ask(v, 'POST', '/containers/x/update', { PidsLimit: 7, KernelMemory: 9e7 });
      return updated;
    },
    is: [
      ['1.24', { KernelMemory: 9e7 }],
      ['1.40', { PidsLimit: 7, KernelMemory: 9e7 }],
      ['1.42', { PidsLimit: 7 }],
    ],
  },
  'the signal to stop with': {
    of: ['POST /containers/x/stop signal'],
    see: async (v) => {
      await ask(v, 'POST', '/containers/x/stop?signal=INT');
      return stopped;
    },
    is: [
      ['1.24', undefined],
      ['1.42', 'INT'],
    ],
  },
  'the signal to restart with': {
    of: [],
    see: async (v) => {
      await ask(v, 'POST', '/containers/x/restart?signal=INT');
      return stopped;
    },
    is: [
      ['1.24', undefined],
      ['1.42', 'INT'],
    ],
  },
  'the condition to wait for': {
    of: ['POST /containers/x/wait condition'],
    see: async (v) => await status(v, 'POST', '/containers/x/wait?condition=zz'),
    is: [
      ['1.24', 200],
      ['1.30', 400],
    ],
  },
  'the head of the answer to a wait': {
    of: ['earlyHead'],
    see: headIsEarly,
    is: [
      ['1.24', false],
      ['1.30', true],
    ],
  },
  'the type of a log': {
    of: ['multiplexedType'],
    see: async (v) => (await ask(v, 'GET', '/containers/x/logs?stdout=1')).type,
    is: [
      ['1.24', 'application/vnd.docker.raw-stream'],
      ['1.42', 'application/vnd.docker.multiplexed-stream'],
    ],
  },
  'the streams of a WebSocket': {
    of: ['chosenStreams'],
    see: async (v) => {
      await webSocket(v);
      return attachedTo;
    },
    is: [
      ['1.24', true],
      ['1.42', false],
    ],
  },
  'the frames of a WebSocket': {
    of: ['binaryFrames'],
    see: async (v) => (await webSocket(v))[0],
    is: [
      ['1.24', 0x81],
      ['1.28', 0x82],
    ],
  },
  'one sample of statistics': {
    of: ['GET /containers/x/stats one-shot'],
    see: async (v) => {
      // The second of two samples comes a second later: it is asked for where it is all the same to come.
      if (v !== '1.40' && v !== '1.41') return v < '1.41';
      const begun = performance.now();
      await ask(v, 'GET', '/containers/x/stats?stream=0&one-shot=1');
      return performance.now() - begun > 900;
    },
    is: [
      ['1.24', true],
      ['1.41', false],
    ],
  },
  'a list of containers': {
    of: ['listedAnnotations'],
    see: async (v) =>
      (await ask(v, 'GET', '/containers/json')).json.find((row: Json) => row.Id === id).HostConfig.Annotations,
    is: [
      ['1.24', undefined],
      ['1.46', { a: 'b' }],
    ],
  },
  'the aliases of a container': {
    of: ['plainAliases'],
    see: async (v) => (await ask(v, 'GET', '/containers/x/json')).json.NetworkSettings.Networks.lan.Aliases,
    is: [
      ['1.24', () => ['al', id.slice(0, 12), 'host']],
      ['1.45', ['al']],
    ],
  },
  'the size of an exec': {
    of: ['ConsoleSize'],
    see: async (v) => {
      const { json } = await ask(v, 'POST', '/containers/x/exec', { Cmd: ['a'], ConsoleSize: [1, 2] });
      return (backend.containers.exec.inspect(json.Id).config as { ConsoleSize?: unknown }).ConsoleSize;
    },
    is: [
      ['1.24', undefined],
      ['1.42', [1, 2]],
    ],
  },
  'a network without IPv4': {
    of: ['EnableIPv4'],
    see: async (v) => await status(v, 'POST', '/networks/create', { Name: 'n', EnableIPv4: false }),
    is: [
      ['1.24', 201],
      ['1.48', 400],
    ],
  },
  'a list of networks': {
    of: ['networksWithoutContainers'],
    see: async (v) => Object.keys((await ask(v, 'GET', '/networks')).json[0].Containers).length,
    is: [
      ['1.24', 1],
      ['1.28', 0],
    ],
  },
  'a prune of volumes': {
    of: ['pruneOfAnonymousVolumes'],
    see: async (v) => (await ask(v, 'POST', '/volumes/prune')).json.VolumesDeleted,
    is: [
      ['1.24', ['true']],
      ['1.42', ['false']],
    ],
  },
  'bounds of a prune of the build cache': {
    of: ['POST /build/prune reserved-space', 'POST /build/prune max-used-space', 'POST /build/prune min-free-space'],
    see: async (v) => {
      const path = '/build/prune?keep-storage=1&reserved-space=2&max-used-space=3&min-free-space=4';
      const { all: _, ...bounds } = JSON.parse((await ask(v, 'POST', path)).json.CachesDeleted[0]);
      return bounds;
    },
    is: [
      ['1.24', { reservedSpace: 1 }],
      ['1.48', { reservedSpace: 2, maxUsedSpace: 3, minFreeSpace: 4 }],
    ],
  },
  'what to build': {
    of: ['POST /build platform', 'POST /build outputs'],
    see: async (v) => [
      await status(v, 'POST', '/build?remote=https://x/&platform=zz'),
      await status(v, 'POST', '/build?remote=https://x/&outputs=zz'),
    ],
    is: [
      ['1.24', [200, 200]],
      ['1.32', [400, 200]],
      ['1.40', [400, 501]],
    ],
  },
  'the use of the disk': {
    of: ['severalParents', 'GET /system/df type'],
    see: async (v) => {
      const { Images, BuildCache } = (await ask(v, 'GET', '/system/df?type=build-cache')).json;
      const [{ Parent, Parents }] = BuildCache;
      return [Images !== null, Parent ?? Parents];
    },
    is: [
      ['1.24', [true, 'p']],
      ['1.42', [false, ['p', 'q']]],
    ],
  },
  'a list of images': {
    of: ['emptyNames', 'noVirtualSize', 'countedContainers'],
    see: async (v) => {
      const [{ RepoDigests, VirtualSize, Containers }] = (await ask(v, 'GET', '/images/json')).json;
      return [RepoDigests, VirtualSize, Containers >= 0];
    },
    is: [
      ['1.24', [null, 7, false]],
      ['1.43', [[], 7, false]],
      ['1.44', [[], undefined, false]],
      ['1.51', [[], undefined, true]],
    ],
  },
  'parameters of a list of images': {
    of: ['GET /images/json filter', 'GET /images/json shared-size'],
    see: async (v) => {
      let asked: { references?: unknown } = {};
      const { list } = backend.images;
      const noted = async (how: object) => {
        asked = how;
        return await list();
      };
      Object.assign(backend.images, { list: noted });
      const { json } = await ask(v, 'GET', '/images/json?filter=z&shared-size=1');
      Object.assign(backend.images, { list });
      return [asked.references, json[0].SharedSize];
    },
    is: [
      ['1.24', [['z'], -1]],
      ['1.41', [undefined, -1]],
      ['1.42', [undefined, 0]],
    ],
  },
  'an image': {
    of: ['noContainerConfig', 'plainImageConfig'],
    see: async (v) => {
      const { ContainerConfig, Config } = (await ask(v, 'GET', '/images/busybox/json')).json;
      return [ContainerConfig?.Hostname, Config.Hostname];
    },
    is: [
      ['1.24', ['', '']],
      ['1.45', [undefined, '']],
      ['1.50', [undefined, undefined]],
    ],
  },
  'the platform of an image': {
    of: ['GET /images/x/json platform', 'GET /images/x/json manifests'],
    see: async (v) => [
      await status(v, 'GET', `/images/busybox/json?platform=${foreign}`),
      await status(v, 'GET', `/images/busybox/json?platform=${foreign}&manifests=1`),
    ],
    is: [
      ['1.24', [200, 200]],
      ['1.49', [404, 400]],
    ],
  },
  'the platform of a history': {
    of: ['GET /images/x/history platform'],
    see: async (v) => await status(v, 'GET', `/images/busybox/history?platform=${foreign}`),
    is: [
      ['1.24', 200],
      ['1.48', 404],
    ],
  },
  'the platform of an archive': {
    of: ['GET /images/x/get platform', 'POST /images/load platform'],
    see: async (v) => [
      await status(v, 'GET', `/images/busybox/get?platform=${foreign}`),
      await status(v, 'GET', `/images/get?names=busybox&platform=${foreign}`),
      await status(v, 'POST', '/images/load?platform=zz'),
    ],
    is: [
      ['1.24', [200, 200, 200]],
      ['1.48', [404, 404, 400]],
    ],
  },
  'the platform of a transfer': {
    of: ['POST /images/create platform', 'POST /images/x/push platform'],
    see: async (v) => [
      await status(v, 'POST', '/images/create?fromImage=busybox&tag=a&platform=zz'),
      (await status(v, 'POST', '/images/nosuch/push?tag=a&platform=zz')) === 400,
    ],
    is: [
      ['1.24', [200, false]],
      ['1.32', [400, false]],
      ['1.46', [400, true]],
    ],
  },
  'the platform of a removal': {
    of: ['DELETE /images/x platforms'],
    see: async (v) => await status(v, 'DELETE', '/images/nosuch?platforms=zz'),
    is: [
      ['1.24', 404],
      ['1.50', 400],
    ],
  },
  'facts about the engine': {
    of: ['namedSecurityOptions', 'kernelMemoryInfo', 'noArtifactRegistries', 'noExpectedCommits', 'noBridgeFilters'],
    see: async (v) => {
      const info = (await ask(v, 'GET', '/info')).json;
      return [
        info.SecurityOptions[0].split('=').length > 1 && 'named',
        'KernelMemory' in info && 'memory',
        'AllowNondistributableArtifactsCIDRs' in info.RegistryConfig && 'registries',
        'Expected' in info.RuncCommit && 'expected',
        'BridgeNfIptables' in info && 'bridge',
      ].filter(Boolean);
    },
    is: [
      ['1.24', ['memory', 'registries', 'expected', 'bridge']],
      ['1.25', ['named', 'memory', 'registries', 'expected', 'bridge']],
      ['1.42', ['named', 'registries', 'expected', 'bridge']],
      ['1.47', ['named', 'expected', 'bridge']],
      ['1.49', ['named', 'bridge']],
      ['1.50', ['named']],
    ],
  },
  'events of images': {
    of: ['imageCreateEvents'],
    see: async (v) => {
      const ID = `sha256:${v}`;
      for (const Action of ['create', 'tag'])
        backend.events.publish({ Type: 'image', Action, Actor: { ID, Attributes: {} } });
      const filters = encodeURIComponent(JSON.stringify({ image: [ID] }));
      const until = Date.now() / 1000 + 0.02;
      const { json } = await ask(v, 'GET', `/events?since=1&until=${until.toFixed(3)}&filters=${filters}`);
      return [...(typeof json === 'string' ? json : JSON.stringify(json)).matchAll(/"Action":"(\w+)"/g)].map(
        (match) => match[1],
      );
    },
    is: [
      ['1.24', ['tag']],
      ['1.46', ['create', 'tag']],
    ],
  },
};

for (const [what, { see, is }] of Object.entries(rows))
  test(`${what}: as in each version`, async () => {
    for (const version of versions) {
      const expected = is.findLast(([from]) => Number(from.slice(2)) <= Number(version.slice(2)))?.[1];
      const seen = await see(version);
      assert.deepEqual(seen, typeof expected === 'function' ? expected() : expected, version);
    }
  });

test('every line of the tables is in a row', () => {
  const named = new Set(Object.values(rows).flatMap(({ of }) => of));
  const fields = [createFields, updateFields, execFields, networkFields, connectFields].flat().map(({ path }) => path);
  for (const name of [...Object.keys(changes), ...fields]) assert.ok(named.has(name), name);
  for (const { method, path, names } of parameters)
    for (const name of names) {
      const isNamed = [...named].some((line) => {
        const [verb, url = '', parameter] = line.split(' ');
        return verb === method && path.test(url) && parameter === name;
      });
      assert.ok(isNamed, `${method} ${path} ${name}`);
    }
});
