/** How much the cache may take, each bound in bytes. */
export interface SpaceBounds {
  /** The cache may always take so much. */
  readonly reservedSpace?: number;
  /** The cache may never take more. */
  readonly maxUsedSpace?: number;
  /** So much of the disk is to be free. */
  readonly minFreeSpace?: number;
}

/** What a cache of `total` bytes on a disk with `free` bytes may keep, as BuildKit reckons; undefined without a bound. */
export function keepBytes(total: number, free: number, bounds: SpaceBounds): number | undefined {
  const { reservedSpace = 0, maxUsedSpace = 0, minFreeSpace = 0 } = bounds;
  if (reservedSpace === 0 && maxUsedSpace === 0 && minFreeSpace === 0) return undefined;
  const isOnlyReserved = maxUsedSpace === 0 && minFreeSpace === 0;
  let keep = isOnlyReserved ? 0 : maxUsedSpace || Number.POSITIVE_INFINITY;
  const missing = minFreeSpace - free;
  if (missing > 0) keep = Math.min(keep, total - missing);
  return Math.max(keep, reservedSpace);
}
