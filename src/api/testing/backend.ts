/**
 * A small engine in memory, for tests of shapes, statuses and streams. What an engine really does is tested end to end.
 */
import { randomBytes } from 'node:crypto';
import { tmpdir } from 'node:os';
import type {
  Attachment,
  Container,
  ContainerImage,
  CreateContainer,
  ExecConfig,
  ExecState,
  LogChunk,
} from '../../container/index.ts';
import type { EngineEvent } from '../../engine/index.ts';
import { StrataError } from '../../errors/index.ts';
import type { Image } from '../../image/index.ts';
import { type ImageConfig, sha256 } from '../../oci/index.ts';
import type { BuildEvent } from '../../progress/index.ts';
import type { Volume } from '../../volume/index.ts';
import type { BuildRequest } from '../../wire/index.ts';
import type { ApiBackend } from '../types.ts';

export interface TestBackend extends ApiBackend {
  readonly seen: { readonly create: CreateContainer[]; readonly build: BuildRequest[]; readonly detached: string[] };
  /** What the next build tells and how it ends. */
  script: { events: readonly BuildEvent[]; fail?: StrataError; wait?: (signal: AbortSignal) => Promise<void> };
}

const chunk = (text: string, stream: 'stdout' | 'stderr' = 'stdout'): LogChunk => ({
  stream,
  data: Buffer.from(text),
  time: '2026-01-01T00:00:00.000000001Z',
});

export function createTestBackend(): TestBackend {
  const seen: TestBackend['seen'] = { create: [], build: [], detached: [] };
  const image = busybox();
  const containers = new Map<string, Container>();
  const execs = new Map<string, ExecState>();
  const recent: EngineEvent[] = [];
  const listeners = new Set<(event: EngineEvent) => void>();
  const backend: TestBackend = {
    seen,
    script: { events: [] },
    config: { dataRoot: `${tmpdir()}/strata-api-test`, stateRoot: tmpdir() },
    content: {},
    snapshots: { stack: () => [], active: async () => undefined },
    layers: {},
    transfers: {
      async pull(ref: { path: string }, { progress }: { progress?: (event: object) => void }) {
        progress?.({ status: `Pulling from ${ref.path}`, id: 'latest' });
        if (ref.path.endsWith('/gone')) throw new StrataError('not_found', 'manifest for gone not found');
        progress?.({ status: 'Downloading', id: '0123456789ab', current: 44540, total: 1986647 });
        return { id: image.id, digest: image.id, upToDate: false };
      },
    },
    registry: { login: async () => ({ status: 'Login Succeeded' }), search: async () => [] },
    images: {
      find: async (text: string) =>
        [image.id, 'busybox', 'busybox:latest', 'library/busybox:latest'].includes(text) ? image : undefined,
      get: async (text: string) => {
        const found = await backend.images.find(text);
        if (!found) throw new StrataError('not_found', `No such image: ${text}`);
        return found;
      },
      listed: async (text: string) => backend.images.get(text),
      list: async () => [image],
      history: async () => [
        { id: image.id, created: 1, createdBy: 'made', comment: '', tags: ['busybox:latest'], size: 7 },
      ],
      diskUsage: async () => ({ images: [{ id: image.id, size: 7, sharedSize: 0 }], layersSize: 7 }),
      touch() {},
      tag: async () => {},
      import: async () => image,
      load: async () => [{ id: image.id }],
    },
    containers: {
      async create(spec: CreateContainer) {
        seen.create.push(spec);
        const container = newContainer(spec, await spec.image());
        containers.set(container.id, container);
        return { container, warnings: [] };
      },
      get(ref: string) {
        const found = containers.get(ref) ?? [...containers.values()].find((one) => one.name === ref);
        if (!found) throw new StrataError('not_found', `No such container: ${ref}`);
        return found;
      },
      list: () => [...containers.values()],
      async start(ref: string) {
        const found = backend.containers.get(ref);
        containers.set(found.id, {
          ...found,
          state: { ...found.state, status: 'running', pid: 7, startedAt: new Date().toISOString() },
        });
      },
      async stop() {},
      async remove(ref: string) {
        containers.delete(backend.containers.get(ref).id);
      },
      async resize() {},
      update: async () => [],
      kill: async () => {},
      rename: async () => {},
      prune: async () => ({ deleted: [], reclaimed: 0 }),
      size: async () => 3,
      async *logs() {
        yield chunk('one\n');
        yield chunk('two\n', 'stderr');
      },
      attach: async (ref: string) => echo(() => seen.detached.push(ref)),
      wait: async () => ({ exitCode: 3 }),
      stats: async () => ({ read: 'now', cpu_stats: { online_cpus: 1 } }),
      changes: async () => [{ path: '/x', kind: 'A' }],
      exec: {
        async create(ref: string, config: ExecConfig) {
          const state: ExecState = {
            id: randomBytes(32).toString('hex'),
            containerID: backend.containers.get(ref).id,
            config,
            running: false,
            exitCode: null,
            pid: 0,
          };
          execs.set(state.id, state);
          return state;
        },
        async start(id: string) {
          if (execs.get(id)?.config.Cmd[0] === 'nosuch')
            throw new StrataError('invalid_argument', 'exec: "nosuch": not found');
          return echo(() => seen.detached.push(id));
        },
        inspect(id: string) {
          const found = execs.get(id);
          if (!found) throw new StrataError('not_found', `No such exec instance: ${id}`);
          return found;
        },
      },
    },
    networks: {
      list: () => [],
      get: noNetwork,
      create: async ({ name }: { name: string }) => ({ id: 'n', name, driver: 'bridge' }),
    },
    volumes: { list: () => [], create: async ({ name }: { name?: string }) => newVolume(name ?? 'anonymous') },
    builder: {
      async build(
        request: BuildRequest,
        { progress, signal }: { progress: (event: BuildEvent) => void; signal: AbortSignal },
      ) {
        seen.build.push(request);
        for (const event of backend.script.events) progress(event);
        await backend.script.wait?.(signal);
        if (backend.script.fail) throw backend.script.fail;
        return { imageID: image.id };
      },
      cache: { list: async () => [], prune: async () => ({ deleted: [], reclaimed: 0 }) },
    },
    events: {
      publish(event: Omit<EngineEvent, 'time' | 'timeNano' | 'scope'>) {
        const whole: EngineEvent = { ...event, scope: 'local', time: 1, timeNano: Date.now() * 1e6 };
        recent.push(whole);
        for (const listener of listeners) listener(whole);
      },
      subscribe(listener: (event: EngineEvent) => void) {
        listeners.add(listener);
        return () => listeners.delete(listener);
      },
      recent: () => recent,
    },
    info: async () => ({ KernelVersion: '6' }),
    settled: async () => {},
    makeRoom: () => {},
    close: async () => {},
  } as unknown as TestBackend;
  return backend;
}

