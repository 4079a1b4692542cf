import type { Migration } from '../db/index.ts';

export const snapshotMigrations: readonly Migration[] = [
  {
    room: 'snapshot',
    version: 1,
    sql: `
      CREATE TABLE layers (
        id TEXT PRIMARY KEY,
        diff_id TEXT, tar_size INTEGER, content_size INTEGER, entries INTEGER
      ) STRICT;
      CREATE TABLE snapshots (
        name TEXT PRIMARY KEY,
        parent TEXT REFERENCES snapshots (name),
        layer TEXT NOT NULL REFERENCES layers (id),
        chain_id TEXT,
        created_at INTEGER NOT NULL,
        used_at INTEGER NOT NULL
      ) STRICT;
      CREATE INDEX snapshots_by_parent ON snapshots (parent);
      CREATE INDEX snapshots_by_chain ON snapshots (chain_id);
      CREATE INDEX snapshots_by_layer ON snapshots (layer);
      CREATE TABLE active_snapshots (
        key TEXT PRIMARY KEY,
        parent TEXT REFERENCES snapshots (name),
        created_at INTEGER NOT NULL
      ) STRICT;
      CREATE INDEX active_snapshots_by_parent ON active_snapshots (parent);
    `,
  },
];
