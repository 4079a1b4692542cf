import { randomBytes } from 'node:crypto';
import type { Database } from '../db/index.ts';
import { StrataError } from '../errors/index.ts';
import type { Network } from './types.ts';

/** The rows of the networks. `host` and `none` are always there; the default bridge once it was needed. */
export interface NetworkStore {
  byName(name: string): Network | undefined;
  /** By name, id or prefix of an id; `default` is the default bridge. */
  get(ref: string): Network;
  all(): readonly Network[];
  save(network: Network): Network;
  delete(id: string): void;
}

export function createNetworkStore(db: Database): NetworkStore {
  const parse = (row: { definition: string } | undefined) => row && (JSON.parse(row.definition) as Network);
  const select = 'SELECT definition FROM networks';
  const store: NetworkStore = {
    byName: (name) => parse(db.get<{ definition: string }>(`${select} WHERE name = ?`, name)),
    get(ref) {
      const found =
        store.byName(ref === 'default' ? 'bridge' : ref) ??
        parse(db.get<{ definition: string }>(`${select} WHERE id = ?`, ref)) ??
        store.all().find(({ id }) => ref.length >= 3 && id.startsWith(ref));
      if (found) return found;
      throw new StrataError('not_found', `network ${ref} not found`, { code: 'network_not_found' });
    },
    all: () => db.all<{ definition: string }>(`${select} ORDER BY name`).map((row) => parse(row)!),
    save(network) {
      db.run(
        'INSERT INTO networks (id, name, definition) VALUES (?, ?, ?) ON CONFLICT (id) DO UPDATE SET definition = excluded.definition',
        network.id,
        network.name,
        JSON.stringify(network),
      );
      return network;
    },
    delete: (id) => void db.run('DELETE FROM networks WHERE id = ?', id),
  };
  for (const driver of ['host', 'none'] as const) {
    if (!store.byName(driver))
      store.save({ ...emptyNetwork(driver), driver, created: new Date().toISOString(), subnets: [] });
  }
  return store;
}

export function emptyNetwork(name: string): Pick<Network, 'id' | 'name' | 'internal' | 'labels' | 'options'> {
  return { id: newID(), name, internal: false, labels: {}, options: {} };
}

/** 64 hex digits. */
export function newID(): string {
  return randomBytes(32).toString('hex');
}
