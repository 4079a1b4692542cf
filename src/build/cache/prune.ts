import type { SnapshotName } from '../../snapshot/index.ts';
import type { Plant } from '../builder.ts';
import type { Builder, CacheRecord } from '../types.ts';

type PruneOptions = Parameters<Builder['cache']['prune']>[0];

/** Something that the cache keeps, and how to let go of it. */
interface Kept {
  readonly record: CacheRecord;
  readonly usedAt: number;
  readonly remove: () => Promise<void>;
}

/** What the build cache holds, for `builder du`. */
export async function listCache(plant: Plant): Promise<readonly CacheRecord[]> {
  return (await listKept(plant)).map(({ record }) => record);
}

/**
 * Lets go of records: of those that no image shares (or all, with `all`) the longest unused first, until at most
 * `keepStorage` bytes are left; never of what a running build works with. Filters are Docker's: `until`, `id`, `type`,
 * `inuse`, `shared`, `private`, `description`.
 */
export async function pruneCache(
  plant: Plant,
  options: PruneOptions,
): Promise<{ readonly deleted: readonly string[]; readonly reclaimed: number }> {
  const all = await listKept(plant);
  const now = plant.shop.now();
  const oldest = options.unusedFor === undefined ? Number.POSITIVE_INFINITY : now - options.unusedFor * 1000;
  const candidates = all
    .filter(({ record, usedAt }) => !record.inUse && usedAt < oldest && passes(record, options.filters ?? {}))
    .filter(({ record }) => options.all || !record.shared)
    .sort((a, b) => a.usedAt - b.usedAt);
  let total = all.reduce((sum, { record }) => sum + record.size, 0);
  const deleted: string[] = [];
  let reclaimed = 0;
  for (const { record, remove } of candidates) {
    if (options.keepStorage !== undefined && options.keepStorage > 0 && total <= options.keepStorage) break;
    await remove();
    deleted.push(record.id);
    total -= record.size;
    if (!record.shared) reclaimed += record.size;
  }
  await dropSnapshots(plant);
  return { deleted, reclaimed };
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
  return [...(await stepResults(plant)), ...cacheMounts(plant), ...downloads(plant)];
}

async function stepResults({ parts, shop }: Plant): Promise<Kept[]> {
  const used = await imageSnapshots(parts);
  const busy = shop.inUse();
  return shop.records.results().map((row) => {
    const info = row.snapshot === null ? undefined : parts.snapshots.stat(row.snapshot);
    const record: CacheRecord = {
      id: row.id,
      parents: JSON.parse(row.parents) as string[],
      type: row.type,
      description: row.description,
      inUse: busy.has(row.id),
      shared: row.snapshot !== null && used.has(row.snapshot),
      size: info?.measure?.contentSize ?? 0,
      createdAt: new Date(row.created_at).toISOString(),
      lastUsedAt: row.uses > 0 ? new Date(row.used_at).toISOString() : null,
      usageCount: row.uses,
    };
    return { record, usedAt: row.used_at, remove: async () => shop.records.forget(row.id) };
  });
}

/** Snapshots of all images with everything that they stand on. */
async function imageSnapshots(parts: Plant['parts']): Promise<ReadonlySet<SnapshotName>> {
  const out = new Set<SnapshotName>();
  for (const { snapshot } of await parts.images.list()) {
    if (snapshot === null || out.has(snapshot)) continue;
    for (const { name } of parts.snapshots.stack(snapshot)) out.add(name);
  }
  return out;
}

function cacheMounts({ shop }: Plant): Kept[] {
  return shop.cacheMounts.list().map((row) => ({
    record: {
      id: row.id,
      parents: [],
      type: 'exec.cachemount',
      description: row.description,
      inUse: row.inUse,
      shared: false,
      size: shop.cacheMounts.size(row.path),
      createdAt: new Date(row.created_at).toISOString(),
      lastUsedAt: new Date(row.used_at).toISOString(),
      usageCount: row.uses,
    },
    usedAt: row.used_at,
    remove: () => shop.cacheMounts.remove(row.id),
  }));
}

function downloads({ shop }: Plant): Kept[] {
  return shop.downloads.list().map((row) => ({
    record: {
      id: row.digest.replace('sha256:', ''),
      parents: [],
      type: 'regular',
      description: `http url ${row.url}`,
      inUse: false,
      shared: false,
      size: shop.cacheMounts.size(row.file),
      createdAt: new Date(row.used_at).toISOString(),
      lastUsedAt: new Date(row.used_at).toISOString(),
      usageCount: 1,
    },
    usedAt: row.used_at,
    remove: async () => shop.downloads.remove(row.url),
  }));
}

/** Removes snapshots that the cache made and that neither a record nor an image needs any more, leaves first. */
async function dropSnapshots({ parts, shop }: Plant): Promise<void> {
  const needed = new Set<SnapshotName>(await imageSnapshots(parts));
  for (const name of shop.records.snapshots()) {
    if (!parts.snapshots.stat(name)) continue;
    for (const info of parts.snapshots.stack(name)) needed.add(info.name);
  }
  const orphans = shop.records.orphans().filter((name) => !needed.has(name));
  const depth = (name: SnapshotName) => (parts.snapshots.stat(name) ? parts.snapshots.stack(name).length : 0);
  const deepest = orphans.map((name) => ({ name, depth: depth(name) })).sort((a, b) => b.depth - a.depth);
  for (const { name } of deepest) {
    try {
      await parts.snapshots.remove(name);
      shop.records.forgetOrphan(name);
    } catch {
      // A container or a running build stands on it: it goes the next time.
    }
  }
}
