import type { Duplex } from 'node:stream';
import type {
  Change,
  ContainerInspect,
  ContainerStats,
  ContainerSummary,
  CreatedContainer,
  Filters,
  PathStat,
  Waited,
} from '../wire/index.ts';
import type { Transport } from './transport.ts';
import { filterText, versioned } from './wire.ts';

type Bytes = AsyncIterable<Uint8Array>;

export interface AttachOptions {
  readonly stdin?: boolean;
  readonly stdout?: boolean;
  readonly stderr?: boolean;
  readonly logs?: boolean;
  readonly detachKeys?: string | undefined;
  readonly signal?: AbortSignal;
}

export interface LogOptions {
  readonly follow?: boolean;
  readonly stdout?: boolean;
  readonly stderr?: boolean;
  readonly since?: string | undefined;
  readonly until?: string | undefined;
  readonly timestamps?: boolean;
  readonly tail?: string | undefined;
  readonly details?: boolean;
}

export interface ExecConfig {
  readonly AttachStdin: boolean;
  readonly AttachStdout: boolean;
  readonly AttachStderr: boolean;
  readonly Tty: boolean;
  readonly Cmd: readonly string[];
  readonly Env?: readonly string[];
  readonly User?: string;
  readonly WorkingDir?: string;
  readonly Privileged?: boolean;
  readonly DetachKeys?: string;
  readonly ConsoleSize?: readonly [number, number];
}

export interface ContainerCalls {
  list(options?: { all?: boolean; limit?: number; size?: boolean; filters?: Filters }): Promise<ContainerSummary[]>;
  create(config: object, options: { name?: string; platform?: string }): Promise<CreatedContainer>;
  inspect(id: string): Promise<ContainerInspect>;
  /** The answer as it came, for whoever shows it. */
  inspectText(id: string, options?: { size?: boolean }): Promise<string>;
  start(id: string, options?: { detachKeys?: string | undefined }): Promise<void>;
  stop(id: string, options?: { t?: number | undefined; signal?: string | undefined }): Promise<void>;
  restart(id: string, options?: { t?: number | undefined; signal?: string | undefined }): Promise<void>;
  kill(id: string, signal?: string): Promise<void>;
  pause(id: string): Promise<void>;
  unpause(id: string): Promise<void>;
  rename(id: string, name: string): Promise<void>;
  update(id: string, settings: object): Promise<{ Warnings: string[] | null }>;
  remove(id: string, options?: { force?: boolean; v?: boolean; link?: boolean }): Promise<void>;
  prune(filters: Filters): Promise<{ ContainersDeleted: string[] | null; SpaceReclaimed: number }>;
  /** Answers when the daemon has begun to wait; the outer promise settles then, the inner one at the end. */
  wait(
    id: string,
    condition: 'not-running' | 'next-exit' | 'removed',
    signal?: AbortSignal,
  ): Promise<{ ended: Promise<Waited> }>;
  attach(id: string, options: AttachOptions): Promise<Duplex>;
  resize(id: string, rows: number, columns: number): Promise<void>;
  logs(id: string, options: LogOptions): Promise<Bytes>;
  top(id: string, args?: string): Promise<{ Titles: string[]; Processes: string[][] | null }>;
  stats(
    id: string,
    options: { stream: boolean; oneShot?: boolean; signal?: AbortSignal },
  ): AsyncGenerator<ContainerStats>;
  changes(id: string): Promise<Change[] | null>;
  export(id: string): Promise<Bytes>;
  stat(id: string, path: string): Promise<PathStat>;
  getArchive(id: string, path: string): Promise<{ stat: PathStat; body: Bytes }>;
  putArchive(
    id: string,
    path: string,
    body: Bytes,
    options: { noOverwriteDirNonDir?: boolean; copyUIDGID?: boolean },
  ): Promise<void>;
  commit(
    id: string,
    options: {
      repo?: string;
      tag?: string;
      comment?: string;
      author?: string;
      changes?: readonly string[];
      pause: boolean;
    },
  ): Promise<{ Id: string }>;
  exec: {
    create(id: string, config: ExecConfig): Promise<{ Id: string }>;
    start(execID: string, options: { tty: boolean; consoleSize?: readonly [number, number] }): Promise<Duplex>;
    startDetached(execID: string): Promise<void>;
    resize(execID: string, rows: number, columns: number): Promise<void>;
    inspect(execID: string): Promise<{ Running: boolean; ExitCode: number | null }>;
  };
}

