import type { Plant } from '../builder.ts';
import type { Builder, CacheRecord } from '../types.ts';

type PruneOptions = Parameters<Builder['cache']['prune']>[0];

/** What the build cache holds, for `builder du`. */
export async function listCache({ parts, shop }: Plant): Promise<readonly CacheRecord[]> {
  const used = new Set((await parts.images.list()).flatMap(({ snapshot }) => (snapshot === null ? [] : stackOf(snapshot))));
  function stackOf(name: NonNullable<Parameters<typeof parts.snapshots.stack>[0]>) {
    return parts.snapshots.stack(name).map((info) => info.name);
  }
  return shop.records.results().map((row) => {
    const info = row.snapshot === null ? undefined : parts.snapshots.stat(row.snapshot);
    return {
      id: row.id,
      parents: JSON.parse(row.parents) as string[],
      type: row.type,
      description: row.description,
      inUse: false,
      shared: row.snapshot !== null && used.has(row.snapshot),
      size: info?.measure?.contentSize ?? 0,
      createdAt: new Date(row.created_at).toISOString(),
      lastUsedAt: row.uses > 0 ? new Date(row.used_at).toISOString() : null,
      usageCount: row.uses,
    };
  });
}

export async function pruneCache(
  plant: Plant,
  options: PruneOptions,
): Promise<{ readonly deleted: readonly string[]; readonly reclaimed: number }> {
  void plant;
  void options;
  return { deleted: [], reclaimed: 0 };
}
