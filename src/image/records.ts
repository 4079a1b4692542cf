import type { ContentStore } from '../content/index.ts';
import type { Database } from '../db/index.ts';
import { messageOf, StrataError } from '../errors/index.ts';
import {
  canonicalName,
  type Digest,
  familiarName,
  type ImageConfig,
  isDigest,
  parseReference,
  withDefaultTag,
} from '../oci/index.ts';
import type { SnapshotName, Snapshots } from '../snapshot/index.ts';
import { parseConfig } from './config.ts';
import type { Image } from './types.ts';

export interface ImageRow {
  readonly id: Digest;
  readonly snapshot: SnapshotName | null;
  readonly size: number;
  readonly created_at: number;
  readonly tagged_at: number;
  readonly used_at: number;
  readonly parent: Digest | null;
  readonly manifest: Digest | null;
  readonly manifest_type: string | null;
}

/** Reading images out of rows and blobs. */
export interface Records {
  row(id: Digest): ImageRow | undefined;
  rows(): readonly ImageRow[];
  names(id: Digest): readonly string[];
  repoDigests(id: Digest): readonly string[];
  /** `data_loss` where a part of it is damaged or missing. */
  toImage(row: ImageRow): Promise<Image>;
  /** For lists: what cannot be used is there as {@link Image.broken}. */
  toListed(row: ImageRow): Promise<Image>;
  find(text: string): ImageRow | undefined;
  /** `not_found` in Docker's words. */
  required(text: string): ImageRow;
}

/** In the place of a configuration that cannot be read. */
const noConfig: ImageConfig = { architecture: '', os: 'linux', rootfs: { type: 'layers', diff_ids: [] } };

/**
 * Rows that name nothing: an id that is no digest, a name that is no name. Whoever met them would not know what they are of.
 */
export function dropNameless(db: Database, log: (line: string) => void): void {
  for (const { id } of db.all<{ id: string }>('SELECT id FROM images')) {
    if (isDigest(id)) continue;
    log(`the row of an image with the impossible id ${JSON.stringify(id)} is dropped`);
    db.run('DELETE FROM images WHERE id = ?', id);
  }
  for (const table of ['image_names', 'image_digests']) {
    for (const { name, image } of db.all<{ name: string; image: string }>(`SELECT name, image FROM ${table}`)) {
      if (isName(name) && db.get('SELECT 1 FROM images WHERE id = ?', image)) continue;
      log(`the row of ${table} with the name ${JSON.stringify(name)} is damaged and dropped`);
      db.run(`DELETE FROM ${table} WHERE name = ? AND image = ?`, name, image);
    }
  }
}

function isName(text: string): boolean {
  try {
    return canonicalName(parseReference(text)) === text;
  } catch {
    return false;
  }
}

/** Unix milliseconds that a date can be; the beginning of time for what none is. */
const moment = (milliseconds: number) => (Number.isNaN(new Date(milliseconds).getTime()) ? 0 : milliseconds);

