import { isDeepStrictEqual } from 'node:util';
import type { ContentStore } from '../content/index.ts';
import { type Descriptor, layerCompression, type Manifest, mediaTypes } from '../oci/index.ts';
import type { Snapshots } from '../snapshot/index.ts';
import type { LayerBlobs } from './layer-blobs.ts';
import type { LayoutIndex, Materialized } from './layout-index.ts';
import { ociManifest } from './oci-manifest.ts';
import type { ImageRow } from './records.ts';
import type { Images } from './types.ts';

type Options = Parameters<Images['materialize']>[1];

export interface MaterializeParts {
  readonly content: ContentStore;
  readonly snapshots: Snapshots;
  readonly blobs: LayerBlobs;
  readonly index: LayoutIndex;
}

/** The image's manifest and blobs as received, when they are all here; else made, each layer packed once and kept. */
export async function materialize(
  parts: MaterializeParts,
  row: ImageRow,
  configSize: number,
  options: Options,
): Promise<Materialized> {
  const known = await parts.index.complete(row);
  if (known && serves(known, options)) return known;
  return make(parts, row, configSize, { annotations: known ? annotationsOf(known) : {}, ...options });
}

function annotationsOf({ manifestBytes }: Materialized): Readonly<Record<string, string>> {
  return (JSON.parse(Buffer.from(manifestBytes).toString('utf8')) as Manifest).annotations ?? {};
}

function serves(known: Materialized, { annotations, compression, force = false }: Options): boolean {
  if (annotations !== undefined && !isDeepStrictEqual(annotationsOf(known), annotations)) return false;
  return !force || known.layers.every(({ mediaType }) => layerCompression(mediaType) === compression);
}

async function make(
  { content, snapshots, blobs }: MaterializeParts,
  row: ImageRow,
  configSize: number,
  { compression, force = false, annotations = {}, signal, progress, ready }: Options,
): Promise<Materialized> {
  const stack = row.snapshot === null ? [] : snapshots.stack(row.snapshot);
  const stop = new AbortController();
  const either = signal ? AbortSignal.any([signal, stop.signal]) : stop.signal;
  const packing = stack.map(async (layer, i) => {
    progress?.({ id: layer.measure!.diffID.slice(7, 19), status: 'Preparing' });
    const blob = await blobs.ensure(layer, compression, { force, signal: either });
    ready?.(blob, i);
    return blob;
  });
  let layers: readonly Descriptor[];
  try {
    layers = await Promise.all(packing);
  } catch (error) {
    stop.abort();
    await Promise.allSettled(packing);
    throw error;
  }
  const made = ociManifest({ digest: row.id, size: configSize }, layers, annotations);
  const manifest = await content.put(made.bytes, mediaTypes.ociManifest);
  return { manifest, manifestBytes: made.bytes, config: made.config, layers: made.layers };
}
