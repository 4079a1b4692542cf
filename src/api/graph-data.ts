import { dirname, join } from 'node:path';
import type { SnapshotInfo } from '../snapshot/index.ts';

/** `GraphDriver.Data` for a stack of layer directories, lowest first; `active` is the writable one of a container, and where it is mounted. */
export function graphData(
  stack: readonly SnapshotInfo[],
  active?: { readonly upper: string; readonly merged: string },
): Readonly<Record<string, string>> {
  const dirs = [...stack.map((layer) => layer.diffDir), ...(active ? [active.upper] : [])];
  const top = dirs.at(-1);
  if (top === undefined) return {};
  const lower = dirs.slice(0, -1).reverse();
  return {
    ...(lower.length > 0 && { LowerDir: lower.join(':') }),
    ...(active && { MergedDir: active.merged }),
    UpperDir: top,
    ...(active && { WorkDir: join(dirname(top), 'w') }),
  };
}
