import { statfs } from 'node:fs/promises';
import { dateText, readJson } from '../../db/index.ts';
import type { SnapshotName } from '../../snapshot/index.ts';
import { treeSize } from '../../sys/index.ts';
import type { Plant } from '../plant.ts';
import type { Builder, CacheRecord } from '../types.ts';
import { keepBytes } from './keep-bytes.ts';
import { type Holding, Ledger } from './ledger.ts';

type PruneOptions = Parameters<Builder['cache']['prune']>[0];

/** Something that the cache keeps, and how to let go of it. */
interface Kept extends Holding {
  readonly record: CacheRecord;
  readonly usedAt: number;
  /** False where a build has begun to work with it meanwhile. */
  readonly remove: () => Promise<boolean>;
}

/** What the build cache holds, for `builder du`. */
export async function listCache(plant: Plant): Promise<readonly CacheRecord[]> {
  return (await listKept(plant)).map(({ record }) => record);
}

/**
 * Lets go of records that no image shares (or of all, with `all`) and that no running build works with. With bounds on
 * space the longest unused go first, and only as many as it takes; one that others stand on goes after those. Filters
 * are Docker's: `until`, `id`, `type`, `inuse`, `shared`, `private`, `description`.
 */
export async function pruneCache(
  plant: Plant,
  options: PruneOptions,
): Promise<{ readonly deleted: readonly string[]; readonly reclaimed: number }> {
  const { shop } = plant;
  const isBounded = keepBytes(0, 0, options) !== undefined;
  if (isBounded) await measureAll(plant);
  const all = await listKept(plant);
  const ledger = new Ledger(all);
  const bound = keepBytes(ledger.total, await freeBytes(plant), options);
  const now = shop.now();
  const oldest = options.unusedFor === undefined ? Number.POSITIVE_INFINITY : now - options.unusedFor * 1000;
  const candidates = all
    .filter(({ record, usedAt }) => !record.inUse && usedAt < oldest && passes(record, options.filters ?? {}))
    .filter(({ record }) => options.all || !record.shared)
    .sort((a, b) => a.usedAt - b.usedAt);
  const chosen = bound === undefined ? candidates : longestUnused(candidates, ledger, bound);
  let reclaimed = 0;
  const gone: Kept[] = [];
  for (const one of chosen) {
    if (!(await one.remove())) continue;
    gone.push(one);
    if (bound === undefined) reclaimed += ledger.release(one).freed;
  }
  if (bound !== undefined) reclaimed = new Ledger(all).total - ledger.total;
  await dropSnapshots(plant);
  // Blobs of layers that went, and layers that only a removed container had.
  if (gone.length > 0) await plant.parts.images.collect();
  // What is known by name alone takes no space, and forgetting it takes some; who wants all gone wants no trace of it.
  if (options.all && bound === undefined && Object.keys(options.filters ?? {}).length === 0) shop.records.forgetNames();
  return { deleted: gone.map(({ record }) => record.id), reclaimed };
}

/** Those that have to go so that `bound` bytes are left, each of which frees something; they have left the ledger. */
function longestUnused(candidates: readonly Kept[], ledger: Ledger<Kept>, bound: number): Kept[] {
  const chosen: Kept[] = [];
  const passed = new Set<Kept>();
  const visit = (one: Kept): void => {
    if (ledger.total <= bound) return;
    passed.add(one);
    if (ledger.frees(one) === 0) return;
    passed.delete(one);
    chosen.push(one);
    // What it stood on is older, and may be free to go now.
    for (const below of ledger.release(one).alone) if (passed.has(below)) visit(below);
  };
  for (const one of candidates) visit(one);
  return chosen;
}

/** Layers of steps whose image was never made have not been measured yet. */
async function measureAll({ parts, shop }: Plant): Promise<void> {
  for (const { snapshot } of shop.records.results()) {
    if (snapshot !== null && parts.snapshots.stat(snapshot)?.measure === null) await parts.snapshots.measure(snapshot);
  }
}

