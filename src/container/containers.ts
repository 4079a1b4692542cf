import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  closeSync,
  constants,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  watch,
  writeFileSync,
} from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { resolveUser } from '../account/index.ts';
import type { Database } from '../db/index.ts';
import { messageOf, StrataError } from '../errors/index.ts';
import type { EndpointSettings, Networks } from '../network/index.ts';
import type { Mount, Snapshots } from '../snapshot/index.ts';
import { fdPath, mkdirInRoot, unmount } from '../sys/index.ts';
import type { Volumes } from '../volume/index.ts';
import { type Attached, createAttachment } from './attach.ts';
import { changedPaths, writableSize } from './changes.ts';
import { commandOf, mergeConfig, portsToPublish, processEnvironment, resourcesOf } from './configure.ts';
import { startConmon } from './conmon.ts';
import { createExecs } from './execs.ts';
import { createHealth } from './health.ts';
import { containerFiles } from './injected-files.ts';
import { followLog, logSize, readLog } from './log-file.ts';
import { collectMountPoints, specMounts } from './mount-points.ts';
import { randomName } from './names.ts';
import { type ContainerRecord, freshState, isRunning, never, timestamp } from './record.ts';
import { type RuntimeFacts, runRuntime } from './runtime.ts';
import { securityOf } from './security-options.ts';
import { parseSignal } from './signals.ts';
import { makeSpec } from './spec.ts';
import { startFailure } from './start-failure.ts';
import { readStats } from './stats.ts';
import { listProcesses } from './top.ts';
import type {
  Container,
  ContainerEvent,
  ContainerState,
  Containers,
  CreateContainer,
  HostConfig,
  LogChunk,
  LogOptions,
} from './types.ts';

export interface ContainerOptions {
  readonly db: Database;
  readonly snapshots: Snapshots;
  readonly networks: Networks;
  readonly volumes: Volumes;
  readonly dataRoot: string;
  readonly stateRoot: string;
  readonly runtime: () => RuntimeFacts;
}

/** What this process knows of a container besides its row. */
interface Live {
  /** Called whenever the state changed. */
  readonly listeners: Set<() => void>;
  /** Work on one container is done one after another. */
  turn: Promise<unknown>;
  mount?: Mount;
  restarts: number;
  restartTimer?: NodeJS.Timeout;
}

