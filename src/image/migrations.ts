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
  {
    room: 'image',
    version: 2,
    sql: `
      -- The digest of an index stands for an image of each platform.
      CREATE TABLE image_digests_2 (
        name TEXT NOT NULL,
        image TEXT NOT NULL REFERENCES images (id) ON DELETE CASCADE,
        PRIMARY KEY (name, image)
      ) STRICT;
      INSERT INTO image_digests_2 SELECT name, image FROM image_digests;
      DROP TABLE image_digests;
      ALTER TABLE image_digests_2 RENAME TO image_digests;
      CREATE INDEX image_digests_by_image ON image_digests (image);
    `,
  },
];
