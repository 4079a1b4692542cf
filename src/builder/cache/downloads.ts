import { mkdirSync, rmSync } from 'node:fs';
import { join, parse } from 'node:path';
import type { Database } from '../../db/index.ts';

export interface DownloadRow {
  readonly url: string;
  readonly etag: string | null;
  readonly modified: string | null;
  readonly digest: string;
  /** Folder that holds the file. */
  readonly file: string;
  /** Unix seconds that the server dates it, if it does. */
  readonly mtime: number | null;
  readonly used_at: number;
}

/** Files that ADD fetched, by URL. */
export class Downloads {
  readonly root: string;
  readonly #db: Database;
  readonly #now: () => number;

  constructor(db: Database, root: string, now: () => number) {
    this.root = root;
    this.#db = db;
    this.#now = now;
    mkdirSync(root, { recursive: true, mode: 0o700 });
  }

  find(url: string): DownloadRow | undefined {
    const row = this.#db.get<DownloadRow>('SELECT * FROM build_downloads WHERE url = ?', url);
    if (row) this.#db.run('UPDATE build_downloads SET used_at = ? WHERE url = ?', this.#now(), url);
    return row && this.#own(row);
  }

  /** What a damaged row names is no folder of ours. */
  #own(row: DownloadRow): DownloadRow {
    const { dir, base } = parse(row.file);
    return dir === this.root && base !== '..' ? row : { ...row, file: join(this.root, '.damaged') };
  }

  /** A file that another build still copies from keeps its folder until the next clean-up. */
  keep(row: Omit<DownloadRow, 'used_at'>): DownloadRow {
    const full = { ...row, used_at: this.#now() };
    this.#db.run(
      `INSERT OR REPLACE INTO build_downloads (url, etag, modified, digest, file, mtime, used_at)
       VALUES (?, ?, ?, ?, ?, ?, ?)`,
      full.url,
      full.etag,
      full.modified,
      full.digest,
      full.file,
      full.mtime,
      full.used_at,
    );
    return full;
  }

  list(): readonly DownloadRow[] {
    return this.#db.all<DownloadRow>('SELECT * FROM build_downloads').map((row) => this.#own(row));
  }

  remove(url: string): void {
    const row = this.#db.get<DownloadRow>('SELECT * FROM build_downloads WHERE url = ?', url);
    if (!row) return;
    this.#db.run('DELETE FROM build_downloads WHERE url = ?', url);
    rmSync(this.#own(row).file, { recursive: true, force: true });
  }
}