async function freeBytes({ parts }: Plant): Promise<number> {
  const { bavail, bsize } = await statfs(parts.dataRoot);
  return bavail * bsize;
}

function passes(record: CacheRecord, filters: Readonly<Record<string, readonly string[]>>): boolean {
  return Object.entries(filters).every(
    ([name, values]) => values.length === 0 || values.some((v) => matches(record, name, v)),
  );
}

function matches(record: CacheRecord, name: string, value: string): boolean {
  const wanted = value !== 'false' && value !== '0';
  switch (name) {
    case 'id':
      return record.id.startsWith(value);
    case 'parent':
    case 'parents':
      return record.parents.some((parent) => parent.startsWith(value));
    case 'type':
      return record.type === value;
    case 'description':
      return record.description.includes(value);
    case 'inuse':
      return record.inUse === wanted;
    case 'shared':
      return record.shared === wanted;
    case 'private':
      return !record.shared === wanted;
    default:
      return true;
  }
}

async function listKept(plant: Plant): Promise<Kept[]> {
  const parts = await Promise.all([
    stepResults(plant),
    bases(plant),
    cacheMounts(plant),
    downloads(plant),
    sentFolders(plant),
  ]);
  return parts.flat();
}

function namesIn(json: string): readonly string[] {
  const names = readJson<readonly string[]>(json);
  return Array.isArray(names) ? names.filter((name) => typeof name === 'string') : [];
}

async function stepResults({ parts, shop }: Plant): Promise<Kept[]> {
  const used = await imageSnapshots(parts);
  // A linked copy is another snapshot of the same folder.
  const imageDirs = new Set([...used].map((name) => parts.snapshots.stat(name)!.diffDir));
  const busy = shop.inUse();
  return shop.records.results().map((row) => {
    const info = row.snapshot === null ? undefined : parts.snapshots.stat(row.snapshot);
    const record: CacheRecord = {
      id: row.id,
      parents: namesIn(row.parents),
      type: row.type,
      description: row.description,
      inUse: busy.has(row.id),
      shared: row.snapshot !== null && used.has(row.snapshot),
      size: info?.measure?.contentSize ?? 0,
      createdAt: dateText(row.created_at),
      lastUsedAt: row.uses > 0 ? dateText(row.used_at) : null,
      usageCount: row.uses,
    };
    const holds = holdingOf(parts, info ? row.snapshot : null, imageDirs);
    const remove = async () => {
      // Looked at in the same stroke: what was listed is a while ago.
      const isFree = !shop.inUse().has(row.id);
      if (isFree) shop.records.forget(row.id);
      return isFree;
    };
    return { record, usedAt: row.used_at, holds, remove };
  });
}

/** The folders of a snapshot's stack that no image has. */
function holdingOf({ snapshots }: Plant['parts'], top: SnapshotName | null, imageDirs: ReadonlySet<string>) {
  return (top === null ? [] : snapshots.remaining(top))
    .filter(({ diffDir }) => !imageDirs.has(diffDir))
    .map(({ diffDir, measure }) => ({ name: diffDir, bytes: measure?.contentSize ?? 0 }));
}

async function bases({ parts, shop, held }: Plant): Promise<Kept[]> {
  const used = await imageSnapshots(parts);
  const imageDirs = new Set([...used].map((name) => parts.snapshots.stat(name)!.diffDir));
  const isBusy = (name: SnapshotName | null) => name !== null && held.snapshots().includes(name);
  return shop.bases.list().map((row) => {
    const here = row.snapshot !== null && parts.snapshots.stat(row.snapshot) ? row.snapshot : null;
    const stack = here === null ? [] : parts.snapshots.remaining(here);
    return {
      record: {
        id: row.id,
        parents: [],
        type: 'regular',
        description: `pulled from ${row.name}`,
        inUse: isBusy(row.snapshot),
        shared: here !== null && used.has(here),
        size: stack.reduce((sum, { measure }) => sum + (measure?.contentSize ?? 0), 0),
        createdAt: dateText(row.created_at),
        lastUsedAt: row.uses > 0 ? dateText(row.used_at) : null,
        usageCount: row.uses,
      },
      usedAt: row.used_at,
      holds: holdingOf(parts, here, imageDirs),
      remove: async () => {
        const isFree = !isBusy(row.snapshot);
        if (isFree) shop.bases.forget(row.id);
        return isFree;
      },
    };
  });
}

