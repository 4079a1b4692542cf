import type { ContentStore } from '../content/index.ts';
import type { Database } from '../db/index.ts';
import { StrataError } from '../errors/index.ts';
import type { Layers } from '../layer/index.ts';
import { canonicalName, type Digest, parseReference, withDefaultTag } from '../oci/index.ts';
import type { Snapshots } from '../snapshot/index.ts';
import { createCollector } from './collector.ts';
import { completeLayout } from './complete-layout.ts';
import { createImage, pointDigest, pointName } from './create.ts';
import { diskUsage } from './disk-usage.ts';
import { historyRows } from './history.ts';
import { importImage } from './import.ts';
import { createLayerBlobs } from './layer-blobs.ts';
import { createLayoutIndex } from './layout-index.ts';
import { listImages } from './list.ts';
import { loadArchive } from './load.ts';
import { materialize } from './materialize.ts';
import { pruneImages } from './prune.ts';
import { createRecords, dropNameless, type ImageRow } from './records.ts';
import { removeImage } from './remove.ts';
import { type Saved, saveArchive } from './save.ts';
import type { Image, Images } from './types.ts';
import { createLayerStore } from './unpack-layer.ts';

export interface ImageOptions {
  readonly db: Database;
  readonly content: ContentStore;
  readonly snapshots: Snapshots;
  readonly layers: Layers;
  /** Folder for files under way, on the file system of the content store. */
  readonly workRoot: string;
  readonly log?: (line: string) => void;
  /** Told when the layout could not list an image; `completeLayout` makes it good. */
  readonly onUnlisted?: () => void;
}

