import { StrataError } from '../errors/index.ts';
import {
  type Descriptor,
  type Index,
  isDigest,
  isIndexType,
  isManifestType,
  type Manifest,
  mediaTypes,
} from '../oci/index.ts';

/** What the registry keeps under a tag or a manifest's digest. */
export type Document =
  | { readonly kind: 'index'; readonly mediaType: string; readonly index: Index }
  | { readonly kind: 'manifest'; readonly mediaType: string; readonly manifest: Manifest };

/** In the order in which they are wanted; some registries convert when they see only some of them. */
export const acceptedTypes: readonly string[] = [
  mediaTypes.ociIndex,
  mediaTypes.dockerList,
  mediaTypes.ociManifest,
  mediaTypes.dockerManifest,
];

/**
 * Reads a manifest or an index that came as `contentType`. The same bytes must not mean one thing to one program and
 * another to the next (CVE-2021-41190): a document that holds both kinds of list, or that names another type than it came
 * as, is refused.
 */
export function parseDocument(bytes: Uint8Array, contentType: string, name: string): Document {
  const wrong = (why: string) =>
    new StrataError('data_loss', `the manifest of ${name} is invalid: ${why}`, {
      code: 'invalid_manifest',
    });
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(bytes).toString('utf8'));
  } catch (cause) {
    throw new StrataError('data_loss', `the manifest of ${name} is no JSON`, {
      code: 'invalid_manifest',
      cause,
    });
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw wrong('it is no object');
  const document = value as Record<string, unknown>;
  const mediaType = documentType(document, contentType, wrong);
  if (document['schemaVersion'] !== 2) throw wrong(`schemaVersion ${JSON.stringify(document['schemaVersion'])}`);
  const has = (key: string) => document[key] !== undefined && document[key] !== null;
  if (has('manifests') && (has('layers') || has('config') || has('fsLayers')))
    throw wrong('it is a manifest and an index at once');
  if (isIndexType(mediaType)) {
    const manifests = document['manifests'];
    if (!Array.isArray(manifests) || !manifests.every(isDescriptor)) throw wrong('its manifests are no descriptors');
    return { kind: 'index', mediaType, index: document as unknown as Index };
  }
  const { config, layers } = document;
  if (!isDescriptor(config)) throw wrong('its config is no descriptor');
  if (!Array.isArray(layers) || !layers.every(isDescriptor)) throw wrong('its layers are no descriptors');
  return { kind: 'manifest', mediaType, manifest: document as unknown as Manifest };
}

function documentType(
  document: Record<string, unknown>,
  contentType: string,
  wrong: (why: string) => StrataError,
): string {
  const header = contentType.split(';')[0]!.trim().toLowerCase();
  const own = document['mediaType'];
  if (own !== undefined && typeof own !== 'string') throw wrong('its mediaType is no text');
  if (
    header === mediaTypes.dockerManifestV1 ||
    /manifest\.v1\+prettyjws$/.test(header) ||
    document['schemaVersion'] === 1
  ) {
    throw new StrataError(
      'unsupported',
      'Docker Image Format v1 and Docker Image manifest version 2, schema 1 are not supported',
      { code: 'schema1', hint: 'ask the author of the image to upgrade it to the OCI format or Docker v2 schema 2' },
    );
  }
  const known = (type: string) => isIndexType(type) || isManifestType(type);
  if (known(header)) {
    if (own !== undefined && own !== header) throw wrong(`it came as ${header} and calls itself ${printable(own)}`);
    return header;
  }
  // Servers of plain files know nothing of our types; then the document itself has to say it.
  if (own !== undefined && known(own) && /^(application\/(json|octet-stream)|text\/plain|)$/.test(header)) return own;
  throw new StrataError('unsupported', `unsupported manifest media type ${printable(own ?? header)}`, {
    code: 'unsupported_manifest',
    hint: 'this is no container image',
  });
}

function isDescriptor(value: unknown): value is Descriptor {
  if (typeof value !== 'object' || value === null) return false;
  const { mediaType, digest, size } = value as Record<string, unknown>;
  return typeof mediaType === 'string' && isDigest(digest) && Number.isSafeInteger(size) && (size as number) >= 0;
}

function printable(text: string): string {
  return JSON.stringify(text.slice(0, 200));
}
