import type { DiskUsage, EventMessage, Filters, RegistryCredentials, ServerVersion } from '../wire/index.ts';
import { parseExactJson } from './exact-json.ts';
import { readLines } from './lines.ts';
import type { Transport } from './transport.ts';
import { filterText, registryAuthHeader, versioned } from './wire.ts';

export interface SystemCalls {
  version(): Promise<ServerVersion>;
  info(): Promise<Readonly<Record<string, unknown>>>;
  diskUsage(): Promise<DiskUsage>;
  events(options: {
    since?: string | undefined;
    until?: string | undefined;
    filters?: Filters;
    signal?: AbortSignal;
  }): AsyncGenerator<EventMessage>;
  login(auth: RegistryCredentials): Promise<{ Status: string; IdentityToken?: string }>;
  /** What a registry says about an image: `Descriptor` and `Platforms`. */
  distribution(name: string, auth?: RegistryCredentials): Promise<unknown>;
  pruneBuildCache(options: {
    all?: boolean;
    keepStorage?: number;
    reservedSpace?: number;
    maxUsedSpace?: number;
    minFreeSpace?: number;
    filters?: Filters;
  }): Promise<{ CachesDeleted: string[] | null; SpaceReclaimed: number }>;
}

export function createSystemCalls(transport: Transport): SystemCalls {
  const call = versioned(transport);
  return {
    version: () => call.json('GET', '/version'),
    info: () => call.json('GET', '/info'),
    diskUsage: () => call.json('GET', '/system/df'),
    async *events({ since, until, filters, signal }) {
      const response = await call.send('GET', '/events', {
        query: { since, until, filters: filterText(filters) },
        ...(signal && { signal }),
      });
      yield* readLines<EventMessage>(response, parseExactJson);
    },
    login: (auth) => call.json('POST', '/auth', { json: auth }),
    distribution: (name, auth) =>
      call.json(
        'GET',
        `/distribution/${encodeURIComponent(name)}/json`,
        auth ? { headers: registryAuthHeader(auth) } : {},
      ),
    pruneBuildCache: ({ all, keepStorage, reservedSpace, maxUsedSpace, minFreeSpace, filters }) =>
      call.json('POST', '/build/prune', {
        query: {
          all: all || undefined,
          'keep-storage': keepStorage || undefined,
          'reserved-space': reservedSpace || undefined,
          'max-used-space': maxUsedSpace || undefined,
          'min-free-space': minFreeSpace || undefined,
          filters: filterText(filters),
        },
      }),
  };
}
