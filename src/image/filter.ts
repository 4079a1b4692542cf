import { familiarName, familiarRepository, parseReference } from '../oci/index.ts';
import { matchGlob } from './glob.ts';
import type { Image, ImageFilter } from './types.ts';

/** Whether the image passes the filters that need nothing but the image itself (all but `before` and `since`). */
export function passes(image: Image, filter: ImageFilter, time: 'created' | 'used'): boolean {
  if (filter.dangling !== undefined && filter.dangling !== (image.names.length === 0)) return false;
  if (filter.until !== undefined && (time === 'created' ? image.createdAt : image.usedAt) >= filter.until) return false;
  if (filter.labels && !filter.labels(image.config.config?.Labels ?? {})) return false;
  return (
    !filter.references?.length ||
    [...image.names, ...image.repoDigests].some((name) =>
      filter.references!.some((pattern) => matchesReference(pattern, name)),
    )
  );
}

/** As distribution's FamiliarMatch: the pattern may mean the whole familiar name or the repository alone. */
export function matchesReference(pattern: string, canonical: string): boolean {
  const ref = parseReference(canonical);
  return matchGlob(pattern, familiarName(ref)) || matchGlob(pattern, familiarRepository(ref));
}