export function createRecords(db: Database, content: ContentStore, snapshots: Pick<Snapshots, 'isWhole'>): Records {
  // Configurations never change, and every listing asks for all of them.
  const configs = new Map<Digest, { raw: Uint8Array; config: ImageConfig }>();

  async function config(id: Digest): Promise<{ raw: Uint8Array; config: ImageConfig }> {
    const known = configs.get(id);
    if (known) return known;
    const raw = await content.read(id);
    const made = { raw, config: parseConfig(raw, id.slice(7, 19)) };
    if (configs.size >= 2000) configs.clear();
    configs.set(id, made);
    return made;
  }

  const records: Records = {
    row: (id) => db.get<ImageRow>('SELECT * FROM images WHERE id = ?', id),
    rows: () => db.all<ImageRow>('SELECT * FROM images ORDER BY created_at DESC, rowid DESC'),
    names: (id) =>
      db
        .all<{ name: string }>('SELECT name FROM image_names WHERE image = ? ORDER BY name', id)
        .map(({ name }) => name),
    repoDigests: (id) =>
      db
        .all<{ name: string }>('SELECT name FROM image_digests WHERE image = ? ORDER BY name', id)
        .map(({ name }) => name),
    async toImage(row) {
      const image = await records.toListed(row);
      if (image.broken === undefined) return image;
      const name = image.names[0];
      throw new StrataError(
        'data_loss',
        `image ${name === undefined ? row.id.slice(7, 19) : familiarName(parseReference(name))} is damaged: ${image.broken}`,
        { code: 'image_broken', hint: 'pull or build it again, or remove it' },
      );
    },
    async toListed(row) {
      let broken = row.snapshot === null || snapshots.isWhole(row.snapshot) ? undefined : 'a layer of it is missing';
      const { raw, config: parsed } = await config(row.id).catch((error: unknown) => {
        broken = messageOf(error);
        return { raw: new Uint8Array(0), config: noConfig };
      });
      return {
        ...(broken !== undefined && { broken }),
        id: row.id,
        config: parsed,
        rawConfig: raw,
        names: records.names(row.id),
        repoDigests: records.repoDigests(row.id),
        snapshot: row.snapshot,
        size: row.size,
        createdAt: moment(row.created_at),
        taggedAt: moment(row.tagged_at),
        usedAt: moment(row.used_at),
        parent: row.parent,
      };
    },
    find(text) {
      if (isDigest(text)) {
        const row = records.row(text);
        if (row) return row;
      }
      return byName(text) ?? byPrefix(text);
    },
    required(text) {
      const row = records.find(text);
      if (row) return row;
      throw noSuchImage(text);
    },
  };

  function byName(text: string): ImageRow | undefined {
    let canonical: string;
    try {
      const ref = parseReference(text);
      if (ref.digest !== undefined) {
        const { tag: _, ...untagged } = ref;
        // Of the images of an index, the one that has a tag, else the one that was wanted last.
        return db.get<ImageRow>(
          `SELECT images.* FROM image_digests JOIN images ON images.id = image_digests.image WHERE name = ?
           ORDER BY EXISTS (SELECT 1 FROM image_names WHERE image_names.image = images.id) DESC, used_at DESC LIMIT 1`,
          canonicalName(untagged),
        );
      }
      canonical = canonicalName(withDefaultTag(ref));
    } catch {
      return undefined;
    }
    const row = db.get<{ image: Digest }>('SELECT image FROM image_names WHERE name = ?', canonical);
    return row && records.row(row.image);
  }

  function byPrefix(text: string): ImageRow | undefined {
    const hex = text.startsWith('sha256:') ? text.slice(7) : text;
    if (!/^[a-f0-9]{1,64}$/.test(hex)) return undefined;
    const rows = db.all<ImageRow>(
      'SELECT * FROM images WHERE id >= ?1 AND id < ?2 LIMIT 2',
      `sha256:${hex}`,
      `sha256:${hex}g`,
    );
    if (rows.length > 1) {
      throw new StrataError('invalid_argument', `the image id prefix ${hex} is ambiguous`, {
        code: 'ambiguous_prefix',
        hint: 'give more of the id',
      });
    }
    return rows[0];
  }

  return records;
}

/** `not_found`, or `invalid_argument` for what cannot be a name; both in Docker's words. */
function noSuchImage(text: string): StrataError {
  if (text !== '' && !/^(sha256:)?[a-f0-9]{1,64}$/.test(text)) parseReference(text);
  return new StrataError('not_found', `No such image: ${shownName(text)}`, { code: 'image_not_found' });
}

/** The name as Docker repeats it in `No such image`: with the tag that was meant. */
export function shownName(text: string): string {
  try {
    return /^(sha256:)?[a-f0-9]{64}$/.test(text) ? text : familiarName(withDefaultTag(parseReference(text)));
  } catch {
    return text;
  }
}
