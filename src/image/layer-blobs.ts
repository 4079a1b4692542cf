import { randomBytes } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip, createZstdDecompress } from 'node:zlib';
import type { ByteStream, ContentStore } from '../content/index.ts';
import type { Database } from '../db/index.ts';
import { StrataError } from '../errors/index.ts';
import type { Layers } from '../layer/index.ts';
import { type Compression, type Descriptor, type DiffID, layerCompression, mediaTypes } from '../oci/index.ts';
import type { SnapshotInfo } from '../snapshot/index.ts';

/**
 * The byte forms of layers. A layer that came from outside keeps the blob that it came as: its tar cannot be made again
 * to the byte from the directory. A layer that was built here is packed when a blob is first asked for, and kept.
 */
export interface LayerBlobs {
  /** Blobs of this layer that are in the store. */
  known(diffID: DiffID): readonly Descriptor[];
  record(diffID: DiffID, blob: Descriptor): void;
  /** A blob in this compression (any that is there when `prefer` is not met and the layer is not ours), made where needed. */
  ensure(layer: SnapshotInfo, prefer: Compression, signal?: AbortSignal): Promise<Descriptor>;
  /** The uncompressed tar, and its size. */
  tar(layer: SnapshotInfo, signal?: AbortSignal): Promise<{ readonly size: number; readonly stream: ByteStream }>;
}

const typeOf: Readonly<Record<Compression, string>> = {
  none: mediaTypes.ociLayer,
  gzip: mediaTypes.ociLayerGzip,
  zstd: mediaTypes.ociLayerZstd,
};

export function createLayerBlobs(parts: {
  readonly db: Database;
  readonly content: ContentStore;
  readonly layers: Layers;
  readonly workRoot: string;
}): LayerBlobs {
  const { db, content, layers, workRoot } = parts;
  /** Packing under way, by diffID and compression: whoever asks for the same blob waits for the same work. */
  const packing = new Map<string, Promise<Descriptor>>();

  const known = (diffID: DiffID) =>
    db
      .all<{ digest: Descriptor['digest']; size: number; media_type: string }>(
        'SELECT digest, size, media_type FROM layer_blobs WHERE diff_id = ?',
        diffID,
      )
      .map(({ digest, size, media_type }): Descriptor => ({ mediaType: media_type, digest, size }));

  async function present(diffID: DiffID): Promise<readonly Descriptor[]> {
    const found = await Promise.all(
      known(diffID).map(async (blob) => ((await content.stat(blob.digest)) ? blob : undefined)),
    );
    return found.filter((blob) => blob !== undefined);
  }

  const blobs: LayerBlobs = {
    known,
    record(diffID, blob) {
      db.run(
        'INSERT INTO layer_blobs (diff_id, digest, size, media_type) VALUES (?, ?, ?, ?) ON CONFLICT (digest) DO NOTHING',
        diffID,
        blob.digest,
        blob.size,
        blob.mediaType,
      );
    },
    async ensure(layer, prefer, signal) {
      const { diffID } = measured(layer);
      const have = await present(diffID);
      const match =
        have.find((blob) => layerCompression(blob.mediaType) === prefer) ??
        have.find((blob) => layerCompression(blob.mediaType) !== 'none');
      if (match) return match;
      const key = `${diffID} ${prefer}`;
      const running = packing.get(key);
      if (running) return await running;
      const work = (have[0] ? recompress(layer, have[0], prefer) : pack(layer, prefer, signal)).finally(() =>
        packing.delete(key),
      );
      packing.set(key, work);
      return await work;
    },
    async tar(layer, signal) {
      const { diffID, tarSize } = measured(layer);
      const have = await present(diffID);
      const blob = have.find(({ mediaType }) => layerCompression(mediaType) === 'none') ?? have[0];
      if (!blob)
        return {
          size: tarSize,
          stream: layers.stream(layer.diffDir, signal ? { signal } : {}) as unknown as ByteStream,
        };
      return {
        size: tarSize,
        stream: decompressed(await content.path(blob.digest), layerCompression(blob.mediaType) ?? 'none'),
      };
    },
  };

  async function workFile(): Promise<string> {
    await mkdir(workRoot, { recursive: true, mode: 0o700 });
    return join(workRoot, `layer-${randomBytes(8).toString('hex')}`);
  }

  async function pack(layer: SnapshotInfo, compression: Compression, signal?: AbortSignal): Promise<Descriptor> {
    const { diffID } = measured(layer);
    const file = await workFile();
    try {
      const packed = await layers.pack(layer.diffDir, file, compression, signal ? { signal } : {});
      if (packed.diffID !== diffID) {
        throw new StrataError(
          'data_loss',
          `layer ${diffID} changed on disk since it was made (it now has ${packed.diffID})`,
          { code: 'layer_changed', hint: 'remove the image and build it again' },
        );
      }
      await content.adopt(file, packed.digest, packed.size);
      const blob: Descriptor = { mediaType: typeOf[compression], digest: packed.digest, size: packed.size };
      blobs.record(diffID, blob);
      return blob;
    } finally {
      await rm(file, { force: true });
    }
  }

  /** For a layer that is here as a plain tar from outside: the same bytes, compressed. */
  async function recompress(layer: SnapshotInfo, from: Descriptor, compression: Compression): Promise<Descriptor> {
    const { diffID } = measured(layer);
    if (compression === 'none') return from;
    const { createGzip, createZstdCompress } = await import('node:zlib');
    const ingest = await content.ingest(`compress-${diffID}-${compression}-${randomBytes(4).toString('hex')}`);
    try {
      const encoder =
        compression === 'gzip'
          ? createGzip({ level: 3, chunkSize: 1 << 20 })
          : createZstdCompress({ chunkSize: 1 << 20 });
      const done = pipeline(createReadStream(await content.path(from.digest), { highWaterMark: 1 << 20 }), encoder);
      for await (const chunk of encoder) await ingest.write(chunk as Buffer);
      await done;
      const info = await ingest.commit({});
      const blob: Descriptor = { mediaType: typeOf[compression], ...info };
      blobs.record(diffID, blob);
      return blob;
    } catch (error) {
      await ingest.abort();
      throw error;
    }
  }

  return blobs;
}

function measured(layer: SnapshotInfo) {
  if (!layer.measure) throw new StrataError('internal', `layer of snapshot ${layer.name} is not measured`);
  return layer.measure;
}

/** A file's bytes, decompressed on the way. */
export function decompressed(file: string, compression: Compression): ByteStream {
  const source = createReadStream(file, { highWaterMark: 1 << 20 });
  if (compression === 'none') return source as unknown as ByteStream;
  const decoder =
    compression === 'gzip' ? createGunzip({ chunkSize: 1 << 20 }) : createZstdDecompress({ chunkSize: 1 << 20 });
  source.on('error', (error) => decoder.destroy(error));
  return source.pipe(decoder) as unknown as Readable as unknown as ByteStream;
}