export function createContainers(options: ContainerOptions): Containers {
  const { db, snapshots, networks, volumes } = options;
  const dataDir = join(options.dataRoot, 'containers');
  const stateDir = join(options.stateRoot, 'containers');
  const exitDir = join(options.stateRoot, 'exits');
  for (const dir of [dataDir, stateDir, exitDir]) mkdirSync(dir, { recursive: true, mode: 0o700 });
  const lives = new Map<string, Live>();
  const subscribers = new Set<(event: ContainerEvent) => void>();
  let closed = false;

  // ------------------------------------------------------------------ rows

  const parse = (row: { record: string }) => JSON.parse(row.record) as ContainerRecord;
  const byID = (id: string) => {
    const row = db.get<{ record: string }>('SELECT record FROM containers WHERE id = ?', id);
    return row && parse(row);
  };

  function get(ref: string): ContainerRecord {
    const name = ref.startsWith('/') ? ref.slice(1) : ref;
    const found = byID(name) ?? byNameOrPrefix(name);
    if (found) return found;
    throw new StrataError('not_found', `No such container: ${ref}`, { code: 'container_not_found' });
  }

  function byNameOrPrefix(name: string): ContainerRecord | undefined {
    const row = db.get<{ record: string }>('SELECT record FROM containers WHERE name = ?', name);
    if (row) return parse(row);
    if (!/^[a-f0-9]+$/.test(name)) return undefined;
    const rows = db.all<{ record: string }>(
      'SELECT record FROM containers WHERE id >= ?1 AND id < ?2 LIMIT 2',
      name,
      `${name}g`,
    );
    if (rows.length > 1)
      throw new StrataError('invalid_argument', `multiple IDs found with provided prefix: ${name}`, {
        code: 'ambiguous_prefix',
      });
    return rows[0] && parse(rows[0]);
  }

  function change(id: string, patch: Partial<ContainerRecord>): ContainerRecord {
    const next = { ...byID(id)!, ...patch };
    db.run('UPDATE containers SET record = ?, name = ? WHERE id = ?', JSON.stringify(next), next.name, id);
    for (const listener of [...live(id).listeners]) listener();
    return next;
  }

  const changeState = (id: string, patch: Partial<ContainerState>) =>
    change(id, { state: { ...byID(id)!.state, ...patch } });

  function live(id: string): Live {
    const known = lives.get(id);
    if (known) return known;
    const made: Live = { listeners: new Set(), turn: Promise.resolve(), restarts: 0 };
    lives.set(id, made);
    return made;
  }

  function inTurn<T>(id: string, work: () => Promise<T>): Promise<T> {
    const one = live(id);
    const next = one.turn.then(work);
    one.turn = next.catch(() => undefined);
    return next;
  }

  function emit(
    action: ContainerEvent['action'],
    container: Container,
    attributes?: Readonly<Record<string, string>>,
  ): void {
    for (const subscriber of subscribers) subscriber({ action, container, ...(attributes && { attributes }) });
  }

  const bundleOf = (id: string) => join(stateDir, id.slice(0, 16));
  const rootOf = (id: string) => join(bundleOf(id), 'rootfs');
  const folderOf = (id: string) => join(dataDir, id);

  // ------------------------------------------------------------------ create

  async function create(spec: CreateContainer): Promise<{ container: Container; warnings: string[] }> {
    const id = randomBytes(32).toString('hex');
    const taken = (name: string) => db.get<{ id: string }>('SELECT id FROM containers WHERE name = ?', name);
    const name = spec.name?.replace(/^\//, '') || randomName((one) => taken(one) !== undefined);
    if (!/^[a-zA-Z0-9][a-zA-Z0-9_.-]+$/.test(name)) {
      throw new StrataError(
        'invalid_argument',
        `Invalid container name (${name}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed`,
        { code: 'invalid_name' },
      );
    }
    refuseTaken(name, taken(name)?.id);
    const config = mergeConfig(spec.config, spec.image?.config ?? {}, id);
    const command = commandOf(config);
    const host = spec.host;
    portsToPublish(config, host);
    if (config.StopSignal) parseSignal(config.StopSignal);
    const from = (host.VolumesFrom ?? []).flatMap((ref) => {
      const [other = '', mode] = ref.split(':');
      return get(other).mounts.map((point) => ({ ...point, RW: point.RW && mode !== 'ro' }));
    });
    const points = await collectMountPoints(config, host, volumes, from);
    const active = await snapshots.prepare(spec.image?.snapshot ?? null);
    const folder = folderOf(id);
    try {
      mkdirSync(folder, { recursive: true, mode: 0o710 });
      const logPath = join(folder, 'container.log');
      writeFileSync(logPath, '', { mode: 0o640 });
      if (points.populate.length > 0) {
        const mounted = await snapshots.mount(spec.image?.snapshot ?? null);
        try {
          for (const { name: volume, target } of points.populate)
            await volumes.populate(volume, mounted.target, target);
        } finally {
          await mounted.unmount();
        }
      }
      const record: ContainerRecord = {
        id,
        name,
        created: timestamp(),
        imageID: spec.image?.id ?? null,
        config,
        host,
        state: freshState,
        restartCount: 0,
        path: command[0]!,
        args: command.slice(1),
        snapshot: active.key,
        networks: requestedNetworks(host, spec.endpoints ?? {}),
        ports: {},
        mounts: points.mounts,
        logPath,
        runs: 0,
        startTicks: '',
        stopped: false,
        anonymousVolumes: points.anonymous,
      };
      db.transaction(() => {
        refuseTaken(name, taken(name)?.id);
        db.run(
          'INSERT INTO containers (id, name, snapshot, record) VALUES (?, ?, ?, ?)',
          id,
          name,
          active.key,
          JSON.stringify(record),
        );
      });
      emit('create', record);
      return { container: record, warnings: warningsFor(host) };
    } catch (error) {
      await snapshots.discard(active.key);
      rmSync(folder, { recursive: true, force: true });
      for (const volume of points.anonymous) await volumes.remove(volume, { inUse: new Set(), force: true });
      throw error;
    }
  }

  function refuseTaken(name: string, by: string | undefined): void {
    if (by === undefined) return;
    throw new StrataError(
      'conflict',
      `Conflict. The container name "/${name}" is already in use by container "${by}". You have to remove (or rename) that container to be able to reuse that name.`,
      { code: 'name_in_use' },
    );
  }

  function requestedNetworks(
    host: HostConfig,
    endpoints: Readonly<Record<string, EndpointSettings>>,
  ): Record<string, EndpointSettings> {
    const mode = host.NetworkMode || 'default';
    if (mode.startsWith('container:')) {
      get(mode.slice('container:'.length));
      return {};
    }
    const first = mode === 'default' ? 'bridge' : networks.get(mode).name;
    const out: Record<string, EndpointSettings> = { [first]: endpoints[mode] ?? endpoints[first] ?? {} };
    for (const [name, settings] of Object.entries(endpoints))
      if (name !== mode && name !== first) out[networks.get(name).name] = settings;
    return out;
  }

  function warningsFor(host: HostConfig): string[] {
    const facts = options.runtime();
    const warnings: string[] = [];
    if (facts.cgroups === 'none' && (host.Memory || host.NanoCpus))
      warnings.push('Your kernel does not support cgroups. Limits discarded.');
    if (!facts.seccomp && !host.Privileged)
      warnings.push(
        'No seccomp profile is installed (/usr/share/containers/seccomp.json): the container runs without one.',
      );
    return warnings;
  }

  // ------------------------------------------------------------------ start

  async function startNow(id: string): Promise<void> {
    const record = get(id);
    if (isRunning(record))
      throw new StrataError('failed_precondition', `container ${record.name} is already running`, {
        code: 'already_running',
      });
    const one = live(id);
    const facts = options.runtime();
    const bundle = bundleOf(id);
    change(id, { stopped: false });
    try {
      rmSync(join(exitDir, id), { force: true });
      mkdirSync(rootOf(id), { recursive: true, mode: 0o700 });
      chmodSync(bundle, 0o711);
      const active = await snapshots.active(record.snapshot);
      if (!active) throw new StrataError('data_loss', `the root file system of container ${record.name} is gone`);
      one.mount = await snapshots.mount(active, { target: rootOf(id) });
      const connected = await connect(record);
      await startProcess(record, facts, bundle, connected.network);
      const state: Partial<ContainerState> = {
        status: 'running',
        error: '',
        exitCode: 0,
        oomKilled: false,
        finishedAt: never,
      };
      const started = byID(id)!;
      // Counted in the same stroke that says `running`: who attached or waits before the start takes a counted run that
      // does not run for one that has ended.
      change(id, {
        runs: record.runs + 1,
        networks: connected.endpoints,
        ports: connected.ports,
        state: { ...started.state, ...state },
      });
      emit('start', byID(id)!);
      health.begin(id);
    } catch (error) {
      await release(id, record);
      const failure =
        error instanceof StrataError ? error : new StrataError('internal', messageOf(error), { cause: error });
      change(id, { runs: record.runs + 1 });
      changeState(id, {
        status: 'created',
        pid: 0,
        error: failure.message,
        exitCode: failure.exitCode ?? 128,
        finishedAt: record.state.finishedAt,
      });
      emit('die', byID(id)!, { exitCode: String(failure.exitCode ?? 128) });
      if (record.host.AutoRemove) await removeRow(id, true);
      throw failure;
    }
  }

  async function connect(record: ContainerRecord): Promise<{
    network: Parameters<typeof makeSpec>[0]['network'];
    endpoints: Record<string, EndpointSettings>;
    ports: Container['ports'];
  }> {
    const mode = record.host.NetworkMode || 'default';
    if (mode === 'host' || mode === 'none' || record.config.NetworkDisabled)
      return { network: { kind: mode === 'host' ? 'host' : 'none' }, endpoints: { ...record.networks }, ports: {} };
    if (mode.startsWith('container:')) {
      const other = get(mode.slice('container:'.length));
      if (!isRunning(other))
        throw new StrataError('conflict', `cannot join network of a non running container: ${other.id}`);
      return { network: { kind: 'path', path: `/proc/${other.state.pid}/ns/net` }, endpoints: {}, ports: {} };
    }
    const host = record.host;
    const powerful =
      host.Privileged ||
      (host.CapAdd ?? []).some((name) => /^(CAP_)?(ALL|NET_ADMIN|SYS_ADMIN)$/i.test(name)) ||
      Object.keys(host.Sysctls ?? {}).length > 0;
    try {
      const made = await networks.connect({
        containerID: record.id,
        containerName: record.name,
        networks: Object.entries(record.networks).map(([name, settings]) => ({
          name,
          aliases: settings.Aliases ?? [],
          ...(settings.IPAMConfig?.IPv4Address && { ip: settings.IPAMConfig.IPv4Address }),
        })),
        ports: portsToPublish(record.config, host),
        reusable: !powerful,
      });
      const exposed = Object.fromEntries(
        Object.keys(record.config.ExposedPorts ?? {}).map((port) => [port.includes('/') ? port : `${port}/tcp`, null]),
      );
      const endpoints = Object.fromEntries(
        Object.entries(made.endpoints).map(([name, settings]) => [name, { ...record.networks[name], ...settings }]),
      );
      return { network: { kind: 'path', path: made.sandbox.path }, endpoints, ports: { ...exposed, ...made.ports } };
    } catch (error) {
      if (error instanceof StrataError && (error.code === 'port_allocated' || error.code === 'port_in_use')) {
        throw new StrataError(
          'conflict',
          `failed to set up container networking: driver failed programming external connectivity on endpoint ${record.name} (${record.id}): ${error.message}`,
          { code: error.code, exitCode: 125, ...(error.hint && { hint: error.hint }) },
        );
      }
      throw error;
    }
  }

  async function startProcess(
    record: ContainerRecord,
    facts: RuntimeFacts,
    bundle: string,
    network: Parameters<typeof makeSpec>[0]['network'],
  ): Promise<void> {
    const { id, config, host } = record;
    const root = rootOf(id);
    const user = resolveUser(root, config.User ?? '', host.GroupAdd ?? []);
    const cwd = config.WorkingDir || '/';
    if (cwd.startsWith('/proc/') && cwd.includes('/fd'))
      throw new StrataError('invalid_argument', `working directory ${cwd} is refused`);
    mkdirInRoot(root, cwd, { mode: 0o755, uid: 0, gid: 0 });
    const injected = await containerFiles(record, folderOf(id), networks);
    const security = securityOf(host.SecurityOpt ?? []);
    const init = host.Init ? ['/dev/init', '--'] : [];
    const spec = makeSpec(
      {
        id,
        root,
        readonlyRoot: host.ReadonlyRootfs ?? false,
        args: [...init, record.path, ...record.args],
        env: processEnvironment(config, user.home),
        cwd,
        user,
        tty: config.Tty ?? false,
        hostname: host.UTSMode === 'host' ? undefined : config.Hostname,
        network,
        pid: host.PidMode === 'host' ? 'host' : namespaceOf(host.PidMode, 'pid'),
        ipc: host.IpcMode === 'host' ? 'host' : namespaceOf(host.IpcMode, 'ipc'),
        uts: host.UTSMode === 'host' ? 'host' : 'own',
        privileged: host.Privileged ?? false,
        capAdd: host.CapAdd ?? [],
        capDrop: host.CapDrop ?? [],
        seccomp: security.seccomp,
        noNewPrivileges: security.noNewPrivileges,
        unmasked: security.unmasked,
        mounts: [
          ...injected,
          ...specMounts(record.mounts),
          ...(host.Init
            ? [{ destination: '/dev/init', type: 'bind', source: '/usr/bin/catatonit', options: ['bind', 'ro'] }]
            : []),
        ],
        shmSize: host.ShmSize || 64 * 1024 * 1024,
        ulimits: host.Ulimits ?? [],
        sysctls: host.Sysctls ?? {},
        resources: resourcesOf(host),
        cgroupsPath: `${host.CgroupParent || '/strata'}/${id}`,
        devices: [],
        ...(host.OomScoreAdj && { oomScoreAdj: host.OomScoreAdj }),
      },
      facts,
    );
    await writeFile(join(bundle, 'config.json'), JSON.stringify(spec), { mode: 0o600 });
    let pid: number;
    try {
      pid = await startConmon(facts, {
        id,
        uuid: id,
        name: record.name,
        folder: bundle,
        exitDir,
        logPath: record.logPath,
        tty: config.Tty ?? false,
        stdin: config.OpenStdin ?? false,
        leaveStdinOpen: (config.OpenStdin ?? false) && !(config.StdinOnce ?? false),
        ...logLimit(host),
      });
    } catch (error) {
      throw error instanceof StrataError && error.code === 'runtime_failed'
        ? startFailure(error.message, record.path, false)
        : error;
    }
    change(id, { startTicks: startTicks(pid), state: { ...byID(id)!.state, pid, startedAt: timestamp() } });
    const started = await runRuntime(facts, ['start', id]);
    if (started.code !== 0) {
      await runRuntime(facts, ['delete', '--force', id]);
      throw startFailure(started.stderr.trim(), record.path, false);
    }
  }

  function namespaceOf(mode: string | undefined, kind: 'pid' | 'ipc'): 'own' | { path: string } {
    if (!mode?.startsWith('container:')) return 'own';
    const other = get(mode.slice('container:'.length));
    if (!isRunning(other))
      throw new StrataError('conflict', `cannot join ${kind} namespace of a non running container: ${other.id}`);
    return { path: `/proc/${other.state.pid}/ns/${kind}` };
  }

  /** What a run took is given back: mount, network. */
  async function release(id: string, record: ContainerRecord): Promise<void> {
    await networks.disconnect(record.id);
    const one = live(id);
    if (one.mount) await one.mount.unmount();
    else detachMount(rootOf(id));
    delete one.mount;
    rmSync(bundleOf(id), { recursive: true, force: true });
  }

  // ------------------------------------------------------------------ exit

  /** conmon wrote the exit code of a container: everything that follows from it. */
  async function exited(id: string): Promise<void> {
    const record = byID(id);
    if (!record || !isRunning(record)) return;
    const file = join(exitDir, id);
    const code = existsSync(file) ? Number(readFileSync(file, 'utf8').trim()) : 137;
    health.end(id);
    // What wait and attach look for must not wait for the tidying up.
    const oomKilled = existsSync(join(bundleOf(id), 'oom'));
    changeState(id, { status: 'exited', pid: 0, exitCode: code, oomKilled, finishedAt: timestamp() });
    emit('die', byID(id)!, { exitCode: String(code) });
    await runRuntime(options.runtime(), ['delete', '--force', id]);
    await release(id, record);
    rmSync(file, { force: true });
    const now = byID(id);
    if (!now) return;
    change(id, { ports: {} });
    if (shouldRestart(now, code)) scheduleRestart(id);
    else if (now.host.AutoRemove) await removeRow(id, true);
  }

  function shouldRestart(record: ContainerRecord, code: number): boolean {
    if (record.stopped || closed) return false;
    const policy = record.host.RestartPolicy;
    if (policy?.Name === 'always' || policy?.Name === 'unless-stopped') return true;
    return (
      policy?.Name === 'on-failure' &&
      code !== 0 &&
      (!policy.MaximumRetryCount || record.restartCount < policy.MaximumRetryCount)
    );
  }

  function scheduleRestart(id: string): void {
    const one = live(id);
    const delay = Math.min(100 * 2 ** one.restarts++, 60_000);
    changeState(id, { status: 'restarting' });
    one.restartTimer = setTimeout(() => {
      void inTurn(id, async () => {
        const record = byID(id);
        if (record?.state.status !== 'restarting') return;
        changeState(id, { status: 'exited' });
        change(id, { restartCount: record.restartCount + 1 });
        await startNow(id).catch(() => undefined);
      });
    }, delay);
  }

  const watcher = watch(exitDir, (_, file) => {
    if (file && /^[0-9a-f]{64}$/.test(file)) void inTurn(file, () => exited(file)).catch(() => undefined);
  });
  // The safety net under the watch: a conmon that was killed writes no exit file.
  const patrol = setInterval(() => {
    for (const record of all()) {
      if (record.state.status !== 'running' && record.state.status !== 'paused') continue;
      if (
        existsSync(join(exitDir, record.id)) ||
        (record.state.pid > 0 && startTicks(record.state.pid) !== record.startTicks)
      ) {
        void inTurn(record.id, async () => {
          await new Promise((resolve) => setTimeout(resolve, existsSync(join(exitDir, record.id)) ? 0 : 500));
          await exited(record.id);
        }).catch(() => undefined);
      }
    }
  }, 2000);
  patrol.unref();

  const all = () => db.all<{ record: string }>('SELECT record FROM containers').map(parse);

  // ------------------------------------------------------------------ stop, kill, remove

  async function signal(record: ContainerRecord, name: string): Promise<void> {
    const result = await runRuntime(options.runtime(), ['kill', record.id, name]);
    if (
      result.code !== 0 &&
      isRunning(byID(record.id) ?? record) &&
      startTicks(record.state.pid) === record.startTicks
    ) {
      throw new StrataError('internal', `cannot kill container ${record.name}: ${result.stderr.trim()}`);
    }
  }

  /** Resolves when `holds`, or false after the time. */
  async function until(id: string, holds: () => boolean, timeoutMs: number): Promise<boolean> {
    if (holds()) return true;
    return await new Promise((resolve) => {
      const listeners = live(id).listeners;
      const timer = timeoutMs === Number.POSITIVE_INFINITY ? undefined : setTimeout(() => finish(false), timeoutMs);
      const check = () => holds() && finish(true);
      function finish(result: boolean): void {
        clearTimeout(timer);
        listeners.delete(check);
        resolve(result);
      }
      listeners.add(check);
      check();
    });
  }

  const ended = (id: string) => () => {
    const record = byID(id);
    return !record || !isRunning(record);
  };

  async function stop(
    ref: string,
    { timeoutSeconds, signal: asked }: { timeoutSeconds?: number; signal?: string } = {},
  ): Promise<void> {
    const record = get(ref);
    const one = live(record.id);
    clearTimeout(one.restartTimer);
    if (record.state.status === 'restarting') changeState(record.id, { status: 'exited' });
    if (!isRunning(get(record.id)))
      throw new StrataError('failed_precondition', `container ${record.name} is not running`, { code: 'not_running' });
    change(record.id, { stopped: true });
    if (record.state.status === 'paused') await runRuntime(options.runtime(), ['resume', record.id]);
    const name = parseSignal(asked ?? record.config.StopSignal ?? 'SIGTERM');
    emit('kill', record, { signal: String(name.number) });
    await signal(record, name.name);
    const seconds = timeoutSeconds ?? record.config.StopTimeout ?? 10;
    if (!(await until(record.id, ended(record.id), seconds < 0 ? Number.POSITIVE_INFINITY : seconds * 1000))) {
      emit('kill', record, { signal: '9' });
      await signal(record, 'KILL');
      await until(record.id, ended(record.id), 10_000);
    }
    await live(record.id).turn;
    emit('stop', byID(record.id) ?? record);
  }

  async function kill(ref: string, text = 'SIGKILL'): Promise<void> {
    const record = get(ref);
    if (!isRunning(record))
      throw new StrataError('conflict', `cannot kill container: ${ref}: container ${record.id} is not running`, {
        code: 'not_running',
      });
    const parsed = parseSignal(text);
    if (parsed.number === 9 || parsed.number === 15) change(record.id, { stopped: true });
    await signal(record, parsed.name);
    emit('kill', record, { signal: String(parsed.number) });
    if (parsed.number === 9) {
      await until(record.id, ended(record.id), 10_000);
    }
  }

  async function remove(
    ref: string,
    { force = false, volumes: withVolumes = false }: { force?: boolean; volumes?: boolean } = {},
  ): Promise<void> {
    const record = get(ref);
    if (isRunning(record)) {
      if (!force) {
        throw new StrataError(
          'conflict',
          `cannot remove container ${JSON.stringify(`/${record.name}`).replaceAll('\\"', '')}: container is running: stop the container before removing or force remove`,
          { code: 'container_running' },
        );
      }
      change(record.id, { stopped: true });
      clearTimeout(live(record.id).restartTimer);
      if (record.state.status === 'restarting') changeState(record.id, { status: 'exited' });
      else {
        if (record.state.status === 'paused') await runRuntime(options.runtime(), ['resume', record.id]);
        await signal(record, 'KILL');
        await until(record.id, ended(record.id), 10_000);
      }
    }
    await inTurn(record.id, () => removeRow(record.id, withVolumes));
  }

  async function removeRow(id: string, withVolumes: boolean): Promise<void> {
    const record = byID(id);
    if (!record) return;
    db.run('DELETE FROM containers WHERE id = ?', id);
    await snapshots.discard(record.snapshot);
    rmSync(folderOf(id), { recursive: true, force: true });
    rmSync(bundleOf(id), { recursive: true, force: true });
    if (withVolumes)
      for (const volume of record.anonymousVolumes)
        await volumes.remove(volume, { inUse: volumesInUse(), force: true }).catch(() => undefined);
    emit('destroy', record);
    for (const listener of [...live(id).listeners]) listener();
    lives.delete(id);
  }

  function volumesInUse(): ReadonlySet<string> {
    return new Set(all().flatMap(({ mounts }) => mounts.flatMap(({ Name }) => (Name === undefined ? [] : [Name]))));
  }

  // ------------------------------------------------------------------ streams

  async function attach(ref: string, attachOptions: Parameters<Containers['attach']>[1]): Promise<Attached> {
    const record = get(ref);
    const { id } = record;
    // Attached before the start, it is about the run to come.
    const run = isRunning(record) ? record.runs : record.runs + 1;
    const from = attachOptions.replay ? 0 : await logSize(record.logPath);
    const over = () => {
      const now = byID(id);
      return !now || now.runs > run || (now.runs === run && !isRunning(now));
    };
    emit('attach', record);
    return createAttachment({
      logPath: record.logPath,
      from,
      tty: record.config.Tty ?? false,
      ...attachOptions,
      stdin: attachOptions.stdin && (record.config.OpenStdin ?? false),
      socket: join(bundleOf(id), 'attach'),
      ended: attachOptions.stream ? over : () => true,
      started: async () =>
        await until(id, () => over() || byID(id)?.state.status === 'running', Number.POSITIVE_INFINITY),
      onWake: (wake) => {
        const { listeners } = live(id);
        listeners.add(wake);
        return () => listeners.delete(wake);
      },
    });
  }

  async function* logs(ref: string, logOptions: LogOptions): AsyncGenerator<LogChunk> {
    const record = get(ref);
    const wanted = (chunk: LogChunk) =>
      (chunk.stream === 'stdout' ? logOptions.stdout : logOptions.stderr) && inTime(chunk, logOptions);
    let from = 0;
    if (logOptions.tail !== undefined) {
      from = await logSize(record.logPath);
      yield* await lastLines(record.logPath, wanted, logOptions.tail);
    }
    if (!logOptions.follow) {
      if (logOptions.tail === undefined)
        for await (const chunk of readLog(record.logPath)) if (wanted(chunk)) yield chunk;
      return;
    }
    const { listeners } = live(record.id);
    const chunks = followLog(record.logPath, {
      from,
      ended: ended(record.id),
      onWake: (wake) => {
        listeners.add(wake);
        return () => listeners.delete(wake);
      },
      ...(logOptions.signal && { signal: logOptions.signal }),
    });
    for await (const chunk of chunks) if (wanted(chunk)) yield chunk;
  }

  // ------------------------------------------------------------------ the rest

  const execs = createExecs({ stateRoot: options.stateRoot, runtime: options.runtime, get, rootOf, emit });
  const health = createHealth({
    get: (id) => byID(id),
    run: execs.check,
    update: (id, value) => {
      if (!byID(id)) return;
      const before = byID(id)!.state.health?.status;
      changeState(id, { health: value });
      if (before !== value.status && value.status !== 'starting') emit(`health_status: ${value.status}`, byID(id)!);
    },
  });

  const containers: Containers = {
    create,
    start: async (ref) => {
      const { id } = get(ref);
      await inTurn(id, () => startNow(id));
    },
    stop,
    async restart(ref, restartOptions) {
      const record = get(ref);
      if (isRunning(record)) await stop(record.id, restartOptions);
      await containers.start(record.id);
      emit('restart', get(record.id));
    },
    kill,
    async pause(ref) {
      const record = get(ref);
      if (record.state.status !== 'running') throw new StrataError('conflict', `container ${record.id} is not running`);
      const { code, stderr } = await runRuntime(options.runtime(), ['pause', record.id]);
      if (code !== 0) throw new StrataError('internal', `cannot pause container ${record.name}: ${stderr.trim()}`);
      emit('pause', changeState(record.id, { status: 'paused' }));
    },
    async unpause(ref) {
      const record = get(ref);
      if (record.state.status !== 'paused') throw new StrataError('conflict', `container ${record.id} is not paused`);
      const { code, stderr } = await runRuntime(options.runtime(), ['resume', record.id]);
      if (code !== 0) throw new StrataError('internal', `cannot unpause container ${record.name}: ${stderr.trim()}`);
      emit('unpause', changeState(record.id, { status: 'running' }));
    },
    remove,
    async rename(ref, name) {
      const record = get(ref);
      const clean = name.replace(/^\//, '');
      if (!/^[a-zA-Z0-9][a-zA-Z0-9_.-]+$/.test(clean))
        throw new StrataError(
          'invalid_argument',
          `Invalid container name (${clean}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed`,
        );
      refuseTaken(clean, db.get<{ id: string }>('SELECT id FROM containers WHERE name = ?', clean)?.id);
      emit('rename', change(record.id, { name: clean }), { oldName: `/${record.name}` });
    },
    async resize(ref, rows, columns) {
      const record = get(ref);
      if (!isRunning(record)) throw new StrataError('conflict', `container ${record.id} is not running`);
      await writeFile(join(bundleOf(record.id), 'winsz'), `${rows} ${columns}\n`).catch(() => undefined);
      emit('resize', record, { height: String(rows), width: String(columns) });
    },
    async wait(ref, condition = 'not-running', abort) {
      const { id, runs, state } = get(ref);
      const running = isRunning({ state } as Container);
      let last = { exitCode: state.exitCode, error: state.error };
      const remember = () => {
        const record = byID(id);
        if (record) last = { exitCode: record.state.exitCode, error: record.state.error };
        return record;
      };
      await until(
        id,
        () => {
          if (abort?.aborted) return true;
          const record = remember();
          if (!record) return true;
          if (condition === 'removed') return false;
          if (condition === 'next-exit') return !isRunning(record) && (running ? true : record.runs > runs);
          return !isRunning(record);
        },
        Number.POSITIVE_INFINITY,
      );
      abort?.throwIfAborted();
      return { exitCode: last.exitCode, ...(last.error !== '' && { error: last.error }) };
    },
    get,
    list: () => all().sort((a, b) => (a.created < b.created ? 1 : -1)),
    logs,
    attach,
    async top(ref, psArgs) {
      const record = get(ref);
      if (!isRunning(record)) throw new StrataError('conflict', `container ${record.id} is not running`);
      return await listProcesses(record.state.pid, psArgs);
    },
    stats: async (ref) => await readStats(get(ref)),
    async update(ref, host) {
      const record = get(ref);
      if (isRunning(record)) {
        const resources = join(bundleOf(record.id), 'resources.json');
        await writeFile(resources, JSON.stringify(resourcesOf({ ...record.host, ...host })));
        const { code, stderr } = await runRuntime(options.runtime(), ['update', '--resources', resources, record.id]);
        if (code !== 0) throw new StrataError('internal', `Cannot update container ${record.id}: ${stderr.trim()}`);
      }
      emit('update', change(record.id, { host: { ...record.host, ...host } }));
    },
    async prune({ until: before, labels = [] }) {
      const deleted: string[] = [];
      let reclaimed = 0;
      for (const record of all()) {
        if (isRunning(record) || (before !== undefined && Date.parse(record.created) >= before)) continue;
        const own = record.config.Labels ?? {};
        if (
          !labels.every((label) => {
            const [key = '', value] = label.split('=');
            return Object.hasOwn(own, key) && (value === undefined || own[key] === value);
          })
        )
          continue;
        reclaimed += await containers.size(record.id);
        await remove(record.id);
        deleted.push(record.id);
      }
      return { deleted, reclaimed };
    },
    async withRoot(ref, use) {
      const record = get(ref);
      if (isRunning(record)) {
        // The process's own view, mounts included; opened once, so that it stays this process's root.
        const fd = openSync(`/proc/${record.state.pid}/root`, constants.O_RDONLY | constants.O_DIRECTORY);
        try {
          return await use(fdPath(fd).replace('/proc/self/', `/proc/${process.pid}/`));
        } finally {
          closeSync(fd);
        }
      }
      const active = await snapshots.active(record.snapshot);
      if (!active) throw new StrataError('data_loss', `the root file system of container ${record.name} is gone`);
      const mounted = await snapshots.mount(active);
      try {
        return await use(mounted.target);
      } finally {
        await mounted.unmount();
      }
    },
    changes: async (ref) => await changedPaths(get(ref).snapshot, snapshots),
    size: async (ref) => {
      const active = await snapshots.active(get(ref).snapshot);
      return active ? await writableSize(active.diffDir) : 0;
    },
    exec: execs,
    subscribe(listener) {
      subscribers.add(listener);
      return () => subscribers.delete(listener);
    },
    async recover() {
      const records = all();
      await networks.recover(new Set(records.filter(isRunning).map(({ id }) => id)));
      for (const record of records) await recoverOne(record);
      const known = new Set(records.map(({ id }) => id.slice(0, 16)));
      for (const name of readdirSync(stateDir)) {
        if (known.has(name)) continue;
        detachMount(join(stateDir, name, 'rootfs'));
        rmSync(join(stateDir, name), { recursive: true, force: true });
      }
      const whole = new Set(records.map(({ id }) => id));
      for (const name of readdirSync(dataDir))
        if (!whole.has(name)) rmSync(join(dataDir, name), { recursive: true, force: true });
    },
    async close() {
      closed = true;
      watcher.close();
      clearInterval(patrol);
      health.close();
      for (const one of lives.values()) clearTimeout(one.restartTimer);
      await Promise.allSettled([...lives.values()].map(({ turn }) => turn));
    },
  };

  async function recoverOne(record: ContainerRecord): Promise<void> {
    const { id, state } = record;
    if (state.status === 'removing') return void (await removeRow(id, true));
    if (state.status === 'running' || state.status === 'paused') {
      const alive = state.pid > 0 && startTicks(state.pid) === record.startTicks && !existsSync(join(exitDir, id));
      if (alive) health.begin(id);
      else await inTurn(id, () => exited(id));
      return;
    }
    if (state.status === 'created' && state.pid > 0) {
      // Killed between the start of its process and the row that says so.
      await runRuntime(options.runtime(), ['delete', '--force', id]);
      await release(id, record);
      changeState(id, { pid: 0 });
    }
    const policy = record.host.RestartPolicy?.Name;
    if (state.status === 'restarting' || (!record.stopped && policy === 'always' && state.status === 'exited')) {
      changeState(id, { status: 'exited' });
      await inTurn(id, () => startNow(id)).catch(() => undefined);
    } else if (record.host.AutoRemove && state.status === 'exited') await removeRow(id, true);
  }

  return containers;
}

/** Start time of a process in clock ticks, '' when there is no such process; a zombie counts as none. */
function startTicks(pid: number): string {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' ? '' : (fields[19] ?? '');
  } catch {
    return '';
  }
}

function detachMount(target: string): void {
  try {
    unmount(target, { detach: true });
  } catch {
    // It was not mounted.
  }
}

function logLimit(host: HostConfig): { logSizeMax?: number } {
  const match = /^(\d+)([kmg]?)$/i.exec(host.LogConfig?.Config?.['max-size'] ?? '');
  if (!match) return {};
  return {
    logSizeMax:
      Number(match[1]) *
      { '': 1, k: 1024, m: 1024 ** 2, g: 1024 ** 3 }[match[2]!.toLowerCase() as '' | 'k' | 'm' | 'g'],
  };
}

function inTime(chunk: LogChunk, { since, until }: LogOptions): boolean {
  if (since === undefined && until === undefined) return true;
  const time = Date.parse(chunk.time) / 1000;
  return time >= (since ?? 0) && time <= (until ?? Number.POSITIVE_INFINITY);
}

/** The last `count` lines that are wanted; a line may be of several chunks. */
async function lastLines(
  path: string,
  wanted: (chunk: LogChunk) => boolean,
  count: number,
): Promise<readonly LogChunk[]> {
  let lines: LogChunk[][] = [];
  let open: LogChunk[] = [];
  for await (const chunk of readLog(path)) {
    if (!wanted(chunk)) continue;
    open.push({ ...chunk, data: Uint8Array.from(chunk.data) });
    if (chunk.data.at(-1) !== 0x0a) continue;
    lines.push(open);
    open = [];
    if (lines.length > count + 1000) lines = lines.slice(-count);
  }
  if (open.length > 0) lines.push(open);
  return (count === 0 ? [] : lines.slice(-count)).flat();
}
