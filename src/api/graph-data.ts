import type { SnapshotInfo } from '../snapshot/index.ts';

/** `GraphDriver.Data` for a stack of layer directories, lowest first; `upper` is the writable one of a container. */
export function graphData(stack: readonly SnapshotInfo[], upper?: string): Readonly<Record<string, string>> {
  const dirs = [...stack.map((layer) => layer.diffDir), ...(upper === undefined ? [] : [upper])];
  const top = dirs.at(-1);
  if (top === undefined) return {};
  const lower = dirs.slice(0, -1).reverse();
  return { ...(lower.length > 0 && { LowerDir: lower.join(':') }), UpperDir: top };
}
