import type { Filters, VolumeSummary } from '../wire/index.ts';
import type { Transport } from './transport.ts';
import { filterText, versioned } from './wire.ts';

export interface VolumeCalls {
  list(filters?: Filters): Promise<{ Volumes: VolumeSummary[] | null; Warnings: string[] | null }>;
  create(settings: object): Promise<VolumeSummary>;
  remove(name: string, force: boolean): Promise<void>;
  /** The answer as it came, for whoever shows it. */
  inspect(name: string): Promise<string>;
  prune(filters: Filters): Promise<{ VolumesDeleted: string[] | null; SpaceReclaimed: number }>;
}

export function createVolumeCalls(transport: Transport): VolumeCalls {
  const call = versioned(transport);
  return {
    list: (filters) => call.json('GET', '/volumes', { query: { filters: filterText(filters) } }),
    create: (settings) => call.json('POST', '/volumes/create', { json: settings }),
    async remove(name, force) {
      await call.text('DELETE', `/volumes/${encodeURIComponent(name)}`, { query: { force: force || undefined } });
    },
    inspect: (name) => call.text('GET', `/volumes/${encodeURIComponent(name)}`),
    prune: (filters) => call.json('POST', '/volumes/prune', { query: { filters: filterText(filters) } }),
  };
}
