import type { ContentStore } from '../content/index.ts';
import { StrataError } from '../errors/index.ts';
import type { Layers } from '../layer/index.ts';
import { type ChainID, type Descriptor, type DiffID, type Digest, layerCompression } from '../oci/index.ts';
import type { SnapshotName, Snapshots } from '../snapshot/index.ts';
import type { Collector } from './collector.ts';
import { createEarlyLayers, type EarlyLayer, type EarlyLayers } from './early-layers.ts';
import { createJointWork } from './joint-work.ts';
import type { LayerBlobs } from './layer-blobs.ts';
import type { Images } from './types.ts';

export interface UnpackedLayer {
  readonly name: SnapshotName;
  /** The source was read and is the layer; false where the layer was here already. */
  readonly isVerified: boolean;
  /** Bytes of the uncompressed tar. */
  readonly size: number;
}

type UnpackLayerOptions = Parameters<Images['unpackLayer']>[1] & {
  /** The layer's contents, where they are unpacked already: taken in place of the source. */
  readonly early?: () => Promise<EarlyLayer | undefined>;
};

/** Layers as they come in: from blobs to snapshots. */
export interface LayerStore {
  unpack(source: Parameters<Images['unpackLayer']>[0], options: UnpackLayerOptions): Promise<UnpackedLayer>;
  /** Whether this blob was found to be this layer before. */
  isKnown(diffID: DiffID, digest: Digest): boolean;
  record(diffID: DiffID, blob: Descriptor): void;
  /** For an archive that is coming in. */
  early(signal: AbortSignal | undefined): EarlyLayers;
}

export function createLayerStore(parts: {
  readonly snapshots: Snapshots;
  readonly layers: Layers;
  readonly blobs: LayerBlobs;
  readonly collector: Collector;
  readonly content: ContentStore;
}): LayerStore {
  const { snapshots, layers, blobs, collector } = parts;
  /** By chain: two loads of one base unpack it once. */
  const unpacking = createJointWork<SnapshotName>();

  return {
    async unpack(source, options) {
      const { parent, diffID, mediaType, progress } = options;
      const compression = layerCompression(mediaType);
      if (compression === undefined)
        throw new StrataError('unsupported', `layers of type ${mediaType} are not supported`, {
          code: 'unsupported_layer',
        });
      const chain = options.chainID as ChainID;
      const known = snapshots.findByChain(chain);
      if (known) {
        collector.pin(known.name);
        return { name: known.name, isVerified: false, size: known.measure!.tarSize };
      }
      let isVerified = false;
      const name = await unpacking.join(chain, options.signal, async (signal) => {
        isVerified = true;
        const early = await options.early?.();
        // Folders that the layer only implies look like those below, which were not known then.
        if (early && (parent === null || !early.measure.hasImplied)) {
          const made = await snapshots.commit({ ...early.active, parent }, { measure: early.measure });
          collector.pin(made.name);
          return made.name;
        }
        if (early) await snapshots.discard(early.active.key);
        const active = await snapshots.prepare(parent);
        try {
          const measure = await layers.unpack(await source(), active.diffDir, {
            compression,
            expect: diffID as DiffID,
            parents:
              parent === null
                ? []
                : snapshots
                    .stack(parent)
                    .map(({ diffDir }) => diffDir)
                    .reverse(),
            signal,
            ...(progress && { progress }),
          });
          const made = await snapshots.commit(active, { measure });
          collector.pin(made.name);
          return made.name;
        } catch (error) {
          await snapshots.discard(active.key);
          throw error;
        }
      });
      collector.pin(name);
      return { name, isVerified, size: snapshots.stat(name)!.measure!.tarSize };
    },
    isKnown: (diffID, digest) => blobs.known(diffID).some((blob) => blob.digest === digest),
    record: blobs.record,
    early: (signal) => createEarlyLayers(parts, signal),
  };
}
