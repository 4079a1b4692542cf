import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Database, documentText } from '../db/index.ts';
import { isKind, messageOf, StrataError } from '../errors/index.ts';
import type { Networks } from '../network/index.ts';
import { isSignal, parseSignal } from '../oci/index.ts';
import {
  endRemains,
  type RuntimeFacts,
  removeStubs,
  resourcesOf,
  resourceWarnings,
  runRuntime,
  sharesProblem,
} from '../runtime/index.ts';
import type { Mount, SnapshotName, Snapshots } from '../snapshot/index.ts';
import { isErrno, syncFolders, treeSize, unmount } from '../sys/index.ts';
import type { Volumes } from '../volume/index.ts';
import { changedPaths } from './changes.ts';
import { resizeTerminal } from './conmon.ts';
import { createExecs } from './exec/execs.ts';
import { readExitCode, watchExits } from './exit-watch.ts';
import { createHealth } from './health.ts';
import { launch } from './launch.ts';
import { withContainerRoot, withWholeRoot } from './mounts/root-view.ts';
import { endpointWarnings, joinNetwork, renameOnNetworks, requestedNetworks } from './networks/join-network.ts';
import { createMembership } from './networks/network-membership.ts';
import { checkNetworkMode, settleNetworkMode, withHostnameOf } from './networks/network-mode.ts';
import { createAttachment } from './output/attach.ts';
import { logSize } from './output/log-file.ts';
import { queryLogs } from './output/log-query.ts';
import { startTicks } from './process-start.ts';
import { type ContainerRecord, freshState, hasProcess, isRunning, never, timestamp } from './record.ts';
import { recoverContainers } from './recover.ts';
import { checkConfig } from './request/check-config.ts';
import { checkHostConfig, checkStorage, checkUpdate } from './request/check-host.ts';
import { commandOf, mergeConfig, portsToPublish } from './request/configure.ts';
import { liftLimits } from './request/lift-limits.ts';
import { checkLinks, linkVariables } from './request/links.ts';
import { checkLogConfig } from './request/log-options.ts';
import { collectMountPoints } from './request/mount-points.ts';
import { checkName, randomName } from './request/names.ts';
import { checkJoined, inheritedAnonymous, inheritedMounts } from './request/other-containers.ts';
import { checkPathLength } from './request/path-length.ts';
import { hostConfigWarnings } from './request/resource-warnings.ts';
import { settleHost } from './request/settle-host.ts';
import { changesOf, checkAgainst, runningLimits } from './request/update-checks.ts';
import { createBackoff, shouldRestart } from './restart-policy.ts';
import { readStats } from './stats.ts';
import { createContainerStore } from './store.ts';
import { listProcesses } from './top.ts';
import { createTurns } from './turns.ts';
import type {
  Attachment,
  Container,
  ContainerEvent,
  Containers,
  CreateContainer,
  HostConfig,
  LogChunk,
} from './types.ts';

export interface ContainerOptions {
  readonly db: Database;
  readonly snapshots: Snapshots;
  readonly networks: Networks;
  readonly volumes: Volumes;
  readonly dataRoot: string;
  readonly stateRoot: string;
  readonly runtime: () => RuntimeFacts;
  /** Takes lines about what nobody waits for and what failed all the same. */
  readonly log?: (line: string) => void;
}

/** How long a killed process may take to be gone. */
const killedMs = 10_000;
/** How long a process that a stop signal did not reach may still take to end by itself, as with Docker. */
const unsentMs = 2000;

/**
 * One file, since it is one state machine: created -> running <-> paused -> exited, with `restarting` between two runs.
 * What changes a container's state runs in its turn ({@link createTurns}); what waits for a change does not.
 */