/** Says `ready`, then gives back each line in capitals until its input is closed. */
function echo(onDetach: () => void): Attachment {
  const queue: LogChunk[] = [chunk('ready\n')];
  let over = false;
  let wake = () => {};
  const push = (item: LogChunk | undefined) => {
    if (item) queue.push(item);
    else over = true;
    wake();
  };
  return {
    output: {
      async *[Symbol.asyncIterator]() {
        for (;;) {
          const next = queue.shift();
          if (next) yield next;
          else if (over) return;
          else await new Promise<void>((resolve) => (wake = resolve));
        }
      },
    },
    write: async (data) => push(chunk(Buffer.from(data).toString().toUpperCase())),
    closeInput: async () => {
      push(chunk('closed\n', 'stderr'));
      push(undefined);
    },
    detach: () => {
      onDetach();
      push(undefined);
    },
  };
}

function noNetwork(ref: string): never {
  throw new StrataError('not_found', `network ${ref} not found`);
}

function newVolume(name: string): Volume {
  return {
    name,
    driver: 'local',
    mountpoint: `/volumes/${name}`,
    createdAt: '2026-01-01T00:00:00.000Z',
    labels: {},
    options: {},
    anonymous: false,
  };
}

function busybox(): Image {
  const config: ImageConfig = {
    architecture: 'amd64',
    os: 'linux',
    created: '2024-01-01T00:00:00Z',
    config: { Cmd: ['sh'], Env: ['PATH=/bin'] },
    rootfs: { type: 'layers', diff_ids: [] },
  };
  const rawConfig = Buffer.from(JSON.stringify(config));
  return {
    id: sha256(rawConfig),
    config,
    rawConfig,
    names: ['docker.io/library/busybox:latest'],
    repoDigests: [],
    snapshot: null,
    size: 7,
    createdAt: Date.parse('2024-01-01T00:00:00Z'),
    taggedAt: 0,
    usedAt: 0,
    parent: null,
  };
}

function newContainer({ name, config, host }: CreateContainer, image: ContainerImage | null): Container {
  const id = randomBytes(32).toString('hex');
  return {
    id,
    name: name ?? id.slice(0, 6),
    created: new Date().toISOString(),
    imageID: image?.id ?? null,
    config,
    host,
    state: {
      status: 'created',
      pid: 0,
      exitCode: 0,
      oomKilled: false,
      error: '',
      startedAt: '0001-01-01T00:00:00Z',
      finishedAt: '0001-01-01T00:00:00Z',
    },
    restartCount: 0,
    path: config.Cmd?.[0] ?? '',
    args: config.Cmd?.slice(1) ?? [],
    snapshot: 'key' as Container['snapshot'],
    networks: { bridge: {} },
    ports: {},
    mounts: [],
    logPath: '',
  };
}
