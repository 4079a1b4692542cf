import type { Filters, NetworkSummary } from '../wire/index.ts';
import type { Transport } from './transport.ts';
import { filterText, versioned } from './wire.ts';

export interface NetworkCalls {
  list(filters?: Filters): Promise<NetworkSummary[]>;
  create(settings: object): Promise<{ Id: string; Warning: string }>;
  remove(id: string): Promise<void>;
  /** The answer as it came, for whoever shows it. */
  inspect(id: string, options?: { verbose?: boolean }): Promise<string>;
  connect(id: string, container: string, endpoint: object): Promise<void>;
  disconnect(id: string, container: string, force: boolean): Promise<void>;
  prune(filters: Filters): Promise<{ NetworksDeleted: string[] | null }>;
}

export function createNetworkCalls(transport: Transport): NetworkCalls {
  const call = versioned(transport);
  const at = (id: string, rest = '') => `/networks/${encodeURIComponent(id)}${rest}`;
  return {
    list: (filters) => call.json('GET', '/networks', { query: { filters: filterText(filters) } }),
    create: (settings) => call.json('POST', '/networks/create', { json: settings }),
    async remove(id) {
      await call.text('DELETE', at(id));
    },
    inspect: (id, { verbose } = {}) => call.text('GET', at(id), { query: { verbose: verbose || undefined } }),
    async connect(id, container, endpoint) {
      await call.text('POST', at(id, '/connect'), { json: { Container: container, EndpointConfig: endpoint } });
    },
    async disconnect(id, container, force) {
      await call.text('POST', at(id, '/disconnect'), { json: { Container: container, Force: force } });
    },
    prune: (filters) => call.json('POST', '/networks/prune', { query: { filters: filterText(filters) } }),
  };
}
