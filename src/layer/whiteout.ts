/** How deletions are written: OCI image-spec v1.1 layer.md "Whiteouts" in a tar, overlayfs in a directory. */
import { StrataError } from '../errors/index.ts';
import type { ByteString, FileStat } from '../sys/index.ts';

export const opaqueName = '.wh..wh..opq';
export const opaqueXattr = 'trusted.overlay.opaque';
const prefix = '.wh.';

export type Marker = { readonly kind: 'opaque' } | { readonly kind: 'deleted'; readonly name: ByteString };

/**
 * What a name in a layer tar marks; undefined for an ordinary name, `ignored` for AUFS's own bookkeeping
 * (`.wh..wh.plnk`), which Docker leaves out as well.
 */
export function markerOf(name: ByteString): Marker | 'ignored' | undefined {
  if (!name.startsWith(prefix)) return undefined;
  if (name === opaqueName) return { kind: 'opaque' };
  if (name.startsWith('.wh..wh.')) return 'ignored';
  const deleted = name.slice(prefix.length);
  if (deleted === '' || deleted === '.' || deleted === '..') {
    throw new StrataError('invalid_argument', `invalid whiteout name ${JSON.stringify(name)}`, {
      code: 'invalid_archive',
    });
  }
  return { kind: 'deleted', name: deleted };
}

export function whiteoutName(name: ByteString): ByteString {
  return prefix + name;
}

/** A file with such a name cannot be in a layer tar: readers would take it for a deletion. */
export function isMarkerName(name: ByteString): boolean {
  return name.startsWith(prefix);
}

const typeMask = 0o170000;
const charDevice = 0o020000;

/** Whether an entry of a directory is overlayfs's mark for a deleted name. */
export function isWhiteout(stat: FileStat): boolean {
  return (stat.mode & typeMask) === charDevice && stat.major === 0 && stat.minor === 0;
}
