/** Manifests that a registry took a moment ago, by `registry/repository@digest`: it has looked for their blobs itself. */
export interface RecentPushes {
  note(name: string): void;
  has(name: string): boolean;
}

/** For so long what was pushed is taken to be whole, in milliseconds. */
const trusted = 10 * 60_000;
const most = 1000;

export function createRecentPushes(): RecentPushes {
  const at = new Map<string, number>();
  return {
    note(name) {
      at.delete(name);
      at.set(name, performance.now());
      if (at.size > most) at.delete(at.keys().next().value!);
    },
    has: (name) => performance.now() - (at.get(name) ?? Number.NEGATIVE_INFINITY) < trusted,
  };
}
