import { StrataError } from '../../errors/index.ts';
import type { Image } from '../../image/index.ts';
import { type Compression, type Descriptor, type Manifest, mediaTypes, sha256 } from '../../oci/index.ts';
import { type Annotations, annotationsOf } from './annotations.ts';
import { booleanOf } from './boolean-of.ts';
import type { Exporting } from './exporting.ts';

/** What an image is outside of the store: a manifest, or an index of one manifest for each platform. */
export interface Published {
  readonly root: Descriptor;
  readonly bytes: Uint8Array;
  readonly images: readonly Image[];
  /** Everything below `root`; it is in the content store. */
  readonly blobs: readonly Descriptor[];
}

/** Makes the manifests of the images (in the order of `exporting.built`) with the output's compression and annotations. */
export async function makeManifests(
  { plant, request, output, built }: Exporting,
  images: readonly Image[],
  signal: AbortSignal,
): Promise<Published> {
  const annotations = annotationsOf(request, output, images.length > 1);
  const entries: Descriptor[] = [];
  const blobs: Descriptor[] = [];
  let single: Uint8Array = new Uint8Array();
  for (const [i, image] of images.entries()) {
    const { platform } = built[i]!;
    const made = await plant.parts.images.materialize(image.id, {
      compression: compressionOf(output.attributes['compression']),
      force: booleanOf(output, 'force-compression'),
      annotations: annotations.manifest(platform),
      signal,
    });
    single = made.manifestBytes;
    const { config, layers } = JSON.parse(Buffer.from(single).toString('utf8')) as Manifest;
    blobs.push(config, ...layers);
    entries.push({ ...made.manifest, platform, ...some(annotations.manifestDescriptor(platform)) });
  }
  if (images.length === 1) {
    const { platform: _, ...root } = entries[0]!;
    return { root: { ...root, ...some(annotations.indexDescriptor) }, bytes: single, images, blobs };
  }
  const bytes = indexBytes(entries, annotations);
  const root = { mediaType: mediaTypes.ociIndex, digest: sha256(bytes), size: bytes.length };
  return {
    root: { ...root, ...some(annotations.indexDescriptor) },
    bytes,
    images,
    blobs: [...blobs, ...entries.map(({ mediaType, digest, size }) => ({ mediaType, digest, size }))],
  };
}

function indexBytes(manifests: readonly Descriptor[], annotations: Annotations): Uint8Array {
  const fields = { schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests, ...some(annotations.index) };
  return Buffer.from(JSON.stringify(fields));
}

function some(annotations: Readonly<Record<string, string>>): Pick<Descriptor, 'annotations'> {
  return Object.keys(annotations).length > 0 ? { annotations } : {};
}

/** Whether the output asks for a manifest of its own. */
export function wantsManifest({ request, output }: Pick<Exporting, 'request' | 'output'>): boolean {
  const { attributes } = output;
  const named = Object.keys(attributes).some((name) => name.startsWith('annotation'));
  return named || attributes['compression'] !== undefined || Object.keys(request.annotations ?? {}).length > 0;
}

/** Throws `invalid_argument` for a compression that there is not. */
export function compressionOf(text = 'gzip'): Compression {
  switch (text) {
    case 'gzip':
    case 'zstd':
      return text;
    case 'uncompressed':
      return 'none';
    default:
      throw new StrataError('invalid_argument', `unsupported compression type ${text}`, {
        hint: 'the types are uncompressed, gzip and zstd',
      });
  }
}
