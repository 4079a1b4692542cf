import { randomBytes } from 'node:crypto';
import type { ContentStore } from '../content/index.ts';
import type { Database } from '../db/index.ts';
import { StrataError } from '../errors/index.ts';
import type { Layers } from '../layer/index.ts';
import {
  type ChainID,
  canonicalName,
  type Descriptor,
  type DiffID,
  type Digest,
  familiarName,
  hostPlatform,
  type ImageConfig,
  layerCompression,
  type Manifest,
  mediaTypes,
  parseReference,
  withDefaultTag,
} from '../oci/index.ts';
import type { SnapshotInfo, SnapshotName, Snapshots } from '../snapshot/index.ts';
import { detectCompression, peek, plain } from './compression.ts';
import { matchesReference, passes } from './filter.ts';
import { historyRows } from './history.ts';
import { createLayerBlobs } from './layer-blobs.ts';
import { loadArchive } from './load.ts';
import { createRecords, type ImageRow } from './records.ts';
import { deleteImage, type RemoveParts, removeImage } from './remove.ts';
import { type Saved, saveArchive } from './save.ts';
import type { Image, Images, NewImage, RemovedImage } from './types.ts';

export interface ImageOptions {
  readonly db: Database;
  readonly content: ContentStore;
  readonly snapshots: Snapshots;
  readonly layers: Layers;
  /** Folder for files under way, on the file system of the content store. */
  readonly workRoot: string;
}

