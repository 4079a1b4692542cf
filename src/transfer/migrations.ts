import type { Migration } from '../db/index.ts';

export const transferMigrations: readonly Migration[] = [
  {
    // The name under which databases know it.
    room: 'registry',
    version: 1,
    sql: `
      CREATE TABLE blob_source (
        digest TEXT NOT NULL,
        registry TEXT NOT NULL,
        repository TEXT NOT NULL,
        seen_at INTEGER NOT NULL,
        PRIMARY KEY (digest, registry, repository)
      ) STRICT, WITHOUT ROWID;
    `,
  },
];
