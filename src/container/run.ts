import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { messageOf, StrataError } from '../errors/index.ts';
import { removeStubs } from '../runtime/index.ts';
import type { Mount } from '../snapshot/index.ts';
import { isErrno, unmount } from '../sys/index.ts';
import { launch } from './launch.ts';
import { joinNetwork } from './networks/join-network.ts';
import type { Membership } from './networks/network-membership.ts';
import { withHostnameOf } from './networks/network-mode.ts';
import type { ContainerParts } from './parts.ts';
import { startTicks } from './process-start.ts';
import { type ContainerRecord, never, timestamp } from './record.ts';
import type { Removal } from './removal.ts';
import { linkVariables } from './request/links.ts';
import type { Restarts } from './restarts.ts';
import { assertAllowed } from './transitions.ts';

/** Runs of containers, from the start to the time when all that they took is given back. */
export interface Runs {
  /** In the container's turn. */
  startNow(id: string): Promise<void>;
  started(ref: string): Promise<ContainerRecord>;
  release(id: string): Promise<void>;
}

export interface RunParts {
  readonly restarts: Pick<Restarts, 'overtake'>;
  readonly removal: Pick<Removal, 'removeRow'>;
  readonly membership: Pick<Membership, 'relink'>;
  /** A health check begins with its container. */
  readonly begun: (id: string) => void;
}

export function createRuns(parts: ContainerParts, { restarts, removal, membership, begun }: RunParts): Runs {
  const { store, snapshots, networks, runtime, emit } = parts;
  const { bundleOf, exitDir, folderOf, memoryOf, rootOf } = parts.places;
  const mounts = new Map<string, Mount>();
  const starting = new Map<string, Promise<unknown>>();

  async function startNow(id: string): Promise<void> {
    const record = store.get(id);
    assertAllowed(record, 'start');
    restarts.overtake(id);
    store.change(id, { stopped: false });
    const { promise, resolve } = Promise.withResolvers<void>();
    starting.set(id, promise);
    try {
      await run(record);
      emit('start', store.find(id)!);
      begun(id);
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
    const facts = parts.facts();
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
    if (record.host.AutoRemove) await removal.removeRow(id, true);
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

  return { startNow, started, release };
}

export function detachMount(target: string): void {
  try {
    unmount(target, { detach: true });
  } catch (error) {
    // It was not mounted.
    if (!isErrno(error, 'EINVAL', 'ENOENT')) throw error;
  }
}
