import type { Migration } from '../db/index.ts';

export const containerMigrations: readonly Migration[] = [
  {
    room: 'container',
    version: 1,
    sql: `CREATE TABLE containers (id TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, snapshot TEXT NOT NULL, record TEXT NOT NULL) STRICT`,
  },
];
