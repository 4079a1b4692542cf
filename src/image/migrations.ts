import type { Migration } from '../db/index.ts';

export const imageMigrations: readonly Migration[] = [
  {
    room: 'image',
    version: 1,
    sql: `
      CREATE TABLE images (
        id TEXT PRIMARY KEY,
        snapshot TEXT,
        size INTEGER NOT NULL,
        created_at INTEGER NOT NULL,
        tagged_at INTEGER NOT NULL,
        used_at INTEGER NOT NULL,
        parent TEXT,
        manifest TEXT,
        manifest_type TEXT
      ) STRICT;
      CREATE TABLE image_names (
        name TEXT PRIMARY KEY,
        image TEXT NOT NULL REFERENCES images (id) ON DELETE CASCADE
      ) STRICT;
      CREATE INDEX image_names_by_image ON image_names (image);
      CREATE TABLE image_digests (
        name TEXT PRIMARY KEY,
        image TEXT NOT NULL REFERENCES images (id) ON DELETE CASCADE
      ) STRICT;
      CREATE INDEX image_digests_by_image ON image_digests (image);
      CREATE TABLE layer_blobs (
        diff_id TEXT NOT NULL,
        digest TEXT PRIMARY KEY,
        size INTEGER NOT NULL,
        media_type TEXT NOT NULL
      ) STRICT;
      CREATE INDEX layer_blobs_by_diff ON layer_blobs (diff_id);
    `,
  },
];
