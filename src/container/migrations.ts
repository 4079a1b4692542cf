import type { Migration } from '../db/index.ts';

export const containerMigrations: readonly Migration[] = [
  {
    room: 'container',
    version: 1,
    sql: `CREATE TABLE containers (id TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, snapshot TEXT NOT NULL, record TEXT NOT NULL) STRICT`,
  },
  {
    room: 'container',
    version: 2,
    // What is looked at again and again, without reading whole records.
    sql: `
      ALTER TABLE containers ADD COLUMN status TEXT;
      ALTER TABLE containers ADD COLUMN pid INTEGER;
      ALTER TABLE containers ADD COLUMN start_ticks TEXT;
      UPDATE containers SET status = json_extract(record, '$.state.status'),
        pid = json_extract(record, '$.state.pid'), start_ticks = json_extract(record, '$.startTicks')
        WHERE json_valid(record);
      CREATE INDEX containers_by_status ON containers (status, pid, start_ticks, id);
    `,
  },
  { room: 'container', version: 3, sql: 'ALTER TABLE containers ADD COLUMN seal TEXT' },
];
