import type { ByteStream, ContentStore } from '../content/index.ts';
import { StrataError } from '../errors/index.ts';
import { decompress } from '../layer/index.ts';
import { type DiffID, hostPlatform, type ImageConfig, mediaTypes } from '../oci/index.ts';
import type { Collector } from './collector.ts';
import { createSpool } from './spool.ts';
import type { Image, Images } from './types.ts';
import type { LayerStore } from './unpack-layer.ts';

type ImportOptions = Parameters<Images['import']>[1];

export interface ImportParts {
  readonly content: ContentStore;
  readonly layers: LayerStore;
  readonly collector: Collector;
  readonly create: Images['create'];
}

/** An image of one layer, which is the given tar to the byte. */
export async function importImage(source: ByteStream, parts: ImportParts, options: ImportOptions): Promise<Image> {
  const { collector, content, layers, create } = parts;
  const { name, message = 'Imported from -', config, platform, signal } = options;
  return await collector.during(async () => {
    const blob = { mediaType: mediaTypes.ociLayer, ...(await spool(source, content, signal)) };
    try {
      if (blob.size === 0)
        throw new StrataError('invalid_argument', 'the input is empty where a tar archive must be', {
          code: 'invalid_archive',
        });
      const diffID = blob.digest as DiffID;
      const snapshot = await layers.unpack(async () => ({ file: await content.path(blob.digest), size: blob.size }), {
        parent: null,
        diffID,
        chainID: diffID,
        mediaType: blob.mediaType,
        ...(signal && { signal }),
      });
      layers.record(diffID, blob);
      const created = new Date().toISOString();
      const imported: ImageConfig = {
        ...(platform ?? hostPlatform()),
        created,
        ...(config && { config }),
        rootfs: { type: 'layers', diff_ids: [diffID] },
        history: [{ created, comment: message }],
      };
      return await create({ config: imported, snapshot: snapshot.name, ...(name && { names: [name] }) });
    } finally {
      // Goes when no image has taken it.
      await collector.offer({ blobs: [blob.digest] });
    }
  });
}

async function spool(source: ByteStream, content: ContentStore, signal: AbortSignal | undefined) {
  try {
    const { digest, size } = await createSpool(content).store(decompress(source, 'detect'), signal);
    return { digest, size };
  } catch (error) {
    if (signal?.aborted) throw new StrataError('cancelled', 'cancelled', { cause: error });
    throw error;
  }
}
