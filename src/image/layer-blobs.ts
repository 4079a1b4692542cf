import { randomBytes } from 'node:crypto';
import { mkdirSync, rmSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { createGzip, createZstdCompress } from 'node:zlib';
import type { ByteStream, ContentStore } from '../content/index.ts';
import type { Database } from '../db/index.ts';
import { StrataError } from '../errors/index.ts';
import { decompress, type LayerMeasure, type Layers, transformed } from '../layer/index.ts';
import {
  type Compression,
  type Descriptor,
  type DiffID,
  type Digest,
  layerCompression,
  mediaTypes,
} from '../oci/index.ts';
import type { SnapshotInfo } from '../snapshot/index.ts';
import { lend } from '../sys/index.ts';
import { createJointWork } from './joint-work.ts';

/**
 * The byte forms of layers. A layer that came from outside keeps the blob that it came as: its tar cannot be made again
 * to the byte from the directory. A layer that was built here is packed when a blob is first asked for, and kept.
 */
export interface LayerBlobs {
  /** Blobs that are this layer, by the rows. */
  known(diffID: DiffID): readonly Descriptor[];
  /** Those of them that are in the store. */
  present(diffID: DiffID): Promise<readonly Descriptor[]>;
  record(diffID: DiffID, blob: Descriptor): void;
  /** The blob is about to be removed. */
  forget(digest: Digest): void;
  /**
   * A blob in this compression, made where needed. Any compressed one that is there serves as well, unless `force` is set:
   * what came compressed stays as it came.
   */
  ensure(
    layer: SnapshotInfo,
    prefer: Compression,
    options?: { readonly force?: boolean; readonly signal?: AbortSignal },
  ): Promise<Descriptor>;
  /** The uncompressed tar, and its size. */
  tar(layer: SnapshotInfo, signal?: AbortSignal): Promise<{ readonly size: number; readonly stream: ByteStream }>;
}

export const layerTypes: Readonly<Record<Compression, string>> = {
  none: mediaTypes.ociLayer,
  gzip: mediaTypes.ociLayerGzip,
  zstd: mediaTypes.ociLayerZstd,
};

/** Empties `workRoot`: what is there belongs to nobody, since one process at a time has the store. */
export function createLayerBlobs(parts: {
  readonly db: Database;
  readonly content: ContentStore;
  readonly layers: Layers;
  readonly workRoot: string;
}): LayerBlobs {
  const { db, content, layers, workRoot } = parts;
  rmSync(workRoot, { recursive: true, force: true });
  mkdirSync(workRoot, { recursive: true, mode: 0o700 });
  const packing = createJointWork<Descriptor>();

  const blobs: LayerBlobs = {
    known: (diffID) =>
      db
        .all<{ digest: Digest; size: number; media_type: string }>(
          'SELECT digest, size, media_type FROM layer_blobs WHERE diff_id = ?',
          diffID,
        )
        .map(({ digest, size, media_type }): Descriptor => ({ mediaType: media_type, digest, size })),
    async present(diffID) {
      const found = await Promise.all(
        blobs.known(diffID).map(async (blob) => ((await content.stat(blob.digest))?.size === blob.size ? [blob] : [])),
      );
      return found.flat();
    },
    record(diffID, { digest, size, mediaType }) {
      db.run(
        'INSERT INTO layer_blobs (diff_id, digest, size, media_type) VALUES (?, ?, ?, ?) ON CONFLICT (digest) DO NOTHING',
        diffID,
        digest,
        size,
        mediaType,
      );
    },
    forget(digest) {
      db.run('DELETE FROM layer_blobs WHERE digest = ?', digest);
    },
    async ensure(layer, prefer, { force = false, signal } = {}) {
      const { diffID } = measured(layer);
      const have = await blobs.present(diffID);
      const match =
        have.find((blob) => layerCompression(blob.mediaType) === prefer) ??
        have.find((blob) => !force && layerCompression(blob.mediaType) !== 'none');
      if (match) return match;
      return await packing.join(`${diffID} ${prefer}`, signal, (stop) =>
        have[0] ? recompress(diffID, have[0], prefer, stop) : pack(layer, prefer, stop),
      );
    },
    async tar(layer, signal) {
      const { diffID, tarSize } = measured(layer);
      const have = await blobs.present(diffID);
      const blob = have.find(({ mediaType }) => layerCompression(mediaType) === 'none') ?? have[0];
      const options = signal ? { signal } : {};
      if (!blob) return { size: tarSize, stream: layers.stream(layer.diffDir, options) as unknown as ByteStream };
      const packed = await content.fetch(blob, options);
      return { size: tarSize, stream: decompress(packed, layerCompression(blob.mediaType) ?? 'none') };
    },
  };

  async function pack(layer: SnapshotInfo, compression: Compression, signal: AbortSignal): Promise<Descriptor> {
    const { diffID } = measured(layer);
    const file = join(workRoot, `layer-${randomBytes(8).toString('hex')}`);
    try {
      const packed = await layers.pack(layer.diffDir, file, compression, { signal });
      if (packed.diffID !== diffID) {
        throw new StrataError(
          'data_loss',
          `layer ${diffID} changed on disk since it was made (it now has ${packed.diffID})`,
          { code: 'layer_changed', hint: 'remove the image and build it again' },
        );
      }
      await content.adopt(file, packed.digest, packed.size);
      const blob: Descriptor = { mediaType: layerTypes[compression], digest: packed.digest, size: packed.size };
      blobs.record(diffID, blob);
      return blob;
    } finally {
      await rm(file, { force: true });
    }
  }

  /** For a layer that came from outside: the same tar, compressed in another way. */
  async function recompress(
    diffID: DiffID,
    from: Descriptor,
    compression: Compression,
    signal: AbortSignal,
  ): Promise<Descriptor> {
    const ingest = await content.ingest(`compress-${diffID}-${randomBytes(4).toString('hex')}`);
    try {
      const source = lend(await content.fetch(from, { signal }));
      const plain = decompress(source, layerCompression(from.mediaType) ?? 'none', { lent: true });
      for await (const chunk of compressed(plain, compression)) {
        signal.throwIfAborted();
        await ingest.write(chunk);
      }
      const blob: Descriptor = { mediaType: layerTypes[compression], ...(await ingest.commit({})) };
      blobs.record(diffID, blob);
      return blob;
    } catch (error) {
      await ingest.abort();
      throw error;
    }
  }

  return blobs;
}

/** Each chunk is good until the next is asked for. */
function compressed(plain: AsyncIterable<Uint8Array>, compression: Compression): AsyncIterable<Uint8Array> {
  if (compression === 'none') return plain;
  const options = { chunkSize: 1 << 20, readableObjectMode: true, readableHighWaterMark: 1 };
  const encoder = compression === 'gzip' ? createGzip({ ...options, level: 3 }) : createZstdCompress(options);
  return transformed(plain, encoder, { lent: true });
}

function measured(layer: SnapshotInfo): LayerMeasure {
  if (!layer.measure) throw new StrataError('internal', `layer of snapshot ${layer.name} is not measured`);
  return layer.measure;
}
