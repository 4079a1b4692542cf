import { isKind, messageOf, StrataError } from '../errors/index.ts';
import { endRemains } from '../runtime/index.ts';
import { treeSize } from '../sys/index.ts';
import { changedPaths } from './changes.ts';
import { resizeTerminal } from './conmon.ts';
import { createCreation } from './create.ts';
import { createEnd } from './ended.ts';
import { createExecs } from './exec/execs.ts';
import { watchExits } from './exit-watch.ts';
import { createHealth } from './health.ts';
import { withContainerRoot, withWholeRoot } from './mounts/root-view.ts';
import { renameOnNetworks } from './networks/join-network.ts';
import { createMembership } from './networks/network-membership.ts';
import { createDeliveries } from './output/deliveries.ts';
import { queryLogs } from './output/log-query.ts';
import { type ContainerOptions, openParts } from './parts.ts';
import { hasProcess, isOverRun, isRunning, runAsked } from './record.ts';
import { recoverContainers } from './recover.ts';
import { createRemoval } from './removal.ts';
import { checkName } from './request/names.ts';
import { createRestarts } from './restarts.ts';
import { createRuns, detachMount } from './run.ts';
import { readStats } from './stats.ts';
import { createStops } from './stop.ts';
import { listProcesses } from './top.ts';
import { assertAllowed } from './transitions.ts';
import { createTurns } from './turns.ts';
import type { Containers } from './types.ts';
import { createUpdate } from './update.ts';

/**
 * One state machine: created -> running <-> paused -> exited, with `restarting` between two runs. What changes a
 * container's state runs in its turn ({@link createTurns}); what waits for a change does not.
 */
export function createContainers(options: ContainerOptions): Containers {
  const parts = openParts(options);
  const { store, turns, snapshots, networks, runtime, facts, unheard, emit, log } = parts;
  const { bundleOf, exitDir, folderOf, rootOf } = parts.places;
  /** A restart by hand is one thing: what is removed at its end is not removed in the middle of it. */
  const restartTurns = createTurns();
  const restarted = new Set<string>();

  const membership = createMembership({ store, networks, turns, folderOf });
  const restarts = createRestarts(parts);
  const removal = createRemoval(parts, restarts, (id) => execs.forget(id));
  const runs = createRuns(parts, { restarts, removal, membership, begun: (id) => health.begin(id) });
  const { startNow, started } = runs;
  const execs = createExecs({
    stateRoot: options.stateRoot,
    runtime: facts,
    get: started,
    rootOf,
    // It may have another name by now.
    emit: (action, container, attributes) => emit(action, store.find(container.id) ?? container, attributes),
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
      assertAllowed(record, verb);
      const { code, stderr } = await runtime(verb === 'pause' ? 'pause' : 'resume', id);
      if (code !== 0) throw new StrataError('internal', `cannot ${verb} container ${id}: ${stderr.trim()}`);
      emit(verb, store.changeState(id, { status: verb === 'pause' ? 'paused' : 'running' }) ?? record);
    });
  }

  const ended = createEnd(parts, {
    runs,
    restarts,
    removal,
    health,
    execs,
    isRestarted: (id) => restarted.has(id),
  });
  const exits = watchExits({
    exitDir,
    alive: store.alive,
    ended: (id) => void turns.run(id, () => ended(id)).catch(unheard('note the end of', id)),
    failed: (error) => log(`cannot look after the containers: ${messageOf(error)}`),
  });
  const { stop, kill, remove } = createStops(parts, { started, restarts, removal });
  const { attach, outputDelivered } = createDeliveries(parts);

  const containers: Containers = {
    create: createCreation(parts, removal),
    start: async (ref) => {
      const { id } = store.get(ref);
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
      assertAllowed(record, 'resize');
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
      assertAllowed(record, 'top');
      return await listProcesses(record.state.pid, psArgs);
    },
    stats: async (ref) => await readStats(store.get(ref)),
    update: createUpdate(parts),
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
    subscribe: parts.subscribe,
    recover: async () =>
      await recoverContainers({
        store,
        networks,
        exitDir,
        stateDir: parts.places.stateDir,
        dataDir: parts.places.dataDir,
        begin: (id) => health.begin(id),
        ended: async (id) => await turns.run(id, () => ended(id)),
        start: async (id) => await turns.run(id, () => startNow(id)),
        remove: async (id) => await removal.removeRow(id, true),
        bundleOf,
        abandon: async (ids) => {
          await endRemains(ids, facts());
          for (const id of ids) {
            await runs.release(id);
            store.changeState(id, { pid: 0 });
          }
        },
        unmount: detachMount,
        failed: (id, error) => unheard('recover', id)(error),
      }),
    async close() {
      restarts.close();
      exits.close();
      await health.close();
      await turns.settled();
    },
  };
  return containers;
}
