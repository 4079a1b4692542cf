import { mkdirSync, rmSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { runBuild } from './build.ts';
import { Bases } from './cache/bases.ts';
import { CacheMounts } from './cache/cache-mounts.ts';
import { Downloads } from './cache/downloads.ts';
import { Held } from './cache/held.ts';
import { createKeptFolders } from './cache/kept-folders.ts';
import { listCache, pruneCache } from './cache/prune.ts';
import { Records } from './cache/records.ts';
import { KeptResults } from './exporters/kept-results.ts';
import { createFiles } from './files/pool.ts';
import { endOldSteps } from './ops/old-steps.ts';
import type { Workshop } from './ops/workshop.ts';
import type { BuilderParts, Plant } from './plant.ts';
import { WithoutTrace } from './remote-cache/without-trace.ts';
import { Flights } from './solver/flights.ts';
import { Slots } from './solver/slots.ts';
import type { Builder } from './types.ts';

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
