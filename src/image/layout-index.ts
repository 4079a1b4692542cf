import type { ContentStore } from '../content/index.ts';
import { type Descriptor, type Digest, familiarName, type Manifest, mediaTypes, parseReference } from '../oci/index.ts';
import type { ImageRow, Records } from './records.ts';

/** The `index.json` of the content store's OCI layout: the images that are there as blobs, by their names. */
export interface LayoutIndex {
  /** Brings the file up to date with the rows; calls that overlap share the work. */
  refresh(): Promise<void>;
  /** The image's manifest, when it and all that it names is in the store. */
  complete(row: ImageRow): Promise<Descriptor | undefined>;
  /** Blobs were removed: what was complete may not be any more. */
  forget(): void;
}

export function createLayoutIndex(content: ContentStore, records: Records): LayoutIndex {
  /** Manifests that were found complete. */
  const known = new Map<Digest, Descriptor>();
  let written: string | undefined;
  let running: Promise<void> | undefined;
  let next: Promise<void> | undefined;

  async function complete(row: ImageRow): Promise<Descriptor | undefined> {
    if (row.manifest === null) return undefined;
    const info = await content.stat(row.manifest);
    if (!info) return undefined;
    const manifest = JSON.parse(Buffer.from(await content.read(row.manifest)).toString('utf8')) as Manifest;
    for (const { digest, size } of [manifest.config, ...manifest.layers]) {
      if ((await content.stat(digest))?.size !== size) return undefined;
    }
    return { mediaType: row.manifest_type ?? mediaTypes.ociManifest, digest: row.manifest, size: info.size };
  }

  async function entries(): Promise<readonly Descriptor[]> {
    const out: Descriptor[] = [];
    for (const row of records.rows()) {
      if (row.manifest === null) continue;
      const descriptor = known.get(row.manifest) ?? (await complete(row));
      if (!descriptor) continue;
      known.set(row.manifest, descriptor);
      const names = records.names(row.id);
      if (names.length === 0) out.push(descriptor);
      for (const name of names) {
        const annotations = {
          'io.containerd.image.name': name,
          'org.opencontainers.image.ref.name': familiarName(parseReference(name)),
        };
        out.push({ ...descriptor, annotations });
      }
    }
    return out;
  }

  async function update(): Promise<void> {
    const manifests = await entries();
    const text = JSON.stringify(manifests);
    if (text === written) return;
    written = undefined;
    await content.writeIndex(manifests);
    written = text;
  }

  function start(): Promise<void> {
    next = undefined;
    running = update().finally(() => {
      running = undefined;
    });
    return running;
  }

  return {
    complete,
    forget: () => known.clear(),
    refresh() {
      if (!running) return start();
      // The one under way may have read the rows already.
      next ??= running.catch(() => {}).then(start);
      return next;
    },
  };
}
