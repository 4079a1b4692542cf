import { lstatSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { ActiveKey, Snapshots } from '../snapshot/index.ts';
import { majorMinor } from '../sys/index.ts';

export interface ChangedPath {
  readonly path: string;
  readonly kind: 'A' | 'C' | 'D';
}

/** What an active snapshot changes of what it stands on, sorted by path; folders on the way to a change are `C`. */
export async function changedPaths(key: ActiveKey, snapshots: Snapshots): Promise<readonly ChangedPath[]> {
  const active = await snapshots.active(key);
  if (!active) return [];
  const below = await snapshots.mount(active.parent);
  try {
    const out: ChangedPath[] = [];
    walk(active.diffDir, below.target, '', out);
    return out.sort((a, b) => (a.path < b.path ? -1 : 1));
  } finally {
    await below.unmount();
  }
}

function walk(upper: string, lower: string, path: string, out: ChangedPath[]): void {
  for (const name of readdirSync(join(upper, path))) {
    const at = `${path}/${name}`;
    const entry = lstatSync(join(upper, at));
    const old = lstatSync(join(lower, at), { throwIfNoEntry: false });
    if (entry.isCharacterDevice() && majorMinor(entry.rdev).major === 0 && majorMinor(entry.rdev).minor === 0) {
      if (old) out.push({ path: at, kind: 'D' });
      continue;
    }
    out.push({ path: at, kind: old ? 'C' : 'A' });
    if (entry.isDirectory()) walk(upper, lower, at, out);
  }
}

/** Bytes of the regular files in a diff directory. */
export async function writableSize(diffDir: string): Promise<number> {
  let sum = 0;
  for (const name of readdirSync(diffDir)) {
    const path = join(diffDir, name);
    const entry = lstatSync(path);
    if (entry.isDirectory()) sum += await writableSize(path);
    else if (entry.isFile()) sum += entry.size;
  }
  return sum;
}
