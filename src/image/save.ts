import { type NewTarEntry, writeTar } from '../layer/index.ts';
import { type Descriptor, familiarName, mediaTypes, parseReference, sha256, withDefaultTag } from '../oci/index.ts';
import type { SnapshotInfo, Snapshots } from '../snapshot/index.ts';
import { blobPath } from './archive-names.ts';
import type { Collector } from './collector.ts';
import type { LayerBlobs } from './layer-blobs.ts';
import { ociManifest } from './oci-manifest.ts';
import type { Image } from './types.ts';

export interface Saved {
  readonly image: Image;
  /** Names that were asked for; none when it was asked for by id. */
  readonly names: readonly string[];
}

/**
 * The archive that Docker 25 and later write: an OCI layout with a `manifest.json` beside it, layers uncompressed. Equal
 * images give equal bytes.
 */
export async function* saveArchive(
  saved: readonly Saved[],
  parts: { readonly snapshots: Snapshots; readonly blobs: LayerBlobs; readonly collector: Collector },
  format: 'docker' | 'oci',
  signal?: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const written = new Set<string>();
  const manifests: Descriptor[] = [];
  const images: object[] = [];
  const repositories: Record<string, Record<string, string>> = {};

  async function* members(): AsyncGenerator<NewTarEntry> {
    yield folder('blobs/');
    yield folder('blobs/sha256/');
    for (const { image, names } of saved) {
      const stack = image.snapshot === null ? [] : parts.snapshots.stack(image.snapshot);
      for (const layer of stack) yield* layerMember(layer, parts.blobs, written, signal);
      yield* document(image.rawConfig, image.id, written);
      const { bytes: manifest, layers } = ociManifest(
        { digest: image.id, size: image.rawConfig.length },
        stack.map(({ measure }) => ({
          mediaType: mediaTypes.ociLayer,
          digest: measure!.diffID,
          size: measure!.tarSize,
        })),
      );
      const digest = sha256(manifest);
      yield* document(manifest, digest, written);
      const base: Descriptor = { mediaType: mediaTypes.ociManifest, digest, size: manifest.length };
      if (names.length === 0) manifests.push(base);
      for (const name of names) {
        const ref = withDefaultTag(parseReference(name));
        manifests.push({
          ...base,
          annotations: {
            'io.containerd.image.name': `${ref.domain}/${ref.path}:${ref.tag}`,
            'org.opencontainers.image.ref.name': ref.tag!,
          },
        });
        const repository = familiarName({ domain: ref.domain, path: ref.path });
        repositories[repository] = {
          ...repositories[repository],
          [ref.tag!]: stack.at(-1)?.measure?.diffID.slice(7) ?? '',
        };
      }
      images.push({
        Config: blobPath(image.id),
        RepoTags: names.length === 0 ? null : names.map((name) => familiarName(withDefaultTag(parseReference(name)))),
        Layers: stack.map(({ measure }) => blobPath(measure!.diffID)),
        ...(layers.length > 0 && { LayerSources: Object.fromEntries(layers.map((layer) => [layer.digest, layer])) }),
      });
    }
    yield member(
      'index.json',
      Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests })),
    );
    if (format === 'docker') yield member('manifest.json', Buffer.from(`${JSON.stringify(images)}\n`));
    yield member('oci-layout', Buffer.from('{"imageLayoutVersion":"1.0.0"}'));
    if (format === 'docker' && Object.keys(repositories).length > 0)
      yield member('repositories', Buffer.from(`${JSON.stringify(repositories)}\n`));
  }
  const release = await parts.collector.hold();
  try {
    for (const { image } of saved) if (image.snapshot !== null) parts.collector.pin(image.snapshot);
    yield* writeTar(members());
  } finally {
    await release();
  }
}

async function* layerMember(
  layer: SnapshotInfo,
  blobs: LayerBlobs,
  written: Set<string>,
  signal?: AbortSignal,
): AsyncGenerator<NewTarEntry> {
  const path = blobPath(layer.measure!.diffID);
  if (written.has(path)) return;
  written.add(path);
  const { size, stream } = await blobs.tar(layer, signal);
  yield { header: { path, type: 'file', size }, body: stream };
}

function* document(bytes: Uint8Array, digest: Descriptor['digest'], written: Set<string>): Generator<NewTarEntry> {
  const path = blobPath(digest);
  if (written.has(path)) return;
  written.add(path);
  yield member(path, bytes);
}

function member(path: string, body: Uint8Array): NewTarEntry {
  return { header: { path, type: 'file', size: body.length }, body };
}

function folder(path: string): NewTarEntry {
  return { header: { path, type: 'dir', mode: 0o755 } };
}
