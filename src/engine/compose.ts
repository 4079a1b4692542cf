/** The composition root: opens the store and wires the rooms. Nothing else makes a room. */
import { chmodSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { type Builder, buildMigrations, createBuilder } from '../builder/index.ts';
import { containerMigrations, createContainers } from '../container/index.ts';
import { createContentStore } from '../content/index.ts';
import { type Database, type Migration, openDatabase } from '../db/index.ts';
import { createImages, imageMigrations } from '../image/index.ts';
import { createLayers, type Layers } from '../layer/index.ts';
import { createNetworks, networkMigrations } from '../network/index.ts';
import { createRegistryClient, type Proxies, type RegistryClient } from '../registry/index.ts';
import { createStepExecutor, probeRuntime } from '../runtime/index.ts';
import { createSnapshots, type SnapshotName, snapshotMigrations } from '../snapshot/index.ts';
import { createTransfers, type Transfers, transferMigrations } from '../transfer/index.ts';
import { createVolumes, volumeMigrations } from '../volume/index.ts';
import { createEvents } from './events.ts';
import { createGarbageCollection } from './garbage.ts';
import { systemInfo } from './info.ts';
import { createLayoutPacking } from './layout-packing.ts';
import { lockDataRoot } from './lock.ts';
import { publishContainerEvents, volumeEvent } from './publish-events.ts';
import { createReserve, type Reserve } from './reserve.ts';
import { claimStore, refuseWithoutDatabase, type StoreMark } from './store-mark.ts';
import type { Engine, EngineConfig } from './types.ts';

const engineMigrations: readonly Migration[] = [
  { room: 'engine', version: 1, sql: 'CREATE TABLE engine (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT' },
];

const migrations: readonly Migration[] = [
  ...snapshotMigrations,
  ...imageMigrations,
  ...transferMigrations,
  ...networkMigrations,
  ...volumeMigrations,
  ...containerMigrations,
  ...buildMigrations,
  ...engineMigrations,
];

/** An engine and the rooms that the API speaks to besides. */
export interface RunningEngine extends Engine {
  readonly transfers: Transfers;
  readonly registry: RegistryClient;
  readonly layers: Layers;
}

export interface EngineOptions {
  /** Through which registries are spoken to. */
  readonly proxies?: Proxies;
  /** Takes lines for the daemon's log. */
  readonly log?: (line: string) => void;
}

export async function createEngine(config: EngineConfig, options: EngineOptions = {}): Promise<RunningEngine> {
  const lock = lockDataRoot(config.dataRoot);
  try {
    return await open(config, options, () => lock.release());
  } catch (error) {
    lock.release();
    throw error;
  }
}

async function open(config: EngineConfig, options: EngineOptions, unlock: () => void): Promise<RunningEngine> {
  const { dataRoot } = config;
  const reserve = createReserve(dataRoot);
  try {
    if (reserve.makeRoom()) {
      const log = options.log ?? (() => {});
      log(`the disk of ${dataRoot} is full: free some space there (removing containers, images and volumes works)`);
    }
    return await openStore(config, options, { reserve, unlock });
  } catch (error) {
    reserve.stop();
    throw error;
  }
}

async function openStore(
  config: EngineConfig,
  options: EngineOptions,
  { reserve, unlock }: Pick<Opened, 'reserve' | 'unlock'>,
): Promise<RunningEngine> {
  const { dataRoot, stateRoot } = config;
  mkdirSync(stateRoot, { recursive: true, mode: 0o700 });
  // Volumes hold what their containers let everybody read: on the host their folder is nobody else's.
  chmodSync(dataRoot, 0o700);
  // Before anything is swept: what is in the store must be this database's.
  refuseWithoutDatabase(dataRoot);
  const db = openDatabase(join(dataRoot, 'strata.db'), migrations, reserve.give);
  try {
    const mark = await claimStore(db, { dataRoot, stateRoot });
    return await wire(config, options, { db, mark, reserve, unlock });
  } catch (error) {
    db.close();
    throw error;
  }
}

interface Opened {
  readonly db: Database;
  readonly mark: StoreMark;
  readonly reserve: Reserve;
  readonly unlock: () => void;
}

async function wire(
  config: EngineConfig,
  options: EngineOptions,
  { db, mark, reserve, unlock }: Opened,
): Promise<RunningEngine> {
  const { dataRoot, stateRoot } = config;
  // What requests had brought when an earlier daemon was killed.
  rmSync(join(dataRoot, 'tmp'), { recursive: true, force: true });
  const runtime = once(() => probeRuntime(stateRoot));

  const { layerBytes, layerEntries, layerRatio } = config.limits;
  const limits = { maxBytes: layerBytes, maxEntries: layerEntries, maxRatio: layerRatio };
  const layers = createLayers({ limits });
  const content = await createContentStore({ root: join(dataRoot, 'oci'), ingestRoot: join(dataRoot, 'ingest') });
  const snapshots = createSnapshots({
    root: join(dataRoot, 'snapshots'),
    mountRoot: join(stateRoot, 'mounts'),
    db,
    layers,
  });
  /** The layers first: no row on the disk names files that are not there yet. */
  const settled = async () => {
    await snapshots.settled();
    await db.durable();
  };
  let working = 0;
  const log = options.log ?? (() => {});
  const images = createImages({
    db,
    content,
    snapshots,
    layers,
    workRoot: join(dataRoot, 'work'),
    log,
    onUnlisted: () => packing.soon(),
  });
  const packing = createLayoutPacking({ config, images, isBusy: () => working > 0, log });
  /** What has the processors for itself. */
  async function first<Result>(work: () => Promise<Result>): Promise<Result> {
    working++;
    packing.giveWay();
    try {
      return await work();
    } finally {
      working--;
      packing.soon();
    }
  }
  const networks = createNetworks({ db, stateRoot, bridge: config.bridge, pools: config.addressPools, log });
  const events = createEvents();
  const tell = (action: 'create' | 'destroy', name: string) => events.publish(volumeEvent(action, name));
  const volumes = createVolumes({ db, root: join(dataRoot, 'volumes'), log, tell });
  const containers = createContainers({ db, snapshots, networks, volumes, dataRoot, stateRoot, runtime, log });
  const registry = createRegistryClient({
    ...config.registries,
    ...(options.proxies && { proxies: options.proxies }),
  });
  const plainTransfers = createTransfers({ client: registry, content, images, snapshots, layers, db });
  const transfers: Transfers = {
    ...plainTransfers,
    pull: (ref, pulling) => first(() => plainTransfers.pull(ref, pulling)),
    push: (ref, pushing) => first(() => plainTransfers.push(ref, pushing)),
  };
  const executor = createStepExecutor({ stateRoot, runtime, networks });
  // Before what they use is swept.
  await executor.endOld();
  const plainBuilder = createBuilder({
    db,
    content,
    layers,
    snapshots,
    images,
    executor,
    networks,
    transfers,
    registry,
    parallelism: config.parallelism,
    stateRoot,
    dataRoot,
  });
  let building = 0;
  const garbage = createGarbageCollection({
    gc: config.gc,
    builder: plainBuilder,
    images,
    events,
    isBusy: () => building > 0,
    log,
  });
  const builder: Builder = {
    ...plainBuilder,
    async build(request, buildOptions) {
      building++;
      try {
        const result = await first(() => plainBuilder.build(request, buildOptions));
        await settled();
        return result;
      } finally {
        building--;
        garbage.soon();
      }
    },
  };

  // A container's layers stay, whatever becomes of its image.
  images.addHolder(() => parentsOfActive(db));
  await snapshots.sweep();
  await containers.recover();
  await discardOrphans(db, snapshots);
  await images.collect();
  reserve.restore();
  const offContainers = publishContainerEvents(containers, networks, events);

  return {
    config,
    content,
    snapshots,
    images,
    containers,
    networks,
    volumes,
    builder,
    events,
    transfers,
    registry,
    layers,
    info: () =>
      systemInfo({
        config,
        id: mark.id,
        containers,
        images,
        runtime,
        ...(options.proxies && { proxies: options.proxies }),
      }),
    settled,
    makeRoom: () => void reserve.makeRoom(),
    async close() {
      offContainers();
      await garbage.stop();
      await packing.stop();
      await plainBuilder.close();
      await containers.close();
      await networks.close();
      await layers.close();
      await snapshots.close();
      await mark.close();
      reserve.stop();
      db.close();
      unlock();
    },
  };
}

function parentsOfActive(db: Database): SnapshotName[] {
  return db
    .all<{ parent: SnapshotName }>('SELECT DISTINCT parent FROM active_snapshots WHERE parent IS NOT NULL')
    .map(({ parent }) => parent);
}

/** Active snapshots that no container has: steps that an earlier process did not finish. */
async function discardOrphans(db: Database, snapshots: ReturnType<typeof createSnapshots>): Promise<void> {
  const owned = new Set(
    db.all<{ snapshot: string }>('SELECT snapshot FROM containers').map(({ snapshot }) => snapshot),
  );
  for (const key of snapshots.actives()) if (!owned.has(key)) await snapshots.discard(key);
}

function once<T>(make: () => T): () => T {
  let made: { readonly value: T } | undefined;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
}
