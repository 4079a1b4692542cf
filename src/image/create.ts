import type { ContentStore } from '../content/index.ts';
import { type Database, documentText } from '../db/index.ts';
import { StrataError } from '../errors/index.ts';
import { canonicalName, type Digest, type ImageConfig, mediaTypes, withDefaultTag } from '../oci/index.ts';
import type { SnapshotInfo, SnapshotName, Snapshots } from '../snapshot/index.ts';
import { parseConfig } from './config.ts';
import type { NewImage } from './types.ts';

export interface CreateParts {
  readonly db: Database;
  readonly content: ContentStore;
  readonly snapshots: Snapshots;
}

/** Stores configuration and manifest as blobs, then the row and its names in one transaction. */
export async function createImage({ db, content, snapshots }: CreateParts, image: NewImage): Promise<Digest> {
  const rawConfig = image.rawConfig ?? Buffer.from(JSON.stringify(image.config));
  // What came from outside has a bound of its own; what is made here must be one that can be read again.
  if (!image.rawConfig) documentText('the image configuration', image.config);
  const config = parseConfig(rawConfig, image.names?.[0] ? canonicalName(image.names[0]) : 'the image');
  const stack = await checkedStack(snapshots, config, image.snapshot);
  const { digest: id } = await content.put(rawConfig, mediaTypes.ociConfig);
  const manifest = image.manifest && (await content.put(image.manifest.bytes, image.manifest.mediaType));
  const before = db.get<{ snapshot: SnapshotName | null }>('SELECT snapshot FROM images WHERE id = ?', id);
  const isLost = before?.snapshot != null && !snapshots.isWhole(before.snapshot);
  const now = Date.now();
  const created = Date.parse(config.created ?? '');
  db.transaction(() => {
    db.run(
      `INSERT INTO images (id, snapshot, size, created_at, tagged_at, used_at, parent, manifest, manifest_type) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT (id) DO UPDATE SET used_at = excluded.used_at, parent = coalesce(parent, excluded.parent), manifest = coalesce(excluded.manifest, manifest), manifest_type = coalesce(excluded.manifest_type, manifest_type)`,
      id,
      image.snapshot,
      stack.reduce((sum, { measure }) => sum + measure!.contentSize, 0),
      Number.isNaN(created) ? 0 : created,
      now,
      now,
      image.parent ?? null,
      manifest?.digest ?? null,
      manifest?.mediaType ?? null,
    );
    // The layers that were lost have come again.
    if (isLost) db.run('UPDATE images SET snapshot = ? WHERE id = ?', image.snapshot, id);
    for (const name of image.names ?? []) pointName(db, canonicalName(withDefaultTag(name)), id, now);
    if (image.repoDigest) pointDigest(db, image.repoDigest, id);
  });
  return id;
}

/** Points a canonical name with a tag at the image, wherever it pointed before. */
export function pointName(db: Database, name: string, id: Digest, now: number): void {
  db.run(
    'INSERT INTO image_names (name, image) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET image = excluded.image',
    name,
    id,
  );
  db.run('UPDATE images SET tagged_at = ? WHERE id = ?', now, id);
}

/** Notes that the image is known by a canonical `repository@sha256:…`, as others may be that came from the same index. */
export function pointDigest(db: Database, name: string, id: Digest): void {
  db.run('INSERT OR IGNORE INTO image_digests (name, image) VALUES (?, ?)', name, id);
}

/** The measured layers, which must be the ones that the configuration lists. */
async function checkedStack(
  snapshots: Snapshots,
  config: ImageConfig,
  top: NewImage['snapshot'],
): Promise<readonly SnapshotInfo[]> {
  if (top !== null) await snapshots.measure(top);
  const stack = top === null ? [] : snapshots.stack(top);
  const listed = config.rootfs.diff_ids;
  if (stack.length === listed.length && stack.every(({ measure }, i) => measure?.diffID === listed[i])) return stack;
  throw new StrataError('data_loss', 'the layers are not the ones that the image configuration lists', {
    code: 'diff_id_mismatch',
  });
}
