import type { Containers } from '../container/index.ts';

/** Ids of the containers that have each volume mounted, by volume name. */
export function volumeUsers(containers: Pick<Containers, 'list'>): ReadonlyMap<string, readonly string[]> {
  const out = new Map<string, string[]>();
  for (const { id, mounts } of containers.list()) {
    for (const { Type, Name } of mounts) {
      if (Type !== 'volume' || Name === undefined) continue;
      const users = out.get(Name) ?? [];
      out.set(Name, [...users, id]);
    }
  }
  return out;
}