/** Snapshots of all images with everything that they stand on. */
async function imageSnapshots(parts: Plant['parts']): Promise<ReadonlySet<SnapshotName>> {
  const out = new Set<SnapshotName>();
  for (const { snapshot } of await parts.images.list()) {
    if (snapshot === null || out.has(snapshot)) continue;
    for (const { name } of parts.snapshots.remaining(snapshot)) out.add(name);
  }
  return out;
}

function cacheMounts({ shop }: Plant): Promise<Kept[]> {
  const listed = shop.cacheMounts.list().map(async (row): Promise<Kept> => {
    const size = await shop.cacheMounts.size(row);
    return {
      record: {
        id: row.id,
        parents: [],
        type: 'exec.cachemount',
        description: row.description,
        inUse: row.inUse,
        shared: false,
        size,
        createdAt: dateText(row.created_at),
        lastUsedAt: dateText(row.used_at),
        usageCount: row.uses,
      },
      usedAt: row.used_at,
      holds: [{ name: row.path, bytes: size }],
      remove: () => shop.cacheMounts.remove(row.id),
    };
  });
  return Promise.all(listed);
}

function downloads({ shop }: Plant): Promise<Kept[]> {
  const listed = shop.downloads.list().map(async (row): Promise<Kept> => {
    const size = await treeSize(row.file);
    return {
      record: {
        id: row.digest.replace('sha256:', ''),
        parents: [],
        type: 'regular',
        description: `http url ${row.url}`,
        inUse: false,
        shared: false,
        size,
        createdAt: dateText(row.used_at),
        lastUsedAt: dateText(row.used_at),
        usageCount: 1,
      },
      usedAt: row.used_at,
      holds: [{ name: row.file, bytes: size }],
      remove: async () => {
        shop.downloads.remove(row.url);
        return true;
      },
    };
  });
  return Promise.all(listed);
}

async function sentFolders({ shop }: Plant): Promise<Kept[]> {
  return (await shop.sent.list()).map(({ id, path, size, usedAt, inUse }) => ({
    record: {
      id,
      parents: [],
      type: 'source.local',
      description: 'local source for context',
      inUse,
      shared: false,
      size,
      createdAt: dateText(usedAt),
      lastUsedAt: dateText(usedAt),
      usageCount: 1,
    },
    usedAt,
    holds: [{ name: path, bytes: size }],
    remove: () => shop.sent.remove(id),
  }));
}

/** Removes snapshots that the cache made and that neither a record nor an image needs any more, leaves first. */
async function dropSnapshots({ parts, shop, held }: Plant): Promise<void> {
  const needed = new Set<SnapshotName>(await imageSnapshots(parts));
  const addStacks = (to: Set<SnapshotName>, names: readonly SnapshotName[]) => {
    for (const name of names) {
      if (!parts.snapshots.stat(name)) continue;
      for (const info of parts.snapshots.remaining(name)) to.add(info.name);
    }
    return to;
  };
  addStacks(needed, [...shop.records.snapshots(), ...shop.bases.snapshots()]);
  const orphans = shop.records.orphans().filter((name) => !needed.has(name));
  const depth = (name: SnapshotName) => (parts.snapshots.stat(name) ? parts.snapshots.remaining(name).length : 0);
  const deepest = orphans.map((name) => ({ name, depth: depth(name) })).sort((a, b) => b.depth - a.depth);
  for (const { name } of deepest) {
    // What builds work with changes while others are removed.
    if (addStacks(new Set(), [...held.snapshots(), ...shop.kept]).has(name)) continue;
    try {
      await parts.snapshots.remove(name);
      shop.records.forgetOrphan(name);
    } catch {
      // A container or a running build stands on it: it goes the next time.
    }
  }
}
