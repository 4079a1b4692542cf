import type { Stats } from 'node:fs';
import { join } from 'node:path';
import type { StubRecord } from '../runtime/index.ts';
import type { ActiveKey, Snapshots } from '../snapshot/index.ts';
import { compareNames, lstatSync, majorMinor, readdirSync } from '../sys/index.ts';

export interface ChangedPath {
  readonly path: string;
  readonly kind: 'A' | 'C' | 'D';
}

/**
 * What an active snapshot changes of what it stands on, sorted by path; folders on the way to a change are `C`. The
 * stubs of a running container are no change.
 */
export async function changedPaths(
  key: ActiveKey,
  snapshots: Snapshots,
  stubs: readonly StubRecord[],
): Promise<readonly ChangedPath[]> {
  const active = await snapshots.active(key);
  if (!active) return [];
  const below = await snapshots.mount(active.parent);
  try {
    const stubPaths = new Set(stubs.map(({ folder, name }) => join(folder, name)));
    const stubTimes = new Map(stubs.map(({ folder, after, before }) => [`${folder}:${after}`, before]));
    const out: ChangedPath[] = [];
    walk('', { upper: active.diffDir, lower: below.target, stubPaths, stubTimes }, out);
    return out.sort((a, b) => compareNames(a.path, b.path));
  } finally {
    await below.unmount();
  }
}

interface Walk {
  readonly upper: string;
  readonly lower: string;
  readonly stubPaths: ReadonlySet<string>;
  /** `folder:time` after a stub was made there -> time before. */
  readonly stubTimes: ReadonlyMap<string, string>;
}

/** Whether anything was found. */
function walk(path: string, where: Walk, out: ChangedPath[]): boolean {
  let found = false;
  for (const name of readdirSync(join(where.upper, path))) {
    const at = `${path}/${name}`;
    if (changed(at, where, out)) found = true;
  }
  return found;
}

function changed(at: string, where: Walk, out: ChangedPath[]): boolean {
  const entry = lstatSync(join(where.upper, at));
  const old = lstatSync(join(where.lower, at), { throwIfNoEntry: false });
  if (isWhiteout(entry)) {
    if (old) out.push({ path: at, kind: 'D' });
    return old !== undefined;
  }
  const inside = entry.isDirectory() && walk(at, where, out);
  if (where.stubPaths.has(at) && !inside && (entry.isDirectory() || entry.size === 0)) return false;
  if (old?.isDirectory() && entry.isDirectory() && !inside && isSameFolder(at, where)) return false;
  out.push({ path: at, kind: old ? 'C' : 'A' });
  return true;
}

function isWhiteout(entry: Stats): boolean {
  if (!entry.isCharacterDevice()) return false;
  const { major, minor } = majorMinor(entry.rdev);
  return major === 0 && minor === 0;
}

/** A folder is copied up for what happens in it, and may be as it was when that is undone. */
function isSameFolder(path: string, { upper, lower, stubTimes }: Walk): boolean {
  const [now, old] = [upper, lower].map((root) => lstatSync(join(root, path), { bigint: true }));
  const time = String(now!.mtimeNs);
  const sameTime = time === String(old!.mtimeNs) || stubTimes.get(`${path}:${time}`) === String(old!.mtimeNs);
  return sameTime && now!.mode === old!.mode && now!.uid === old!.uid && now!.gid === old!.gid;
}
