import { randomBytes } from 'node:crypto';
import { type Database, documentText, readDocument, sealOf } from '../db/index.ts';
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

interface NetworkRow {
  readonly id: string;
  readonly name: string;
  readonly definition: string;
  readonly seal: string | null;
}

/** A row that cannot be read is a network of which no more is known than its name: it can be removed. */
function parse(row: NetworkRow | undefined): Network | undefined {
  if (!row) return undefined;
  const known = read(row);
  if (known) return known;
  const created = new Date(0).toISOString();
  return { ...emptyNetwork(row.name), id: row.id, driver: 'bridge', created, subnets: [], damaged: true };
}

function read({ id, name, definition, seal }: NetworkRow): Network | undefined {
  const network = readDocument<Network>(definition, seal, id, name);
  const isWhole = network?.id === id && network.name === name && network.labels && network.options;
  return isWhole && Array.isArray(network.subnets) ? (network as Network) : undefined;
}

export function createNetworkStore(db: Database, log: (line: string) => void = () => {}): NetworkStore {
  const select = 'SELECT id, name, definition, seal FROM networks';
  for (const row of db.all<NetworkRow>(select)) {
    const { id, name } = row;
    if (!/^[0-9a-f]{64}$/.test(id)) {
      log(`the row of network ${name} with the impossible id ${JSON.stringify(id)} is dropped`);
      db.run('DELETE FROM networks WHERE id = ?', id);
    } else if (!read(row) && ['bridge', 'host', 'none'].includes(name)) {
      log(`what is known of network ${name} is damaged: it is made anew`);
      db.run('DELETE FROM networks WHERE id = ?', id);
    } else if (!read(row))
      log(`what is known of network ${name} is damaged: remove it with network rm ${id.slice(0, 12)}`);
  }
  const store: NetworkStore = {
    byName: (name) => parse(db.get<NetworkRow>(`${select} WHERE name = ?`, name)),
    get(ref) {
      const found =
        store.byName(ref === 'default' ? 'bridge' : ref) ??
        parse(db.get<NetworkRow>(`${select} WHERE id = ?`, ref)) ??
        store.all().find(({ id }) => ref.length >= 3 && id.startsWith(ref));
      if (found) return found;
      throw new StrataError('not_found', `network ${ref} not found`, { code: 'network_not_found' });
    },
    all: () => db.all<NetworkRow>(`${select} ORDER BY name`).map((row) => parse(row)!),
    save(network) {
      const { id, name } = network;
      const definition = documentText(`network ${name}`, network);
      db.run(
        'INSERT INTO networks (id, name, definition, seal) VALUES (?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET definition = excluded.definition, seal = excluded.seal',
        id,
        name,
        definition,
        sealOf(definition, id, name),
      );
      return network;
    },
    delete: (id) => void db.run('DELETE FROM networks WHERE id = ?', id),
  };
  for (const driver of ['host', 'none'] as const) {
    const known = store.byName(driver);
    if (known?.driver !== driver)
      store.save({ ...(known ?? emptyNetwork(driver)), driver, created: new Date().toISOString(), subnets: [] });
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