export function createContainers(options: ContainerOptions): Containers {
  const { snapshots, networks, volumes, log = () => {} } = options;
  const dataDir = join(options.dataRoot, 'containers');
  const stateDir = join(options.stateRoot, 'containers');
  const exitDir = join(options.stateRoot, 'exits');
  for (const dir of [dataDir, stateDir, exitDir]) mkdirSync(dir, { recursive: true, mode: 0o700 });
  const store = createContainerStore(options.db, log);
  const turns = createTurns();
  /** A restart by hand is one thing: what is removed at its end is not removed in the middle of it. */
  const restartTurns = createTurns();
  const restarted = new Set<string>();
  /** Names that were made up for containers that are not there yet. */
  const promised = new Set<string>();
  const mounts = new Map<string, Mount>();
  const backoff = createBackoff();
  const restarts = new Map<string, NodeJS.Timeout>();
  const starting = new Map<string, Promise<unknown>>();
  const subscribers = new Set<(event: ContainerEvent) => void>();
  let closed = false;

  const bundleOf = (id: string) => join(stateDir, id.slice(0, 16));
  const rootOf = (id: string) => join(bundleOf(id), 'rootfs');
  /** /dev/shm of a container that offers it to others. */
  const memoryOf = (id: string) => join(bundleOf(id), 'shm');
  const folderOf = (id: string) => join(dataDir, id);
  const runtime = (...args: readonly string[]) => runRuntime(options.runtime(), args);

  function emit(
    action: ContainerEvent['action'],
    container: Container,
    attributes?: Readonly<Record<string, string>>,
  ): void {
    for (const subscriber of subscribers) subscriber({ action, container, ...(attributes && { attributes }) });
  }

  /** As {@link emit}, of a container that may have another name by now. */
  const emitNow: typeof emit = (action, container, attributes) =>
    emit(action, store.find(container.id) ?? container, attributes);

  // ------------------------------------------------------------------ create

  async function create(spec: CreateContainer): Promise<{ container: Container; warnings: string[] }> {
    if (spec.name !== undefined) return await createNamed(spec, spec.name.replace(/^\/(?=.)/, ''));
    const name = randomName((one) => store.isTaken(one) || promised.has(one));
    promised.add(name);
    try {
      return await createNamed(spec, name);
    } finally {
      promised.delete(name);
    }
  }

  async function createNamed(
    spec: CreateContainer,
    name: string,
  ): Promise<{ container: Container; warnings: string[] }> {
    const id = randomBytes(32).toString('hex');
    const facts = options.runtime();
    // First: what is too large is not looked at any further.
    documentText('the configuration of the container', { config: spec.config, host: spec.host });
    checkNetworkMode(spec.config, spec.host);
    checkConfig(spec.config);
    checkHostConfig(spec.host, facts);
    portsToPublish(spec.config, spec.host);
    checkJoined(spec.host, store);
    const image = await spec.image();
    const host = settleNetworkMode(settleHost(spec.host, facts), store);
    const config = mergeConfig(spec.config, image?.config ?? {}, id, host.NetworkMode ?? '');
    const [path = '', ...args] = commandOf(config);
    checkLogConfig(host);
    checkName(name);
    store.refuseTaken(name);
    checkStorage(host);
    checkLinks(host, store);
    const inherited = inheritedMounts(host.VolumesFrom ?? [], store);
    const asked = requestedNetworks(host, spec.endpoints ?? {}, networks);
    const active = await snapshots.prepare(image?.snapshot ?? null);
    let anonymous: readonly string[] = [];
    try {
      checkPathLength(active.diffDir, config.WorkingDir ?? '');
      for (const volume of Object.keys(config.Volumes ?? {})) checkPathLength(active.diffDir, volume);
      const wanted = { config, host, inherited, readOnlyTopOnly: spec.readOnlyTopOnly ?? false };
      const points = await collectMountPoints(wanted, volumes);
      anonymous = points.anonymous;
      for (const { target } of points.populate) checkPathLength(active.diffDir, target);
      mkdirSync(folderOf(id), { mode: 0o710 });
      const logPath = join(folderOf(id), 'container.log');
      writeFileSync(logPath, '', { mode: 0o640 });
      if (image?.snapshot) await populateVolumes(image.snapshot, points.populate);
      const record: ContainerRecord = {
        id,
        name,
        created: timestamp(),
        imageID: image?.id ?? null,
        config,
        host,
        state: freshState,
        restartCount: 0,
        path,
        args,
        snapshot: active.key,
        networks: asked,
        ports: {},
        mounts: points.mounts,
        logPath,
        runs: 0,
        startTicks: '',
        stopped: false,
        anonymousVolumes: [...points.anonymous, ...inheritedAnonymous(spec.host.VolumesFrom ?? [], store)],
      };
      // What goes with its end goes with a power cut, too.
      const layer = dirname(active.diffDir);
      if (!host.AutoRemove) await syncFolders(folderOf(id), dataDir, layer, dirname(layer));
      store.insert(record);
      emit('create', record);
      return {
        container: record,
        warnings: [...hostConfigWarnings({ ...host, ...discarded(spec.host) }, facts), ...endpointWarnings(asked)],
      };
    } catch (error) {
      await snapshots.discard(active.key);
      rmSync(folderOf(id), { recursive: true, force: true });
      await removeVolumes(anonymous);
      throw error;
    }
  }

  async function populateVolumes(
    snapshot: SnapshotName,
    wanted: readonly { readonly name: string; readonly target: string }[],
  ): Promise<void> {
    if (wanted.length === 0) return;
    const mounted = await snapshots.mount(snapshot);
    try {
      for (const { name, target } of wanted) await volumes.populate(name, mounted.target, target);
    } finally {
      await mounted.unmount();
    }
  }

  // ------------------------------------------------------------------ start

  async function startNow(id: string): Promise<void> {
    const record = store.get(id);
    if (hasProcess(record))
      throw new StrataError('failed_precondition', `container ${record.name} is already running`, {
        code: 'already_running',
      });
    if (record.state.status === 'dead')
      throw new StrataError('conflict', 'container is marked for removal and cannot be started', { code: 'dead' });
    clearTimeout(restarts.get(id));
    store.change(id, { stopped: false });
    const { promise, resolve } = Promise.withResolvers<void>();
    starting.set(id, promise);
    try {
      await run(record);
      emit('start', store.find(id)!);
      health.begin(id);
    } catch (error) {
      throw await failed(record, error);
    } finally {
      starting.delete(id);
      resolve();
    }
  }

  /**
   * A container after the start that is under way, if one is. The first words of a process are heard before its start
   * is noted, and whoever has heard them may signal it or run something beside it.
   */
  async function started(ref: string): Promise<ContainerRecord> {
    const { id } = store.get(ref);
    await starting.get(id);
    return store.get(id);
  }

  async function run(record: ContainerRecord): Promise<void> {
    const { id } = record;
    const facts = options.runtime();
    rmSync(join(exitDir, id), { force: true });
    mkdirSync(rootOf(id), { recursive: true, mode: 0o700 });
    const active = await snapshots.active(record.snapshot);
    if (!active) throw new StrataError('data_loss', `the root file system of container ${record.name} is gone`);
    mounts.set(id, await snapshots.mount(active, { target: rootOf(id) }));
    const joined = await joinNetwork(record, networks, store);
    const own = joined.shared === undefined ? record : withHostnameOf(record, store.get(joined.shared));
    const named = { ...own, linkVariables: linkVariables(record, joined.endpoints, store) };
    store.change(id, { config: named.config, linkVariables: named.linkVariables });
    const startedAt = timestamp();
    await launch(named, joined, {
      facts,
      networks,
      store,
      bundle: bundleOf(id),
      root: rootOf(id),
      memoryOf,
      folderOf,
      exitDir,
      created: (pid, stubs) => {
        store.change(id, { startTicks: startTicks(pid), stubs, state: { ...store.get(id).state, pid } });
      },
    });
    const { state } = store.get(id);
    // Counted in the same stroke that says `running`: who attached or waits before the start takes a counted run that
    // does not run for one that has ended.
    store.change(id, {
      runs: record.runs + 1,
      networks: joined.endpoints,
      ports: joined.ports,
      state: {
        ...state,
        status: 'running',
        error: '',
        exitCode: 0,
        oomKilled: false,
        startedAt,
        finishedAt: never,
      },
    });
    await membership.relink(id);
  }

  async function failed(record: ContainerRecord, error: unknown): Promise<StrataError> {
    const { id } = record;
    await runtime('delete', '--force', id);
    await release(id);
    const failure =
      error instanceof StrataError ? error : new StrataError('internal', messageOf(error), { cause: error });
    const exitCode = failure.exitCode ?? 128;
    const status = record.state.status === 'created' ? 'created' : 'exited';
    store.change(id, {
      runs: record.runs + 1,
      state: { ...record.state, status, pid: 0, error: failure.message, exitCode },
    });
    emit('die', store.find(id)!, { exitCode: String(exitCode), execDuration: '0' });
    if (record.host.AutoRemove) await removeRow(id, true);
    return failure;
  }

  /** What a run took is given back: network, stubs, mount. */
  async function release(id: string): Promise<void> {
    try {
      await networks.disconnect(id);
    } finally {
      await releaseRoot(id);
    }
  }

  async function releaseRoot(id: string): Promise<void> {
    const { stubs = [] } = store.find(id) ?? {};
    try {
      if (stubs.length > 0) removeStubs(rootOf(id), stubs);
    } catch (error) {
      // The root is not mounted any more.
      if (!isErrno(error, 'ENOENT')) throw error;
    }
    store.change(id, { stubs: [], startTicks: '' });
    const mount = mounts.get(id);
    mounts.delete(id);
    if (mount) await mount.unmount();
    else detachMount(rootOf(id));
    detachMount(memoryOf(id));
    rmSync(bundleOf(id), { recursive: true, force: true });
  }

  // ------------------------------------------------------------------ exit

  /** The process of a container is gone: everything that follows from it. */
  async function ended(id: string): Promise<void> {
    const record = store.find(id);
    if (!record || !hasProcess(record)) return;
    // Without a word from conmon nobody knows how it ended.
    const unknown = 255;
    const exitCode = readExitCode(exitDir, id) ?? unknown;
    const ranForMs = Date.now() - Date.parse(record.state.startedAt);
    health.end(id);
    // What wait and attach look for must not wait for the tidying up. Nor is it over for a moment where it starts again.
    store.changeState(id, {
      status: !closed && shouldRestart(record, exitCode) ? 'restarting' : 'exited',
      pid: 0,
      exitCode,
      oomKilled: wasOutOfMemory(bundleOf(id)),
      finishedAt: timestamp(),
    });
    const attributes = { exitCode: String(exitCode), execDuration: String(Math.round(ranForMs / 1000)) };
    if (store.find(id)!.state.oomKilled) emit('oom', store.find(id)!);
    emit('die', store.find(id)!, attributes);
    await runtime('delete', '--force', id);
    await release(id).catch((error: unknown) =>
      log(`cannot tidy up after container ${record.name}: ${messageOf(error)}`),
    );
    rmSync(join(exitDir, id), { force: true });
    execs.ended(id);
    const now = store.change(id, { ports: {}, networks: withoutAddresses(record.networks) });
    if (!now) return;
    if (!closed && shouldRestart(now, exitCode)) scheduleRestart(id, ranForMs);
    else if (now.host.AutoRemove && !restarted.has(id)) await removeRow(id, true);
  }

  function scheduleRestart(id: string, ranForMs: number): void {
    store.changeState(id, { status: 'restarting' });
    const restart = async () => {
      const record = store.find(id);
      if (closed || record?.state.status !== 'restarting') return;
      store.change(id, { restartCount: record.restartCount + 1 });
      await startNow(id).catch(() => {
        const now = store.find(id);
        if (now && shouldRestart(now, now.state.exitCode)) scheduleRestart(id, 0);
      });
    };
    restarts.set(
      id,
      setTimeout(() => void turns.run(id, restart).catch(unheard('restart', id)), backoff.next(id, ranForMs)),
    );
  }

  const exits = watchExits({
    exitDir,
    alive: store.alive,
    ended: (id) => void turns.run(id, () => ended(id)).catch(unheard('note the end of', id)),
    failed: (error) => log(`cannot look after the containers: ${messageOf(error)}`),
  });

  /** Of work that no request waits for: whoever runs the daemon reads of a failure in its log. */
  function unheard(what: string, id: string): (error: unknown) => void {
    return (error) => log(`cannot ${what} container ${id.slice(0, 12)}: ${messageOf(error)}`);
  }

  // ------------------------------------------------------------------ stop, kill, remove

  const isOver = (id: string) => () => {
    const record = store.find(id);
    return !record || !isRunning(record);
  };

  /** Sends a signal; a process that has ended meanwhile is no error. */
  async function send(record: ContainerRecord, signal: number): Promise<void> {
    const { code, stderr } = await runtime('kill', record.id, String(signal));
    if (code === 0 || startTicks(record.state.pid) !== record.startTicks) return;
    throw new StrataError('internal', `cannot kill container: ${record.name}: ${stderr.trim()}`);
  }

  async function killAndWait(record: ContainerRecord): Promise<void> {
    await send(record, 9);
    // Also what is frozen has to be told.
    if (record.state.status === 'paused') await runtime('resume', record.id);
    await store.until(record.id, isOver(record.id), { timeoutMs: killedMs });
  }

  function cancelRestart(id: string): void {
    clearTimeout(restarts.get(id));
    backoff.forget(id);
    if (store.find(id)?.state.status === 'restarting') store.changeState(id, { status: 'exited' });
  }

  async function stop(
    ref: string,
    { timeoutSeconds, signal: asked }: { timeoutSeconds?: number; signal?: string } = {},
  ): Promise<void> {
    const { id, name, config } = await started(ref);
    const signal = parseSignal(asked ?? config.StopSignal ?? 'SIGTERM');
    store.change(id, { stopped: true });
    cancelRestart(id);
    const record = store.get(id);
    if (!hasProcess(record))
      throw new StrataError('failed_precondition', `container ${name} is not running`, { code: 'not_running' });
    emit('kill', record, { signal: String(signal) });
    const sent = await send(record, signal).then(
      () => true,
      () => false,
    );
    if (record.state.status === 'paused') await runtime('resume', id);
    const seconds = timeoutSeconds ?? config.StopTimeout ?? 10;
    const limits = !sent ? { timeoutMs: unsentMs } : seconds < 0 ? {} : { timeoutMs: seconds * 1000 };
    if (!(await store.until(id, isOver(id), limits))) {
      emit('kill', record, { signal: '9' });
      await killAndWait(record);
    }
    // The run's resources are free for a start that follows.
    await turns.run(id, async () => undefined);
    emit('stop', store.find(id) ?? record);
  }

  async function kill(ref: string, text = 'SIGKILL'): Promise<void> {
    const signal = signalFor(ref, text);
    const record = await started(ref).catch((cause: unknown) => {
      throw unkillable(ref, cause);
    });
    const { id, config } = record;
    if (!isRunning(record))
      throw new StrataError('conflict', `cannot kill container: ${ref}: container ${id} is not running`, {
        code: 'not_running',
      });
    const stopSignal = config.StopSignal ? parseSignal(config.StopSignal) : undefined;
    if (stopSignal === undefined || signal === 9 || signal === stopSignal) store.change(id, { stopped: true });
    emit('kill', record, { signal: String(signal) });
    if (record.state.status === 'restarting') cancelRestart(id);
    else if (signal === 9) await killAndWait(record);
    else await send(record, signal);
  }

  function signalFor(ref: string, text: string): number {
    let signal: number;
    try {
      signal = parseSignal(text);
    } catch (cause) {
      throw unkillable(ref, cause);
    }
    if (isSignal(signal)) return signal;
    const message = `the linux daemon does not support signal ${signal}`;
    throw unkillable(ref, new StrataError('invalid_argument', message, { code: 'invalid_signal' }));
  }

  function unkillable(ref: string, cause: unknown): unknown {
    if (!(cause instanceof StrataError)) return cause;
    return new StrataError(cause.kind, `cannot kill container: ${ref}: ${cause.message}`, { code: cause.code, cause });
  }

  async function remove(
    ref: string,
    { force = false, volumes: withVolumes = false }: { force?: boolean; volumes?: boolean } = {},
  ): Promise<void> {
    const { id } = store.get(ref);
    for (;;) {
      const record = store.find(id);
      if (!record) return;
      if (isRunning(record)) await endForRemoval(record, force);
      const done = await turns.run(id, async () => {
        // Another caller may have started it meanwhile.
        const now = store.find(id);
        if (now && isRunning(now)) return false;
        await removeRow(id, withVolumes);
        return true;
      });
      if (done) return;
    }
  }

  async function endForRemoval(record: ContainerRecord, force: boolean): Promise<void> {
    const { id, name, state } = record;
    if (!force) {
      const what =
        state.status === 'paused'
          ? 'paused and must be unpaused first'
          : `${state.status}: stop the container before removing or force remove`;
      throw new StrataError('conflict', `cannot remove container ${JSON.stringify(name)}: container is ${what}`, {
        code: 'container_running',
      });
    }
    store.change(id, { stopped: true });
    cancelRestart(id);
    if (!hasProcess(record)) return;
    emit('kill', record, { signal: '9' });
    await killAndWait(record);
  }

  /** The row first: what no row names is swept at the next start. */
  async function removeRow(id: string, withVolumes: boolean): Promise<void> {
    const record = store.find(id);
    if (!record) return;
    cancelRestart(id);
    store.delete(id);
    execs.forget(id);
    await snapshots.discard(record.snapshot);
    rmSync(folderOf(id), { recursive: true, force: true });
    rmSync(bundleOf(id), { recursive: true, force: true });
    rmSync(join(exitDir, id), { force: true });
    if (withVolumes) await removeVolumes(record.anonymousVolumes);
    emit('destroy', record);
  }

  async function removeVolumes(names: readonly string[]): Promise<void> {
    if (names.length === 0) return;
    const inUse = new Set(store.all().flatMap(({ mounts: points }) => points.flatMap(({ Name }) => Name ?? [])));
    for (const name of names) await volumes.remove(name, { inUse, force: true }).catch(() => undefined);
  }

  // ------------------------------------------------------------------ streams

  const deliveries = new Map<string, Set<Promise<void>>>();

  async function attach(ref: string, asked: Parameters<Containers['attach']>[1]): Promise<Attachment> {
    const record = store.get(ref);
    const { id, config } = record;
    const run = runAsked(record);
    const over = () => {
      const now = store.find(id);
      return !now || isOverRun(now, run);
    };
    const begun = () => over() || hasProcess(store.get(id));
    const attachment = createAttachment({
      logPath: record.logPath,
      from: asked.replay ? 0 : await logSize(record.logPath),
      tty: config.Tty ?? false,
      ...asked,
      stdin: asked.stdin && (config.OpenStdin ?? false),
      socket: join(bundleOf(id), 'attach'),
      ended: asked.stream ? over : () => true,
      started: async () => await store.until(id, begun, asked.signal ? { signal: asked.signal } : {}),
      onWake: (wake) => store.onChange(id, wake),
    });
    emit('attach', record);
    return delivered(id, attachment);
  }

  /** Keeps in mind that this output is being delivered, until it is through or given up. */
  function delivered(id: string, attachment: Attachment): Attachment {
    const { promise, resolve } = Promise.withResolvers<void>();
    const all = deliveries.get(id) ?? new Set();
    deliveries.set(id, all.add(promise));
    void promise.then(() => {
      all.delete(promise);
      if (all.size === 0) deliveries.delete(id);
    });
    async function* output(): AsyncGenerator<LogChunk> {
      try {
        yield* attachment.output;
      } finally {
        resolve();
      }
    }
    const detach = () => {
      resolve();
      attachment.detach();
    };
    return { ...attachment, output: output(), detach };
  }

  /** Who waits for an end has all output by then, as with Docker; a client that reads slowly holds nobody up for long. */
  async function outputDelivered(id: string): Promise<void> {
    const all = deliveries.get(id);
    if (all) await Promise.race([Promise.all(all), sleep(1000, undefined, { ref: false })]);
  }

  // ------------------------------------------------------------------ the rest

  const execs = createExecs({
    stateRoot: options.stateRoot,
    runtime: options.runtime,
    get: started,
    rootOf,
    emit: emitNow,
  });
  const health = createHealth({
    get: store.find,
    run: execs.check,
    update: (id, value) => {
      const before = store.find(id)?.state.health?.status;
      const now = store.changeState(id, { health: value });
      if (now && before !== value.status && value.status !== 'starting') emit(`health_status: ${value.status}`, now);
    },
    failed: (id, error) => unheard('note the health of', id)(error),
  });

  /** Throws unless a container may be called so, as a rename says it. */
  function allocate(name: string): void {
    try {
      checkName(name, '/');
      store.refuseTaken(name);
    } catch (cause) {
      if (!(cause instanceof StrataError)) throw cause;
      throw new StrataError(cause.kind, `Error when allocating new name: ${cause.message}`, {
        code: cause.code,
        cause,
      });
    }
  }

  async function freeze(ref: string, verb: 'pause' | 'unpause'): Promise<void> {
    const { id } = store.get(ref);
    await turns.run(id, async () => {
      const record = store.get(id);
      if (!hasProcess(record)) throw new StrataError('conflict', `container ${id} is not running`);
      if ((record.state.status === 'paused') === (verb === 'pause'))
        throw new StrataError('conflict', `Container ${id} is ${verb === 'pause' ? 'already' : 'not'} paused`);
      const { code, stderr } = await runtime(verb === 'pause' ? 'pause' : 'resume', id);
      if (code !== 0) throw new StrataError('internal', `cannot ${verb} container ${id}: ${stderr.trim()}`);
      emit(verb, store.changeState(id, { status: verb === 'pause' ? 'paused' : 'running' }) ?? record);
    });
  }

  const membership = createMembership({ store, networks, turns, folderOf });

  const containers: Containers = {
    create,
    start: async (ref) => {
      const { id, state } = store.get(ref);
      if (state.status === 'paused')
        throw new StrataError('conflict', 'cannot start a paused container, try unpause instead');
      await turns.run(id, () => startNow(id));
    },
    stop,
    async restart(ref, how) {
      const { id } = await started(ref);
      await restartTurns.run(id, async () => {
        restarted.add(id);
        try {
          if (isRunning(store.get(id)))
            await stop(id, how).catch((error: unknown) => {
              if (!(error instanceof StrataError) || error.code !== 'not_running') throw error;
            });
          await containers.start(id);
        } finally {
          restarted.delete(id);
        }
      });
      emit('restart', store.get(id));
    },
    kill,
    pause: async (ref) => await freeze(ref, 'pause'),
    unpause: async (ref) => await freeze(ref, 'unpause'),
    remove,
    async rename(ref, name) {
      const { id } = store.get(ref);
      const clean = name.replace(/^\//, '');
      if (name === '') throw new StrataError('invalid_argument', 'Neither old nor new names may be empty');
      await turns.run(id, async () => {
        const record = store.get(id);
        if (clean === record.name)
          throw new StrataError('invalid_argument', 'Renaming a container with the same name as its current name');
        allocate(clean);
        const renamed = store.change(id, { name: clean })!;
        if (hasProcess(renamed)) store.change(id, { networks: await renameOnNetworks(renamed, networks) });
        emit('rename', store.get(id), { oldName: `/${record.name}` });
      });
    },
    async resize(ref, rows, columns) {
      const record = await started(ref);
      if (!hasProcess(record)) throw new StrataError('conflict', `container ${record.id} is not running`);
      resizeTerminal(bundleOf(record.id), rows, columns);
      emit('resize', record, { height: String(rows), width: String(columns) });
    },
    async wait(ref, condition = 'not-running', abort) {
      const first = store.get(ref);
      const run = runAsked(first);
      let last = first;
      const holds = () => {
        const now = store.find(first.id);
        if (!now) return true;
        last = now;
        if (condition === 'removed') return false;
        return condition === 'not-running' && !isRunning(first) ? true : isOverRun(now, run);
      };
      await store.until(first.id, holds, abort ? { signal: abort } : {});
      abort?.throwIfAborted();
      // The row goes first: the files, the volumes and the event follow in the same turn.
      if (condition === 'removed') await turns.run(first.id, async () => undefined);
      await outputDelivered(first.id);
      const { exitCode, error } = last.state;
      // Whoever waits for an end to come hears of a failed start from the start itself.
      return { exitCode, ...(condition === 'not-running' && error !== '' && { error }) };
    },
    get: store.get,
    list: () => store.all().sort((a, b) => (a.created < b.created ? 1 : -1)),
    logs: (ref, asked) => queryLogs(store.get(ref), asked, store),
    attach,
    async top(ref, psArgs) {
      const record = await started(ref);
      if (!hasProcess(record)) throw new StrataError('conflict', `container ${record.id} is not running`);
      return await listProcesses(record.state.pid, psArgs);
    },
    stats: async (ref) => await readStats(store.get(ref)),
    async update(ref, given) {
      checkUpdate(given, options.runtime());
      const changes = changesOf(given);
      const record = store.get(ref);
      const host = { ...record.host, ...changes };
      checkAgainst(record, changes);
      const shares = hasProcess(record) ? sharesProblem(changes, options.runtime().cgroups) : undefined;
      if (shares !== undefined)
        throw new StrataError('invalid_argument', `Cannot update container ${record.id}: ${shares}`);
      if (hasProcess(record)) {
        const resources = join(bundleOf(record.id), 'resources.json');
        await writeFile(resources, JSON.stringify(resourcesOf(runningLimits(host, changes), options.runtime())));
        const { code, stderr } = await runtime('update', '--resources', resources, record.id);
        if (code !== 0) throw new StrataError('internal', `Cannot update container ${record.id}: ${stderr.trim()}`);
        liftLimits(record.state.pid, changes);
      }
      emit('update', store.change(record.id, { host })!);
      return resourceWarnings(changes, options.runtime());
    },
    connectNetwork: membership.connectNetwork,
    disconnectNetwork: membership.disconnectNetwork,
    async prune({ until: before = Number.POSITIVE_INFINITY, labels = () => true }) {
      const deleted: string[] = [];
      let reclaimed = 0;
      for (const record of store.all()) {
        if (isRunning(record) || Date.parse(record.created) >= before) continue;
        if (!labels(record.config.Labels ?? {})) continue;
        try {
          const size = await containers.size(record.id);
          await remove(record.id);
          reclaimed += size;
          deleted.push(record.id);
        } catch (error) {
          // Somebody removed or started it meanwhile.
          if (!isKind(error, 'not_found') && !isKind(error, 'conflict')) throw error;
        }
      }
      return { deleted, reclaimed };
    },
    withRoot: async (ref, use) => await withContainerRoot(store.get(ref), snapshots, use),
    async withWholeRoot(ref, use) {
      const { id } = store.get(ref);
      if (hasProcess(store.get(id))) return await withContainerRoot(store.get(id), snapshots, use);
      return await turns.run(id, async () => {
        const record = store.get(id);
        // It was started meanwhile.
        if (hasProcess(record)) return await withContainerRoot(record, snapshots, use);
        return await withWholeRoot(record, snapshots, folderOf(id), use);
      });
    },
    rootPath: rootOf,
    async changes(ref) {
      const record = store.get(ref);
      return await changedPaths(record.snapshot, snapshots, record.stubs ?? []);
    },
    async size(ref) {
      const active = await snapshots.active(store.get(ref).snapshot);
      return active ? await treeSize(active.diffDir) : 0;
    },
    exec: execs,
    subscribe(listener) {
      subscribers.add(listener);
      return () => subscribers.delete(listener);
    },
    recover: async () =>
      await recoverContainers({
        store,
        networks,
        exitDir,
        stateDir,
        dataDir,
        begin: (id) => health.begin(id),
        ended: async (id) => await turns.run(id, () => ended(id)),
        start: async (id) => await turns.run(id, () => startNow(id)),
        remove: async (id) => await removeRow(id, true),
        bundleOf,
        abandon: async (ids) => {
          await endRemains(ids, options.runtime());
          for (const id of ids) {
            await release(id);
            store.changeState(id, { pid: 0 });
          }
        },
        unmount: detachMount,
        failed: (id, error) => unheard('recover', id)(error),
      }),
    async close() {
      closed = true;
      exits.close();
      await health.close();
      for (const timer of restarts.values()) clearTimeout(timer);
      await turns.settled();
    },
  };
  return containers;
}

/** Which run somebody waits for or attaches to: this one; where there is none, the one to come. */
function runAsked(record: ContainerRecord): number {
  return hasProcess(record) ? record.runs : record.runs + 1;
}

function isOverRun(now: ContainerRecord, run: number): boolean {
  return now.runs > run || (now.runs === run && !hasProcess(now));
}

/** What a request asked for that may not be kept: it is warned of all the same. */
function discarded({ CpuPercent = 0, BlkioWeight = 0, BlkioWeightDevice = [] }: HostConfig): HostConfig {
  return { CpuPercent, BlkioWeight, BlkioWeightDevice };
}

/** conmon leaves a file of this name. */
function wasOutOfMemory(bundle: string): boolean {
  return existsSync(join(bundle, 'oom'));
}

/** What a container keeps of its networks between two runs. */
function withoutAddresses(networks: Container['networks']): Container['networks'] {
  const none = { IPAddress: '', IPPrefixLen: 0, Gateway: '', MacAddress: '', EndpointID: '' };
  return Object.fromEntries(Object.entries(networks).map(([name, settings]) => [name, { ...settings, ...none }]));
}

function detachMount(target: string): void {
  try {
    unmount(target, { detach: true });
  } catch (error) {
    // It was not mounted.
    if (!isErrno(error, 'EINVAL', 'ENOENT')) throw error;
  }
}
