import type { ContentStore } from '../content/index.ts';
import { isKind } from '../errors/index.ts';
import {
  type Descriptor,
  type Digest,
  familiarName,
  layerCompression,
  type Manifest,
  mediaTypes,
  parseReference,
  sha256,
} from '../oci/index.ts';
import type { Snapshots } from '../snapshot/index.ts';
import type { LayerBlobs } from './layer-blobs.ts';
import { ociManifest } from './oci-manifest.ts';
import type { ImageRow, Records } from './records.ts';
import type { Images } from './types.ts';

export type Materialized = Awaited<ReturnType<Images['materialize']>>;

/**
 * The `index.json` of the content store's OCI layout: the images that are there as blobs, by their names. An image without
 * a manifest of its own is listed under one that is made for the layout, of the blobs that its layers have, packed or plain;
 * what is pushed later may be another.
 */
export interface LayoutIndex {
  /**
   * Brings the file up to date with the rows; calls that overlap share the work. Resolves with manifests that the file
   * does not name any more and nobody else needs.
   */
  refresh(): Promise<readonly Digest[]>;
  /** The image's own manifest, when it and all that it names is in the store. */
  complete(row: ImageRow): Promise<Materialized | undefined>;
  /** The manifest that was made for the layout. */
  made(image: Digest): Digest | undefined;
  /** Images with names that the file could not list, since layers of them are no blobs yet. */
  unlisted(): readonly Digest[];
  /** Blobs were removed: what was complete may not be any more. */
  forget(): void;
}

/** A manifest that is damaged is as good as none: another is made where one is needed. */
function unlessDamaged(error: unknown): undefined {
  if (!isKind(error, 'data_loss')) throw error;
}

export function createLayoutIndex(parts: {
  readonly content: ContentStore;
  readonly records: Records;
  readonly snapshots: Snapshots;
  readonly blobs: LayerBlobs;
}): LayoutIndex {
  const { content, records, snapshots, blobs } = parts;
  /** Manifests that were found complete. */
  const known = new Map<Digest, Descriptor>();
  /** Manifests that were made for the layout, by image. */
  const made = new Map<Digest, Descriptor>();
  const missing = new Set<Digest>();
  let written: string | undefined;
  let running: Promise<readonly Digest[]> | undefined;
  let next: Promise<readonly Digest[]> | undefined;

  async function complete(row: ImageRow): Promise<Materialized | undefined> {
    if (row.manifest === null || !(await content.stat(row.manifest))) return undefined;
    const manifestBytes = await content.read(row.manifest).catch(unlessDamaged);
    if (!manifestBytes) return undefined;
    const { config, layers } = JSON.parse(Buffer.from(manifestBytes).toString('utf8')) as Manifest;
    const here = await Promise.all(
      [config, ...layers].map(async ({ digest, size }) => (await content.stat(digest))?.size === size),
    );
    if (here.includes(false)) return undefined;
    const mediaType = row.manifest_type ?? mediaTypes.ociManifest;
    const manifest = { mediaType, digest: row.manifest, size: manifestBytes.length };
    return { manifest, manifestBytes, config, layers };
  }

  async function ownManifest(row: ImageRow): Promise<Descriptor | undefined> {
    if (row.manifest === null) return undefined;
    const descriptor = known.get(row.manifest) ?? (await complete(row))?.manifest;
    if (descriptor) known.set(row.manifest, descriptor);
    return descriptor;
  }

  async function makeManifest(row: ImageRow): Promise<Descriptor | undefined> {
    const before = made.get(row.id);
    if (before && known.has(before.digest)) return before;
    if (row.snapshot !== null && !snapshots.isWhole(row.snapshot)) return undefined;
    const layers: Descriptor[] = [];
    const stack = row.snapshot === null ? [] : snapshots.stack(row.snapshot);
    // From the top: what has no blob yet is most likely what was made last.
    for (const { measure } of stack.toReversed()) {
      const have = measure ? await blobs.present(measure.diffID) : [];
      const blob = have.find(({ mediaType }) => layerCompression(mediaType) !== 'none') ?? have[0];
      if (!blob) return undefined;
      layers.unshift(blob);
    }
    const config = await content.stat(row.id);
    if (!config) return undefined;
    const { bytes } = ociManifest(config, layers);
    const descriptor = { mediaType: mediaTypes.ociManifest, digest: sha256(bytes), size: bytes.length };
    // Before the blob is there: who collects garbage must not find one that nobody names.
    made.set(row.id, descriptor);
    known.set(descriptor.digest, descriptor);
    await content.put(bytes, descriptor.mediaType);
    return descriptor;
  }

  async function entries(): Promise<readonly Descriptor[]> {
    const out: Descriptor[] = [];
    missing.clear();
    for (const row of records.rows()) {
      const own = await ownManifest(row);
      if (own) made.delete(row.id);
      const names = records.names(row.id);
      // An unnamed image that was built here is nobody's business.
      const descriptor = own ?? (names.length > 0 ? await makeManifest(row) : undefined);
      if (!descriptor) {
        made.delete(row.id);
        if (names.length > 0) missing.add(row.id);
        continue;
      }
      if (names.length === 0) out.push(descriptor);
      for (const name of names) {
        const annotations = {
          'io.containerd.image.name': name,
          'org.opencontainers.image.ref.name': familiarName(parseReference(name)),
        };
        out.push({ ...descriptor, annotations });
      }
    }
    for (const id of made.keys()) if (!records.row(id)) made.delete(id);
    return out;
  }

  async function update(): Promise<readonly Digest[]> {
    const before = [...made.values()].map(({ digest }) => digest);
    const manifests = await entries();
    const text = JSON.stringify(manifests);
    if (text !== written) {
      written = undefined;
      await content.writeIndex(manifests);
      written = text;
    }
    const after = new Set([...made.values()].map(({ digest }) => digest));
    return before.filter((digest) => !after.has(digest));
  }

  function start(): Promise<readonly Digest[]> {
    next = undefined;
    running = update().finally(() => {
      running = undefined;
    });
    return running;
  }

  return {
    complete,
    made: (image) => made.get(image)?.digest,
    unlisted: () => [...missing],
    forget: () => known.clear(),
    refresh() {
      if (!running) return start();
      // The one under way may have read the rows already.
      next ??= running.catch(() => {}).then(start);
      return next;
    },
  };
}
