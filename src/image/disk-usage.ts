import type { SnapshotInfo, Snapshots } from '../snapshot/index.ts';
import type { Records } from './records.ts';
import type { Images } from './types.ts';

/** Content sizes, a layer that several images have being counted once in all, and as shared with each. */
export function diskUsage(records: Records, snapshots: Snapshots): Awaited<ReturnType<Images['diskUsage']>> {
  const rows = records.rows();
  const stacks = rows.map((row) => (row.snapshot === null ? [] : distinct(snapshots.remaining(row.snapshot))));
  const users = new Map<string, number>();
  let layersSize = 0;
  for (const layer of stacks.flat()) {
    const before = users.get(layer.diffDir) ?? 0;
    if (before === 0) layersSize += bytesOf(layer);
    users.set(layer.diffDir, before + 1);
  }
  const images = rows.map(({ id, size }, i) => ({
    id,
    size,
    sharedSize: stacks[i]!.reduce((sum, layer) => sum + (users.get(layer.diffDir)! > 1 ? bytesOf(layer) : 0), 0),
  }));
  return { images, layersSize };
}

function bytesOf({ measure }: SnapshotInfo): number {
  return measure?.contentSize ?? 0;
}

/** A layer may lie in one stack twice, which shares it with nobody. */
function distinct(stack: readonly SnapshotInfo[]): readonly SnapshotInfo[] {
  return [...new Map(stack.map((layer) => [layer.diffDir, layer])).values()];
}
