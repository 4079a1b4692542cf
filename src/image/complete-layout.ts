import type { DiffID, Digest } from '../oci/index.ts';
import type { SnapshotInfo, Snapshots } from '../snapshot/index.ts';
import type { Collector } from './collector.ts';
import type { LayerBlobs } from './layer-blobs.ts';
import type { LayoutIndex } from './layout-index.ts';
import type { Records } from './records.ts';
import type { Images } from './types.ts';

export interface CompleteLayoutParts {
  readonly records: Records;
  readonly snapshots: Snapshots;
  readonly blobs: LayerBlobs;
  readonly index: LayoutIndex;
  readonly collector: Collector;
  readonly refresh: () => Promise<void>;
}

/** Packs layers until the layout lists every image that has a name, but for those that may not be packed now. */
export async function completeLayout(
  parts: CompleteLayoutParts,
  { mayPack, signal }: Parameters<Images['completeLayout']>[0],
): Promise<void> {
  for (const id of parts.index.unlisted()) {
    const missing = await unpacked(parts, id);
    const bytes = missing.reduce((sum, { measure }) => sum + measure!.tarSize, 0);
    if (missing.length === 0 || !(await mayPack(bytes))) continue;
    for (const layer of missing) {
      signal?.throwIfAborted();
      if (!(await pack(parts, id, layer, signal))) break;
    }
    await parts.refresh();
  }
}

async function unpacked({ records, snapshots, blobs }: CompleteLayoutParts, id: Digest) {
  const top = records.row(id)?.snapshot ?? null;
  const missing = new Map<DiffID, SnapshotInfo>();
  for (const layer of top === null ? [] : snapshots.stack(top)) {
    if (layer.measure && (await blobs.present(layer.measure.diffID)).length === 0)
      missing.set(layer.measure.diffID, layer);
  }
  return [...missing.values()];
}

/** False when the image went meanwhile: nobody waits for that because of us. */
async function pack(
  { records, blobs, collector }: CompleteLayoutParts,
  id: Digest,
  layer: SnapshotInfo,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  try {
    const blob = await collector.during(() => blobs.ensure(layer, 'gzip', signal ? { signal } : {}));
    if (records.row(id)) return true;
    await collector.offer({ blobs: [blob.digest] });
    return false;
  } catch (error) {
    if (!records.row(id)) return false;
    throw error;
  }
}
