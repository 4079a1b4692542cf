import type { SnapshotName } from '../../snapshot/index.ts';
import type { BuilderParts } from '../plant.ts';

/**
 * The stack of `top` with the times of its uppermost `count` layers set back to `epoch` where they are later: the same
 * build then gives the same bytes on another day. Layers that a base brought stay as they are.
 */
export async function rewriteTimes(
  { snapshots, layers }: Pick<BuilderParts, 'snapshots' | 'layers'>,
  top: SnapshotName,
  count: number,
  epoch: number,
  signal: AbortSignal,
): Promise<SnapshotName> {
  const stack = snapshots.stack(top);
  const kept = stack.length - count;
  let parent: SnapshotName | null = stack[kept - 1]?.name ?? null;
  for (const { diffDir } of stack.slice(kept)) {
    const active = await snapshots.prepare(parent);
    try {
      const source = layers.stream(diffDir, { epoch, signal });
      const measure = await layers.unpack(source, active.diffDir, { compression: 'none', signal });
      parent = (await snapshots.commit(active, { measure })).name;
    } catch (error) {
      await snapshots.discard(active.key);
      throw error;
    }
  }
  return parent!;
}
