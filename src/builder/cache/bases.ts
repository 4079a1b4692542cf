import { type Database, readJson } from '../../db/index.ts';
import { type Digest, formatPlatform, type ImageConfig, type Platform } from '../../oci/index.ts';
import type { SnapshotName, Snapshots } from '../../snapshot/index.ts';
import { digestOf } from './keys.ts';

/** A base image that was fetched for a build. */
export interface KeptBase {
  /** What its name stood for in the registry. */
  readonly digest: Digest;
  readonly config: ImageConfig;
  readonly snapshot: SnapshotName | null;
  /** Unix milliseconds. */
  readonly fetchedAt: number;
}

export interface BaseRow {
  readonly id: string;
  readonly name: string;
  readonly snapshot: SnapshotName | null;
  readonly created_at: number;
  readonly used_at: number;
  readonly uses: number;
}

/**
 * Base images that were fetched for builds. They are no images of the store: nobody asked for their names, and one for
 * another platform must not be taken for the image of this machine.
 */
export class Bases {
  readonly #db: Database;
  readonly #snapshots: Snapshots;
  readonly #now: () => number;

  constructor(db: Database, snapshots: Snapshots, now: () => number) {
    this.#db = db;
    this.#snapshots = snapshots;
    this.#now = now;
  }

  /** What was fetched under a canonical name, unless its layers are gone. */
  find(name: string, platform: Platform): KeptBase | undefined {
    const row = this.#db.get<BaseRow & { digest: Digest; config: string }>(
      'SELECT * FROM build_bases WHERE id = ?',
      idOf(name, platform),
    );
    if (!row || (row.snapshot !== null && !this.#snapshots.stat(row.snapshot))) return undefined;
    const { digest, snapshot, created_at: fetchedAt } = row;
    const config = readJson<ImageConfig>(row.config);
    return config?.rootfs ? { digest, config: config as ImageConfig, snapshot, fetchedAt } : undefined;
  }

  store(name: string, platform: Platform, { digest, config, snapshot }: Omit<KeptBase, 'fetchedAt'>): void {
    const id = idOf(name, platform);
    this.#db.transaction(() => {
      this.forget(id);
      this.#db.run(
        `INSERT INTO build_bases (id, name, digest, config, snapshot, created_at, used_at, uses)
         VALUES (?, ?, ?, ?, ?, ?, ?, 0)`,
        id,
        name,
        digest,
        JSON.stringify(config),
        snapshot,
        this.#now(),
        this.#now(),
      );
    });
  }

  touch(name: string, platform: Platform): void {
    const id = idOf(name, platform);
    this.#db.run('UPDATE build_bases SET used_at = ?, uses = uses + 1 WHERE id = ?', this.#now(), id);
  }

  list(): readonly BaseRow[] {
    return this.#db.all<BaseRow>('SELECT id, name, snapshot, created_at, used_at, uses FROM build_bases');
  }

  snapshots(): SnapshotName[] {
    return this.list().flatMap(({ snapshot }) => snapshot ?? []);
  }

  /** Lets go of one. Its snapshot is noted until it is removed as well. */
  forget(id: string): void {
    this.#db.transaction(() => {
      this.#db.run(
        `INSERT OR IGNORE INTO build_orphans (snapshot)
         SELECT snapshot FROM build_bases WHERE id = ? AND snapshot IS NOT NULL`,
        id,
      );
      this.#db.run('DELETE FROM build_bases WHERE id = ?', id);
    });
  }
}

function idOf(name: string, platform: Platform): string {
  return digestOf(['base', name, formatPlatform(platform)]);
}
