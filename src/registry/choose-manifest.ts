import { StrataError } from '../errors/index.ts';
import {
  type Descriptor,
  formatPlatform,
  type Index,
  isIndexType,
  isManifestType,
  type Platform,
  platformMatches,
} from '../oci/index.ts';

/**
 * The entry of an index for `platform`: of those that serve it the one with the very same variant, else the first.
 * Attestations (platform `unknown/unknown`) and artifacts are no images.
 */
export function chooseManifest(index: Index, platform: Platform): Descriptor {
  const fitting = index.manifests.filter(
    (entry) =>
      (isManifestType(entry.mediaType) || isIndexType(entry.mediaType)) &&
      (entry.platform === undefined ? index.manifests.length === 1 : platformMatches(platform, entry.platform)),
  );
  const chosen = fitting.find((entry) => entry.platform?.variant === platform.variant) ?? fitting[0];
  if (chosen) return chosen;
  const offered = index.manifests.flatMap(({ platform: one }) =>
    one && one.os !== 'unknown' ? [formatPlatform(one)] : [],
  );
  throw new StrataError(
    'not_found',
    `no matching manifest for ${formatPlatform(platform)} in the manifest list entries`,
    {
      code: 'no_matching_manifest',
      ...(offered.length > 0 && { hint: `the image is there for ${[...new Set(offered)].slice(0, 20).join(', ')}` }),
    },
  );
}