export function createImages(options: ImageOptions): Images {
  const { db, content, snapshots, layers } = options;
  dropNameless(db, options.log ?? (() => {}));
  const records = createRecords(db, content, snapshots);
  const blobs = createLayerBlobs(options);
  const index = createLayoutIndex({ content, records, snapshots, blobs });
  const collector = createCollector({ db, content, snapshots, records, blobs, index });
  const layerStore = createLayerStore({ snapshots, layers, blobs, collector, content });

  /** Blobs that go with the image where nobody else has them. */
  function blobsOf({ id, manifest, snapshot }: ImageRow): readonly Digest[] {
    const diffIDs = (snapshot === null ? [] : snapshots.remaining(snapshot)).map(({ measure }) => measure?.diffID);
    const packed = diffIDs.flatMap((diffID) => (diffID ? blobs.known(diffID) : []));
    return [id, ...(manifest ? [manifest] : []), ...packed.map(({ digest }) => digest)];
  }

  /** The layout first: it never names what is not there any more. */
  async function refresh(): Promise<void> {
    const stale = await index.refresh();
    if (stale.length > 0) await collector.offer({ blobs: stale });
    if (index.unlisted().length > 0) options.onUnlisted?.();
  }

  /** A repository alone stands for all its tags, as in `docker save`. */
  function namesOf(text: string): readonly string[] {
    const repository = repositoryAlone(text);
    if (repository === undefined) return [text];
    const [first, end] = [`${repository}:`, `${repository};`];
    const rows = db.all<{ name: string }>('SELECT name FROM image_names WHERE name >= ? AND name < ?', first, end);
    return rows.length > 0 ? rows.map(({ name }) => name).sort() : [text];
  }

  const images: Images = {
    during: collector.during,
    addHolder: collector.addHolder,
    collect: () => refresh().then(collector.collect).then(refresh),
    completeLayout: (completing) =>
      completeLayout({ records, snapshots, blobs, index, collector, refresh }, completing),
    create: (image) =>
      collector.during(async () => {
        const id = await createImage({ db, content, snapshots }, image);
        await refresh();
        return await records.toImage(records.row(id)!);
      }),
    async find(text) {
      const row = records.find(text);
      const image = row && (await records.toListed(row));
      // Whoever looks for one fetches or makes it again, which mends it.
      return image?.broken === undefined ? image : undefined;
    },
    get: async (text) => await records.toImage(records.required(text)),
    listed: async (text) => await records.toListed(records.required(text)),
    list: async (filter = {}) => await listImages(records, filter),
    async tag(source, target) {
      if (target.digest !== undefined)
        throw new StrataError('invalid_argument', 'refusing to create a tag with a digest reference');
      const row = records.required(source);
      db.transaction(() => pointName(db, canonicalName(withDefaultTag(target)), row.id, Date.now()));
      await refresh();
    },
    async addRepoDigest(id, name) {
      pointDigest(db, name, id);
    },
    async remove(text, removal) {
      const before = records.rows();
      const candidates = blobsOf(records.required(text));
      const removed = await removeImage({ db, records, snapshots, collector }, text, removal);
      // Unnamed images that it was made from may have gone with it.
      const gone = before.filter(({ id }) => records.row(id) === undefined);
      const others = gone.flatMap(({ id, manifest }) => [id, ...(manifest ? [manifest] : [])]);
      await refresh();
      if (gone.length > 0) await collector.offer({ blobs: [...candidates, ...others] });
      return removed;
    },
    prune: async (pruning) => await pruneImages({ db, records, snapshots, remove: images.remove }, pruning),
    async history(text) {
      const image = await images.get(text);
      return historyRows(image, image.snapshot === null ? [] : snapshots.stack(image.snapshot));
    },
    touch(id) {
      db.run('UPDATE images SET used_at = ? WHERE id = ?', Date.now(), id);
    },
    diskUsage: async () => diskUsage(records, snapshots),
    materialize: (id, wanted) =>
      collector.during(async () => {
        const row = records.required(id);
        const { rawConfig } = await records.toImage(row);
        const made = await materialize({ content, snapshots, blobs, index }, row, rawConfig.length, wanted);
        if (made.manifest.digest !== row.manifest) {
          const { digest, mediaType } = made.manifest;
          db.run('UPDATE images SET manifest = ?, manifest_type = ? WHERE id = ?', digest, mediaType, row.id);
          await refresh();
          await collector.offer({ blobs: row.manifest ? [row.manifest] : [] });
        }
        return made;
      }),
    unpackLayer: async (source, unpacking) => (await layerStore.unpack(source, unpacking)).name,
    recordLayerBlob: blobs.record,
    async save(names, { format = 'docker', signal } = {}) {
      const saved: Saved[] = [];
      for (const text of names.flatMap((name) => namesOf(name))) {
        const image = await images.get(text);
        if (image.snapshot !== null) await snapshots.measure(image.snapshot);
        const asked = namesAsked(text, image);
        const known = saved.findIndex((one) => one.image.id === image.id);
        if (known < 0) saved.push({ image, names: asked });
        else saved[known] = { image, names: [...new Set([...saved[known]!.names, ...asked])] };
      }
      return saveArchive(saved, { snapshots, blobs, collector }, format, signal);
    },
    load: (source, loading = {}) =>
      loadArchive(
        source,
        { content, layers: layerStore, collector, create: images.create, find: images.find },
        loading,
      ),
    import: (source, importing) =>
      importImage(source, { content, layers: layerStore, collector, create: images.create }, importing),
  };
  return images;
}

/** Canonical, of a reference that has neither a tag nor a digest. */
function repositoryAlone(text: string): string | undefined {
  try {
    const reference = parseReference(text);
    return reference.tag === undefined && reference.digest === undefined ? canonicalName(reference) : undefined;
  } catch {
    return undefined;
  }
}

/** The names under which an image is saved: the one that was asked for, or none for an id. */
function namesAsked(text: string, image: Image): readonly string[] {
  try {
    const canonical = canonicalName(withDefaultTag(parseReference(text)));
    return image.names.includes(canonical) ? [canonical] : [];
  } catch {
    return [];
  }
}
