import type { Migration } from '../../db/index.ts';

/** Tables of the build cache. */
export const buildMigrations: readonly Migration[] = [
  {
    room: 'build',
    version: 1,
    sql: `
      CREATE TABLE build_results (
        id TEXT PRIMARY KEY,
        snapshot TEXT,
        type TEXT NOT NULL,
        description TEXT NOT NULL,
        parents TEXT NOT NULL,
        created_at INTEGER NOT NULL,
        used_at INTEGER NOT NULL,
        uses INTEGER NOT NULL DEFAULT 0
      ) STRICT;
      CREATE INDEX build_results_snapshot ON build_results (snapshot);
      CREATE TABLE build_keys (
        key TEXT PRIMARY KEY,
        result TEXT NOT NULL REFERENCES build_results (id) ON DELETE CASCADE
      ) STRICT, WITHOUT ROWID;
      CREATE INDEX build_keys_result ON build_keys (result);
      -- What ran before, kept after its result is gone, so that a miss can be explained.
      CREATE TABLE build_steps (
        number INTEGER PRIMARY KEY,
        slot TEXT NOT NULL,
        definition TEXT NOT NULL,
        base TEXT NOT NULL,
        content TEXT NOT NULL,
        key TEXT NOT NULL,
        instruction TEXT NOT NULL,
        manifest TEXT,
        result TEXT NOT NULL
      ) STRICT;
      CREATE INDEX build_steps_definition ON build_steps (definition, base);
      CREATE INDEX build_steps_slot ON build_steps (slot);
      CREATE INDEX build_steps_key ON build_steps (key);
      CREATE TABLE build_orphans (snapshot TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;
      CREATE TABLE build_cache_mounts (
        id TEXT PRIMARY KEY,
        folder TEXT NOT NULL,
        description TEXT NOT NULL,
        created_at INTEGER NOT NULL,
        used_at INTEGER NOT NULL,
        uses INTEGER NOT NULL DEFAULT 0
      ) STRICT;
      CREATE TABLE build_downloads (
        url TEXT PRIMARY KEY,
        etag TEXT,
        modified TEXT,
        digest TEXT NOT NULL,
        file TEXT NOT NULL,
        mtime INTEGER,
        used_at INTEGER NOT NULL
      ) STRICT;
    `,
  },
  {
    room: 'build',
    version: 2,
    sql: `
      -- Results whose layers stayed where the cache was made: they lead to others.
      CREATE TABLE build_absent (
        number INTEGER PRIMARY KEY,
        key TEXT NOT NULL UNIQUE,
        result TEXT NOT NULL
      ) STRICT;
      CREATE INDEX build_absent_result ON build_absent (result);
    `,
  },
  {
    room: 'build',
    version: 3,
    sql: `
      -- Base images that were fetched for builds.
      CREATE TABLE build_bases (
        id TEXT PRIMARY KEY,
        name TEXT NOT NULL,
        digest TEXT NOT NULL,
        config TEXT NOT NULL,
        snapshot TEXT,
        created_at INTEGER NOT NULL,
        used_at INTEGER NOT NULL,
        uses INTEGER NOT NULL DEFAULT 0
      ) STRICT;
    `,
  },
];
