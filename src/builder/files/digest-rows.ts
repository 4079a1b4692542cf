import { type Database, openDatabase } from '../../db/index.ts';
import type { DigestRows } from './digest-table.ts';

const migrations = [
  {
    room: 'digests',
    version: 1,
    sql: `CREATE TABLE digests (
      device TEXT NOT NULL, inode TEXT NOT NULL,
      size TEXT NOT NULL, mtime TEXT NOT NULL, ctime TEXT NOT NULL, digest TEXT NOT NULL,
      PRIMARY KEY (device, inode)
    ) STRICT, WITHOUT ROWID`,
  },
];

interface Stored {
  readonly size: string;
  readonly mtime: string;
  readonly ctime: string;
  readonly digest: string;
}

/** Rows are written in portions of so many. */
const portion = 4096;

/** Most rows kept; beyond that the table starts anew. */
const limit = 2_000_000;

/** The digest table in a SQLite file of its own: it may be deleted at any time, and several workers share it. */
export function openDigestRows(file: string): DigestRows & { flush(): void; close(): void } {
  const database = openDatabase(file, migrations);
  let waiting: (readonly [string, string, string, string, string, string])[] = [];
  function flush(): void {
    if (waiting.length === 0) return;
    const rows = waiting;
    waiting = [];
    store(database, rows);
  }
  return {
    find(device, inode) {
      const sql = 'SELECT size, mtime, ctime, digest FROM digests WHERE device = ? AND inode = ?';
      const row = database.get<Stored>(sql, String(device), String(inode));
      if (!row) return undefined;
      return { size: BigInt(row.size), mtime: BigInt(row.mtime), ctime: BigInt(row.ctime), digest: row.digest };
    },
    keep(device, inode, { size, mtime, ctime, digest }) {
      waiting.push([String(device), String(inode), String(size), String(mtime), String(ctime), digest]);
      if (waiting.length >= portion) flush();
    },
    flush,
    close: () => database.close(),
  };
}

function store(database: Database, rows: readonly (readonly string[])[]): void {
  database.transaction(() => {
    const { count } = database.get<{ count: number }>('SELECT count(*) AS count FROM digests')!;
    if (count > limit) database.run('DELETE FROM digests');
    const sql = 'INSERT OR REPLACE INTO digests (device, inode, size, mtime, ctime, digest) VALUES (?, ?, ?, ?, ?, ?)';
    for (const row of rows) database.run(sql, ...row);
  });
}