export function createContainerCalls(transport: Transport): ContainerCalls {
  const call = versioned(transport);
  const at = (id: string, rest: string) => `/containers/${encodeURIComponent(id)}${rest}`;
  const post = async (path: string, query: object = {}): Promise<void> => {
    await call.text('POST', path, { query: query as Record<string, string | number | boolean | undefined> });
  };
  return {
    list: ({ all, limit, size, filters } = {}) =>
      call.json('GET', '/containers/json', { query: { all, limit, size, filters: filterText(filters) } }),
    create: (config, { name, platform }) =>
      call.json('POST', '/containers/create', {
        query: { name: name || undefined, platform: platform || undefined },
        json: config,
      }),
    inspect: (id) => call.json('GET', at(id, '/json')),
    inspectText: (id, { size } = {}) => call.text('GET', at(id, '/json'), { query: { size } }),
    start: (id, options) => post(at(id, '/start'), options),
    stop: (id, options) => post(at(id, '/stop'), options),
    restart: (id, options) => post(at(id, '/restart'), options),
    kill: (id, signal) => post(at(id, '/kill'), { signal }),
    pause: (id) => post(at(id, '/pause')),
    unpause: (id) => post(at(id, '/unpause')),
    rename: (id, name) => post(at(id, '/rename'), { name }),
    update: (id, settings) => call.json('POST', at(id, '/update'), { json: settings }),
    async remove(id, { force, v, link } = {}) {
      await call.text('DELETE', at(id, ''), { query: { force, v, link } });
    },
    prune: (filters) => call.json('POST', '/containers/prune', { query: { filters: filterText(filters) } }),
    async wait(id, condition, signal) {
      const response = await call.send('POST', at(id, '/wait'), { query: { condition }, ...(signal && { signal }) });
      return { ended: readWaited(response) };
    },
    attach: (id, { signal, ...options }) =>
      call.hijack(at(id, '/attach'), { query: { stream: true, ...options }, ...(signal && { signal }) }),
    resize: (id, rows, columns) => post(at(id, '/resize'), { h: rows, w: columns }),
    logs: (id, options) => call.send('GET', at(id, '/logs'), { query: { ...options } }),
    top: (id, args) => call.json('GET', at(id, '/top'), { query: { ps_args: args || undefined } }),
    stats: (id, { stream, oneShot, signal }) =>
      call.lines('GET', at(id, '/stats'), { query: { stream, 'one-shot': oneShot }, ...(signal && { signal }) }),
    changes: (id) => call.json('GET', at(id, '/changes')),
    export: (id) => call.send('GET', at(id, '/export')),
    async stat(id, path) {
      const answer = await call.send('HEAD', at(id, '/archive'), { query: { path } });
      for await (const _ of answer);
      return statOf(answer.headers['x-docker-container-path-stat']);
    },
    async getArchive(id, path) {
      const response = await call.send('GET', at(id, '/archive'), { query: { path } });
      return { stat: statOf(response.headers['x-docker-container-path-stat']), body: response };
    },
    async putArchive(id, path, body, { noOverwriteDirNonDir, copyUIDGID }) {
      await call.text('PUT', at(id, '/archive'), {
        query: { path, noOverwriteDirNonDir, copyUIDGID: copyUIDGID || undefined },
        body,
        headers: { 'Content-Type': 'application/x-tar' },
      });
    },
    commit: (id, { repo, tag, comment, author, changes, pause }) =>
      call.json('POST', '/commit', { query: { container: id, repo, tag, comment, author, changes, pause }, json: {} }),
    exec: {
      create: (id, config) => call.json('POST', at(id, '/exec'), { json: config }),
      start: (execID, { tty, consoleSize }) =>
        call.hijack(`/exec/${execID}/start`, {
          json: { Detach: false, Tty: tty, ...(consoleSize && { ConsoleSize: consoleSize }) },
          headers: { 'Content-Type': 'application/json' },
        }),
      async startDetached(execID) {
        await call.text('POST', `/exec/${execID}/start`, { json: { Detach: true, Tty: false } });
      },
      resize: (execID, rows, columns) => post(`/exec/${execID}/resize`, { h: rows, w: columns }),
      inspect: (execID) => call.json('GET', `/exec/${execID}/json`),
    },
  };
}

async function readWaited(response: Bytes): Promise<Waited> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of response) chunks.push(chunk);
  return JSON.parse(Buffer.concat(chunks).toString('utf8')) as Waited;
}

function statOf(header: string | string[] | undefined): PathStat {
  return JSON.parse(Buffer.from(String(header ?? ''), 'base64').toString('utf8')) as PathStat;
}
