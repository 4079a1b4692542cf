import { mkdirSync, rmSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import type { StepExecutor } from '../container/index.ts';
import type { ContentStore } from '../content/index.ts';
import type { Database } from '../db/index.ts';
import type { Images } from '../image/index.ts';
import type { Layers } from '../layer/index.ts';
import type { Networks } from '../network/index.ts';
import type { Registry, Transfers } from '../registry/index.ts';
import type { Snapshots } from '../snapshot/index.ts';
import { runBuild } from './build.ts';
import { Bases } from './cache/bases.ts';
import { CacheMounts } from './cache/cache-mounts.ts';
import { Downloads } from './cache/downloads.ts';
import { Held } from './cache/held.ts';
import { listCache, pruneCache } from './cache/prune.ts';
import { Records } from './cache/records.ts';
import { createKeptFolders } from './contexts/kept-folders.ts';
import { WithoutTrace } from './exporters/without-trace.ts';
import { createFiles } from './files/pool.ts';
import { KeptResults } from './kept-results.ts';
import { endOldSteps } from './ops/old-steps.ts';
import type { Workshop } from './ops/workshop.ts';
import { Flights } from './solver/flights.ts';
import { Slots } from './solver/slots.ts';
import type { Outcome } from './solver/vertex.ts';
import type { Builder } from './types.ts';
import type { Value } from './value.ts';

export interface BuilderParts {
  readonly db: Database;
  readonly content: ContentStore;
  readonly layers: Layers;
  readonly snapshots: Snapshots;
  readonly images: Images;
  readonly executor: StepExecutor;
  readonly networks?: Networks;
  /** Absent: only local images are built on, and nothing is pushed. */
  readonly transfers?: Transfers;
  /** With `transfers`. */
  readonly registry?: Pick<Registry, 'resolve' | 'blob' | 'head'>;
  /** Most RUN steps that run at the same time. */
  readonly parallelism: number;
  /** Folder for what lives as long as the process. */
  readonly stateRoot: string;
  /** Folder for what outlives it. */
  readonly dataRoot: string;
}

/** What all builds of one builder share. */
export interface Plant {
  readonly parts: BuilderParts;
  readonly shop: Workshop;
  readonly slots: Slots;
  readonly flights: Flights<Outcome<Value>>;
  readonly held: Held;
  readonly results: KeptResults;
  readonly withoutTrace: WithoutTrace;
}

/** The builder. Its tables are those of `buildMigrations`. */
export function createBuilder(parts: BuilderParts): Builder & { close(): Promise<void> } {
  const root = join(parts.dataRoot, 'build');
  const scratch = join(parts.stateRoot, 'build');
  const trees = join(root, 'trees');
  // What an earlier process left here belongs to nobody.
  rmSync(trees, { recursive: true, force: true });
  for (const folder of [root, trees]) mkdirSync(folder, { recursive: true, mode: 0o700 });
  mkdirSync(scratch, { recursive: true, mode: 0o700 });
  endOldSteps(scratch);
  const now = () => Date.now();
  const records = new Records(parts.db, parts.snapshots, now);
  const files = createFiles({
    count: Math.min(4, Math.max(2, availableParallelism())),
    digests: join(root, 'digests.db'),
  });
  const held = new Held();
  const shop: Workshop = {
    snapshots: parts.snapshots,
    layers: parts.layers,
    records,
    files,
    executor: parts.executor,
    bases: new Bases(parts.db, parts.snapshots, now),
    cacheMounts: new CacheMounts(parts.db, join(root, 'cache-mounts'), now),
    downloads: new Downloads(parts.db, join(root, 'downloads'), now),
    sent: createKeptFolders(join(parts.dataRoot, 'contexts')),
    gitRoot: join(root, 'git'),
    scratch,
    trees,
    copying: new Map(),
    kept: new Set(),
    inUse: () => held.ids(),
    now,
  };
  parts.images.addHolder(() => [...records.snapshots(), ...shop.bases.snapshots(), ...held.snapshots(), ...shop.kept]);
  const plant: Plant = {
    parts,
    shop,
    slots: new Slots(parts.parallelism),
    flights: new Flights(),
    held,
    results: new KeptResults(held),
    withoutTrace: new WithoutTrace(parts.images),
  };
  const stop = new AbortController();
  const running = new Set<Promise<unknown>>();

  /** A build ends with the daemon, and so do its steps: nobody would hear of what they made. */
  function build(...[request, options]: Parameters<Builder['build']>): ReturnType<Builder['build']> {
    const signal = AbortSignal.any([options.signal, stop.signal]);
    const work = parts.images.during(() => runBuild(plant, request, { ...options, signal }));
    const tracked = work.catch(() => {}).finally(() => running.delete(tracked));
    running.add(tracked);
    return work;
  }

  return {
    build,
    sent: shop.sent,
    cache: {
      list: () => listCache(plant),
      prune: (options) => pruneCache(plant, options),
    },
    async close() {
      stop.abort();
      await Promise.all(running);
      await files.close();
    },
  };
}
