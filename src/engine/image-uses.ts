import type { Containers } from '../container/index.ts';
import type { ImageUse } from '../image/index.ts';
import type { Digest } from '../oci/index.ts';

/** Containers that stand on `image`. */
export function usesOf(containers: Pick<Containers, 'list'>, image: Digest): readonly ImageUse[] {
  return containers
    .list()
    .filter((container) => container.imageID === image)
    .map((container) => ({ container: container.id, running: container.state.pid > 0 }));
}

/** How many containers stand on each image. */
export function countUses(containers: Pick<Containers, 'list'>): ReadonlyMap<Digest, number> {
  const out = new Map<Digest, number>();
  for (const { imageID } of containers.list()) if (imageID) out.set(imageID, (out.get(imageID) ?? 0) + 1);
  return out;
}
