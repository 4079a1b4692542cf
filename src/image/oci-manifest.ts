import { type Descriptor, type Digest, layerCompression, mediaTypes } from '../oci/index.ts';

/** A manifest of OCI's type, and its layers under OCI's names. Equal parts give equal bytes. */
export function ociManifest(
  config: { readonly digest: Digest; readonly size: number },
  blobs: readonly Descriptor[],
  annotations: Readonly<Record<string, string>> = {},
): { readonly bytes: Uint8Array; readonly config: Descriptor; readonly layers: readonly Descriptor[] } {
  const described: Descriptor = { mediaType: mediaTypes.ociConfig, digest: config.digest, size: config.size };
  const layers = blobs.map((layer) => ociLayer(layer));
  const bytes = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: mediaTypes.ociManifest,
      config: described,
      layers,
      ...(Object.keys(annotations).length > 0 && { annotations }),
    }),
  );
  return { bytes, config: described, layers };
}

/** A blob that came under Docker's name for the type has OCI's name in an OCI manifest. */
function ociLayer(layer: Descriptor): Descriptor {
  const types = { none: mediaTypes.ociLayer, gzip: mediaTypes.ociLayerGzip, zstd: mediaTypes.ociLayerZstd };
  return { ...layer, mediaType: types[layerCompression(layer.mediaType) ?? 'none'] };
}
