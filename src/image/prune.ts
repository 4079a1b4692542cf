import type { Database } from '../db/index.ts';
import { isKind } from '../errors/index.ts';
import type { Digest } from '../oci/index.ts';
import type { Snapshots } from '../snapshot/index.ts';
import { passes } from './filter.ts';
import type { ImageRow, Records } from './records.ts';
import type { Images, RemovedImage } from './types.ts';

export interface PruneParts {
  readonly db: Database;
  readonly records: Records;
  readonly snapshots: Snapshots;
  readonly remove: Images['remove'];
}

/** Removes dangling images, or all that no container uses. What was pulled or built lately counts as used lately. */
export async function pruneImages(
  parts: PruneParts,
  { all, filter = {}, inUse }: Parameters<Images['prune']>[0],
): Promise<Awaited<ReturnType<Images['prune']>>> {
  const { db, records, snapshots } = parts;
  const removed: RemovedImage[] = [];
  const sizes = new Map<string, number>();
  for (const row of records.rows()) {
    const image = await records.toListed(row);
    const isNamed = image.names.length > 0;
    // Nameless images that others were made from go with the last of those.
    const isParent = !isNamed && db.get('SELECT 1 FROM images WHERE parent = ?', row.id) !== undefined;
    if (inUse.has(row.id) || isParent || (isNamed && !all) || !passes(image, filter, 'used')) continue;
    for (const { chainID, measure } of row.snapshot === null ? [] : snapshots.remaining(row.snapshot))
      if (chainID) sizes.set(chainID, measure?.contentSize ?? 0);
    for (const name of image.names) removed.push(...(await removeIfFree(parts, row, name, inUse, false)));
    // What has digests alone goes with all of them, in however many repositories.
    if (records.row(row.id) && records.names(row.id).length === 0)
      removed.push(...(await removeIfFree(parts, row, row.id, inUse, true)));
  }
  const reclaimed = removed.reduce((sum, { deleted }) => sum + (sizes.get(deleted ?? '') ?? 0), 0);
  return { removed, reclaimed };
}

/** Somebody may have begun to use it meanwhile: then it stays. */
async function removeIfFree(
  { records, remove }: PruneParts,
  row: ImageRow,
  text: string,
  inUse: ReadonlySet<Digest>,
  force: boolean,
): Promise<readonly RemovedImage[]> {
  if (records.find(text)?.id !== row.id || inUse.has(row.id)) return [];
  try {
    return await remove(text, { force, prune: true, uses: [] });
  } catch (error) {
    if (isKind(error, 'conflict') || isKind(error, 'not_found')) return [];
    throw error;
  }
}
