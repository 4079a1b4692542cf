import type { Migration } from '../db/index.ts';

export const networkMigrations: readonly Migration[] = [
  {
    room: 'network',
    version: 1,
    sql: `
      CREATE TABLE networks (id TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, definition TEXT NOT NULL) STRICT;
      -- A sandbox is a network namespace and what netavark was told about it; owner is a container's id, or 'pool'.
      CREATE TABLE sandboxes (path TEXT PRIMARY KEY, owner TEXT NOT NULL, request TEXT NOT NULL) STRICT;
      CREATE INDEX sandboxes_by_owner ON sandboxes (owner);
      CREATE TABLE addresses (network TEXT NOT NULL, ip TEXT NOT NULL, sandbox TEXT NOT NULL REFERENCES sandboxes (path) ON DELETE CASCADE, PRIMARY KEY (network, ip)) STRICT;
      CREATE TABLE published_ports (protocol TEXT NOT NULL, host_ip TEXT NOT NULL, host_port INTEGER NOT NULL, sandbox TEXT NOT NULL REFERENCES sandboxes (path) ON DELETE CASCADE) STRICT;
    `,
  },
  {
    room: 'network',
    version: 2,
    // The address of each network that was taken last.
    sql: 'CREATE TABLE last_addresses (network TEXT PRIMARY KEY REFERENCES networks (id) ON DELETE CASCADE, ip TEXT NOT NULL) STRICT;',
  },
  {
    room: 'network',
    version: 3,
    // What a socket of the daemon on that port leads to; NULL for a port that an earlier daemon published.
    sql: 'ALTER TABLE published_ports ADD COLUMN container_port INTEGER;',
  },
  { room: 'network', version: 4, sql: 'ALTER TABLE networks ADD COLUMN seal TEXT' },
];