export function createImages(options: ImageOptions): Images {
  const { db, content, snapshots, layers } = options;
  const records = createRecords(db, content);
  const blobs = createLayerBlobs(options);
  const holders: (() => Iterable<SnapshotName>)[] = [];
  /** Layers being unpacked, by chain: two pulls of one base unpack it once. */
  const unpacking = new Map<ChainID, Promise<SnapshotName>>();

  const held = (): ReadonlySet<SnapshotName> => new Set(holders.flatMap((holder) => [...holder()]));
  const removal: RemoveParts = { db, records, snapshots, held };

  /** Blobs of these digests that nothing names any more. */
  async function dropBlobs(candidates: readonly Digest[]): Promise<void> {
    const needed = await referencedBlobs();
    for (const digest of new Set(candidates)) {
      if (needed.has(digest)) continue;
      db.run('DELETE FROM layer_blobs WHERE digest = ?', digest);
      await content.delete(digest);
    }
  }

  async function referencedBlobs(): Promise<ReadonlySet<Digest>> {
    const needed = new Set<Digest>();
    for (const row of records.rows()) {
      needed.add(row.id);
      if (row.manifest) needed.add(row.manifest);
    }
    // A layer's blob lives as long as a snapshot has that layer.
    for (const { digest } of db.all<{ digest: Digest }>(
      'SELECT b.digest FROM layer_blobs b WHERE EXISTS (SELECT 1 FROM layers l WHERE l.diff_id = b.diff_id)',
    ))
      needed.add(digest);
    return needed;
  }

  /** Blobs that only this image may need. */
  function blobsOf(row: ImageRow): readonly Digest[] {
    const layersOf = row.snapshot === null ? [] : snapshots.stack(row.snapshot);
    return [
      row.id,
      ...(row.manifest ? [row.manifest] : []),
      ...layersOf.flatMap(({ measure }) => (measure ? blobs.known(measure.diffID).map(({ digest }) => digest) : [])),
    ];
  }

  async function writeIndex(): Promise<void> {
    const entries: Descriptor[] = [];
    for (const row of records.rows()) {
      if (row.manifest === null) continue;
      const descriptor = await completeManifest(row);
      if (!descriptor) continue;
      const names = records.names(row.id);
      if (names.length === 0) entries.push(descriptor);
      for (const name of names) {
        entries.push({
          ...descriptor,
          annotations: {
            'io.containerd.image.name': name,
            'org.opencontainers.image.ref.name': familiarName(parseReference(name)),
          },
        });
      }
    }
    await content.writeIndex(entries);
  }

  /** The image's manifest, when it and all that it names is in the store: only such images are in the layout's index. */
  async function completeManifest(row: ImageRow): Promise<Descriptor | undefined> {
    const info = await content.stat(row.manifest!);
    if (!info) return undefined;
    const manifest = JSON.parse(Buffer.from(await content.read(row.manifest!)).toString('utf8')) as Manifest;
    for (const { digest } of [manifest.config, ...manifest.layers]) if (!(await content.stat(digest))) return undefined;
    return { mediaType: row.manifest_type ?? mediaTypes.ociManifest, digest: row.manifest!, size: info.size };
  }

  async function collectAfter(rows: readonly ImageRow[], action: () => Promise<void>): Promise<void> {
    const candidates = rows.flatMap(blobsOf);
    await action();
    const gone = rows.filter((row) => records.row(row.id) === undefined);
    if (gone.length > 0) await dropBlobs(candidates);
    await writeIndex();
  }

  async function create(image: NewImage): Promise<Image> {
    const rawConfig = image.rawConfig ?? Buffer.from(JSON.stringify(image.config));
    const stack = await checkedStack(image);
    const { digest: id } = await content.put(rawConfig, mediaTypes.ociConfig);
    const manifest = image.manifest && (await content.put(image.manifest.bytes, image.manifest.mediaType));
    const now = Date.now();
    const created = image.config.created ? Date.parse(image.config.created) : 0;
    const size = stack.reduce((sum, { measure }) => sum + measure!.contentSize, 0);
    db.transaction(() => {
      db.run(
        `INSERT INTO images (id, snapshot, size, created_at, tagged_at, used_at, parent, manifest, manifest_type) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
         ON CONFLICT (id) DO UPDATE SET used_at = excluded.used_at, manifest = coalesce(excluded.manifest, manifest), manifest_type = coalesce(excluded.manifest_type, manifest_type)`,
        id,
        image.snapshot,
        size,
        Number.isNaN(created) ? 0 : created,
        now,
        now,
        image.parent ?? null,
        manifest?.digest ?? null,
        manifest?.mediaType ?? null,
      );
      for (const name of image.names ?? []) point(canonicalName(withDefaultTag(name)), id, now);
      if (image.repoDigest)
        db.run(
          'INSERT INTO image_digests (name, image) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET image = excluded.image',
          image.repoDigest,
          id,
        );
    });
    if (manifest) await writeIndex();
    return await records.toImage(records.row(id)!);
  }

  function point(name: string, id: Digest, now: number): void {
    db.run(
      'INSERT INTO image_names (name, image) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET image = excluded.image',
      name,
      id,
    );
    db.run('UPDATE images SET tagged_at = ? WHERE id = ?', now, id);
  }

  /** The measured layers, which must be the ones that the configuration lists. */
  async function checkedStack(image: NewImage) {
    if (image.snapshot !== null) await snapshots.measure(image.snapshot);
    const stack = image.snapshot === null ? [] : snapshots.stack(image.snapshot);
    const listed = image.config.rootfs.diff_ids;
    if (stack.length !== listed.length || stack.some(({ measure }, i) => measure?.diffID !== listed[i])) {
      throw new StrataError('data_loss', 'the layers are not the ones that the image configuration lists', {
        code: 'diff_id_mismatch',
      });
    }
    return stack;
  }

  const images: Images = {
    create,
    addHolder(holder) {
      holders.push(holder);
    },
    async find(text) {
      const row = records.find(text);
      return row && (await records.toImage(row));
    },
    get: async (text) => await records.toImage(records.required(text)),
    async list(filter = {}) {
      const all = await Promise.all(records.rows().map((row) => records.toImage(row)));
      const before =
        filter.before === undefined ? Number.POSITIVE_INFINITY : records.required(filter.before).created_at;
      const since = filter.since === undefined ? Number.NEGATIVE_INFINITY : records.required(filter.since).created_at;
      const wanted = all.filter(
        (image) => image.createdAt < before && image.createdAt > since && passes(image, filter, 'created'),
      );
      // As Docker: a listing by name shows the names that were asked for, not the image's others.
      const { references = [] } = filter;
      if (references.length === 0) return wanted;
      const asked = (name: string) => references.some((pattern) => matchesReference(pattern, name));
      return wanted.map((image) => ({ ...image, names: image.names.filter(asked) }));
    },
    async tag(source, target) {
      if (target.digest !== undefined)
        throw new StrataError('invalid_argument', 'refusing to create a tag with a digest reference');
      const row = records.required(source);
      db.transaction(() => point(canonicalName(withDefaultTag(target)), row.id, Date.now()));
      if (row.manifest) await writeIndex();
    },
    async addRepoDigest(id, name) {
      db.run(
        'INSERT INTO image_digests (name, image) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET image = excluded.image',
        name,
        id,
      );
    },
    async remove(text, { force, uses }) {
      let removed: readonly RemovedImage[] = [];
      await collectAfter([records.required(text)], async () => {
        removed = await removeImage(removal, text, { force, uses });
      });
      return removed;
    },
    async prune({ all, filter = {}, inUse }) {
      const removed: RemovedImage[] = [];
      let reclaimed = 0;
      for (const row of records.rows()) {
        const image = await records.toImage(row);
        if (inUse.has(row.id) || (!all && image.names.length > 0) || !passes(image, filter, 'used')) continue;
        const layersOf = row.snapshot === null ? [] : snapshots.stack(row.snapshot);
        await collectAfter([row], async () => {
          for (const name of image.names) removed.push({ untagged: familiarName(parseReference(name)) });
          db.run('DELETE FROM image_names WHERE image = ?', row.id);
          removed.push(...(await deleteImage(removal, row)));
        });
        for (const layer of layersOf) if (!snapshots.stat(layer.name)) reclaimed += layer.measure?.contentSize ?? 0;
      }
      return { removed, reclaimed };
    },
    async history(text) {
      const image = await images.get(text);
      return historyRows(image, image.snapshot === null ? [] : snapshots.stack(image.snapshot));
    },
    touch(id) {
      db.run('UPDATE images SET used_at = ? WHERE id = ?', Date.now(), id);
    },
    async diskUsage() {
      const rows = records.rows();
      const sizes = new Map<string, { readonly bytes: number; users: number }>();
      const stacks = rows.map((row) => (row.snapshot === null ? [] : snapshots.stack(row.snapshot)));
      for (const stack of stacks) {
        for (const layer of stack) {
          const known = sizes.get(layer.diffDir);
          if (known) known.users++;
          else sizes.set(layer.diffDir, { bytes: layer.measure?.contentSize ?? 0, users: 1 });
        }
      }
      return {
        images: rows.map((row, i) => ({
          id: row.id,
          size: row.size,
          sharedSize: stacks[i]!.reduce(
            (sum, layer) => sum + (sizes.get(layer.diffDir)!.users > 1 ? sizes.get(layer.diffDir)!.bytes : 0),
            0,
          ),
        })),
        layersSize: [...sizes.values()].reduce((sum, { bytes }) => sum + bytes, 0),
      };
    },
    async materialize(id, { compression, signal, progress }) {
      const row = records.required(id);
      const image = await records.toImage(row);
      const config: Descriptor = { mediaType: mediaTypes.ociConfig, digest: row.id, size: image.rawConfig.length };
      if (row.manifest && (await completeManifest(row))) {
        const manifestBytes = await content.read(row.manifest);
        const received = JSON.parse(Buffer.from(manifestBytes).toString('utf8')) as Manifest;
        return {
          manifest: {
            mediaType: row.manifest_type ?? mediaTypes.ociManifest,
            digest: row.manifest,
            size: manifestBytes.length,
          },
          manifestBytes,
          config: received.config,
          layers: received.layers,
        };
      }
      const made: Descriptor[] = [];
      for (const layer of row.snapshot === null ? [] : snapshots.stack(row.snapshot)) {
        progress?.({ id: layer.measure!.diffID.slice(7, 19), status: 'Preparing' });
        made.push(await blobs.ensure(layer, compression, signal));
      }
      const manifestBytes = Buffer.from(
        JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.ociManifest, config, layers: made }),
      );
      const manifest = await content.put(manifestBytes, mediaTypes.ociManifest);
      db.run(
        'UPDATE images SET manifest = ?, manifest_type = ? WHERE id = ?',
        manifest.digest,
        manifest.mediaType,
        row.id,
      );
      await writeIndex();
      return { manifest, manifestBytes, config, layers: made };
    },
    async unpackLayer(source, { parent, diffID, chainID, mediaType, signal, progress }) {
      const chain = chainID as unknown as ChainID;
      const compression = layerCompression(mediaType);
      if (compression === undefined)
        throw new StrataError('unsupported', `layers of type ${mediaType} are not supported`, {
          code: 'unsupported_layer',
        });
      const known = snapshots.findByChain(chain);
      if (known) return known.name;
      const running = unpacking.get(chain);
      if (running) return await running;
      const work = unpackNew().finally(() => unpacking.delete(chain));
      unpacking.set(chain, work);
      return await work;

      async function unpackNew(): Promise<SnapshotName> {
        const active = await snapshots.prepare(parent);
        try {
          const measure = await layers.unpack(await source(), active.diffDir, {
            compression: compression!,
            expect: diffID as DiffID,
            ...(signal && { signal }),
            ...(progress && { progress }),
          });
          return (await snapshots.commit(active, { measure })).name;
        } catch (error) {
          await snapshots.discard(active.key);
          throw error;
        }
      }
    },
    recordLayerBlob: (diffID, blob) => blobs.record(diffID, blob),
    async save(names, { format = 'docker', signal } = {}) {
      const saved: Saved[] = [];
      for (const text of names) {
        const image = await images.get(text);
        if (image.snapshot !== null) await snapshots.measure(image.snapshot);
        const asked = namesAsked(text, image);
        const known = saved.findIndex((one) => one.image.id === image.id);
        if (known < 0) saved.push({ image, names: asked });
        else saved[known] = { image, names: [...new Set([...saved[known]!.names, ...asked])] };
      }
      return saveArchive(saved, { snapshots, blobs, content }, format, signal);
    },
    load: (source, loadOptions = {}) =>
      loadArchive(source, { content, unpack: images.unpackLayer, create, record: blobs.record, cleanUp }, loadOptions),
    async import(source, { name, message, config, platform, signal }) {
      const ingest = await content.ingest(`import-${randomBytes(8).toString('hex')}`);
      const stored: Digest[] = [];
      try {
        for await (const chunk of await plain(source)) await ingest.write(chunk);
        const blob = await ingest.commit({});
        stored.push(blob.digest);
        const diffID = blob.digest as DiffID;
        const { head } = await peek(await content.fetch({ ...blob, mediaType: mediaTypes.ociLayer }));
        if (blob.size === 0 || detectCompression(head) !== 'none')
          throw new StrataError('invalid_argument', 'the input is no tar archive', { code: 'invalid_archive' });
        const snapshot = await images.unpackLayer(
          async () => await content.fetch({ ...blob, mediaType: mediaTypes.ociLayer }),
          { parent: null, diffID, chainID: diffID, mediaType: mediaTypes.ociLayer, ...(signal && { signal }) },
        );
        blobs.record(diffID, { ...blob, mediaType: mediaTypes.ociLayer });
        const created = new Date().toISOString();
        const imported: ImageConfig = {
          ...(platform ?? hostPlatform()),
          created,
          ...(config && { config }),
          rootfs: { type: 'layers', diff_ids: [diffID] },
          history: [{ created, comment: message ?? 'Imported from -' }],
        };
        return await create({ config: imported, snapshot, ...(name && { names: [name] }) });
      } catch (error) {
        await ingest.abort();
        await cleanUp(stored);
        throw error;
      }
    },
    async collect() {
      for (const { name } of leaves()) {
        await deleteStack(name);
      }
      const needed = await referencedBlobs();
      for await (const { digest } of content.list()) {
        if (needed.has(digest)) continue;
        db.run('DELETE FROM layer_blobs WHERE digest = ?', digest);
        await content.delete(digest);
      }
      await writeIndex();
    },
  };

  /** Snapshots that no image and no holder keeps and that nothing stands on. */
  function leaves(): readonly SnapshotInfo[] {
    const keep = held();
    return [...snapshots.list()].filter(
      ({ name }) =>
        !keep.has(name) &&
        !db.get('SELECT 1 FROM images WHERE snapshot = ?', name) &&
        !db.get('SELECT 1 FROM snapshots WHERE parent = ?', name),
    );
  }

  async function deleteStack(name: SnapshotName): Promise<void> {
    const keep = held();
    for (let at: SnapshotName | null = name; at !== null; ) {
      const info = snapshots.stat(at);
      if (!info || keep.has(at) || db.get('SELECT 1 FROM images WHERE snapshot = ?', at)) return;
      try {
        await snapshots.remove(at);
      } catch (error) {
        if (error instanceof StrataError && error.kind === 'failed_precondition') return;
        throw error;
      }
      at = info.parent;
    }
  }

  async function cleanUp(candidates: readonly Digest[]): Promise<void> {
    // Only what this transfer brought: another one's layers may not have their image yet.
    const brought = new Set(candidates);
    for (const { name, measure } of leaves()) {
      if (measure && blobs.known(measure.diffID).some(({ digest }) => brought.has(digest))) await deleteStack(name);
    }
    await dropBlobs(candidates);
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

  return images;
}
