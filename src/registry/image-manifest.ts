import { StrataError } from '../errors/index.ts';
import {
  type Descriptor,
  type DiffID,
  type ImageConfig,
  isDigest,
  layerCompression,
  type Manifest,
  mediaTypes,
} from '../oci/index.ts';
import { limits } from './limits.ts';

/** Refuses manifests of things that are no container images, and layers that cannot be unpacked, before anything is fetched. */
export function checkImageManifest(manifest: Manifest, name: string): void {
  const { config, layers } = manifest;
  if (config.mediaType !== mediaTypes.ociConfig && config.mediaType !== mediaTypes.dockerConfig) {
    throw new StrataError(
      'unsupported',
      `invalid image: ${name} holds ${JSON.stringify(config.mediaType)}, which is no container image`,
      {
        code: 'not_an_image',
      },
    );
  }
  if (config.size > limits.config) {
    throw new StrataError('data_loss', `the configuration of ${name} is larger than ${limits.config} bytes`, {
      code: 'body_too_large',
    });
  }
  for (const layer of layers) checkLayer(layer, name);
}

function checkLayer(layer: Descriptor, name: string): void {
  if (/foreign|nondistributable/.test(layer.mediaType)) {
    throw new StrataError(
      'unsupported',
      `${name} has a foreign layer (${layer.digest}), which its registry does not serve: foreign layers are not supported`,
      { code: 'foreign_layer', hint: 'such layers are parts of Windows images; choose a Linux image' },
    );
  }
  if (layerCompression(layer.mediaType) === undefined) {
    throw new StrataError(
      'unsupported',
      `${name}: layers of type ${JSON.stringify(layer.mediaType)} are not supported`,
      {
        code: 'unsupported_layer',
      },
    );
  }
}

/** The configuration, whose list of layers must be as long as the manifest's. */
export function parseImageConfig(
  bytes: Uint8Array,
  layers: number,
  name: string,
): ImageConfig & { readonly rootfs: { readonly diff_ids: readonly DiffID[] } } {
  const invalid = (why: string, cause?: unknown) =>
    new StrataError('data_loss', `the configuration of ${name} is invalid: ${why}`, { code: 'invalid_config', cause });
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(bytes).toString('utf8'));
  } catch (cause) {
    throw invalid('it is no JSON', cause);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw invalid('it is no object');
  const { rootfs, config, history } = value as Record<string, unknown>;
  const diffIDs = (rootfs as { diff_ids?: unknown } | null | undefined)?.diff_ids ?? [];
  if (!Array.isArray(diffIDs) || !diffIDs.every(isDigest)) throw invalid('its diff_ids are no digests');
  if (diffIDs.length !== layers) throw invalid(`it lists ${diffIDs.length} layers, the manifest ${layers}`);
  if (config !== undefined && config !== null && (typeof config !== 'object' || Array.isArray(config)))
    throw invalid('its config is no object');
  if (history !== undefined && history !== null && !Array.isArray(history)) throw invalid('its history is no list');
  return value as ReturnType<typeof parseImageConfig>;
}
