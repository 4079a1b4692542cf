import type {
  DeletedImage,
  Filters,
  HistoryItem,
  ImageSummary,
  ProgressMessage,
  RegistryCredentials,
  SearchHit,
} from '../wire/index.ts';
import type { CallOptions, Transport } from './transport.ts';
import { filterText, imagePath, registryAuthHeader, versioned } from './wire.ts';

type Bytes = AsyncIterable<Uint8Array>;

export interface ImageCalls {
  list(options?: {
    all?: boolean;
    filters?: Filters;
    digests?: boolean;
    sharedSize?: boolean;
  }): Promise<ImageSummary[]>;
  /** The answer as it came, for whoever shows it. */
  inspect(name: string, options?: { platform?: string }): Promise<string>;
  history(name: string, options?: { platform?: string }): Promise<HistoryItem[]>;
  tag(name: string, repo: string, tag: string): Promise<void>;
  remove(
    name: string,
    options?: { force?: boolean; noprune?: boolean; platforms?: readonly string[] },
  ): Promise<DeletedImage[]>;
  prune(filters: Filters): Promise<{ ImagesDeleted: DeletedImage[] | null; SpaceReclaimed: number }>;
  pull(options: {
    image: string;
    tag?: string;
    platform?: string;
    auth?: RegistryCredentials;
    signal?: AbortSignal;
  }): AsyncGenerator<ProgressMessage>;
  push(
    name: string,
    options: { tag?: string; platform?: string; auth?: RegistryCredentials; signal?: AbortSignal },
  ): AsyncGenerator<ProgressMessage>;
  import(
    body: Bytes | undefined,
    options: {
      fromSrc: string;
      repo?: string;
      tag?: string;
      message?: string;
      changes?: readonly string[];
      platform?: string;
    },
  ): AsyncGenerator<ProgressMessage>;
  load(
    body: Bytes,
    options: { quiet?: boolean; platform?: readonly string[] },
  ): Promise<{ json: boolean; body: Bytes }>;
  save(names: readonly string[], options: { platform?: readonly string[]; signal?: AbortSignal }): Promise<Bytes>;
  search(
    term: string,
    options: { limit?: number; filters?: Filters; auth?: RegistryCredentials },
  ): Promise<SearchHit[]>;
}

export function createImageCalls(transport: Transport): ImageCalls {
  const call = versioned(transport);
  return {
    list: ({ all, filters, digests, sharedSize } = {}) =>
      call.json('GET', '/images/json', {
        query: { all, filters: filterText(filters), digests, 'shared-size': sharedSize },
      }),
    inspect: (name, { platform } = {}) =>
      call.text('GET', `/images/${imagePath(name)}/json`, { query: { platform: platformText(platform) } }),
    history: (name, { platform } = {}) =>
      call.json('GET', `/images/${imagePath(name)}/history`, { query: { platform: platformText(platform) } }),
    async tag(name, repo, tag) {
      await call.text('POST', `/images/${imagePath(name)}/tag`, { query: { repo, tag } });
    },
    remove: (name, { force, noprune, platforms = [] } = {}) =>
      call.json('DELETE', `/images/${imagePath(name)}`, {
        query: { force, noprune, platforms: platforms.map((platform) => platformText(platform) ?? '') },
      }),
    prune: (filters) => call.json('POST', '/images/prune', { query: { filters: filterText(filters) } }),
    pull: ({ image, tag, platform, auth, signal }) =>
      call.lines('POST', '/images/create', { query: { fromImage: image, tag, platform }, ...authorized(auth, signal) }),
    push: (name, { tag, platform, auth, signal }) =>
      call.lines('POST', `/images/${imagePath(name)}/push`, {
        query: { tag, platform: platformText(platform) },
        ...authorized(auth ?? {}, signal),
      }),
    import: (body, query) => call.lines('POST', '/images/create', { query, ...(body && { body, headers: tar }) }),
    async load(body, { quiet, platform }) {
      const response = await call.send('POST', '/images/load', {
        query: { quiet: quiet ?? false, platform: platform?.map((one) => platformText(one)!) },
        body,
        headers: tar,
      });
      return { json: (response.headers['content-type'] ?? '').startsWith('application/json'), body: response };
    },
    save: (names, { platform, signal }) =>
      call.send('GET', '/images/get', {
        query: { names, platform: platform?.map((one) => platformText(one)!) },
        ...(signal && { signal }),
      }),
    search: (term, { limit, filters, auth }) =>
      call.json('GET', '/images/search', {
        query: { term, limit, filters: filterText(filters) },
        ...authorized(auth, undefined),
      }),
  };
}

const tar = { 'Content-Type': 'application/x-tar' };

function authorized(auth: RegistryCredentials | undefined, signal: AbortSignal | undefined): CallOptions {
  return { ...(auth && { headers: registryAuthHeader(auth) }), ...(signal && { signal }) };
}

/** `linux/arm64/v8` as the JSON that these routes take. */
function platformText(platform: string | undefined): string | undefined {
  if (platform === undefined || platform === '') return undefined;
  const [os, architecture, variant] = platform.split('/');
  return JSON.stringify({ os, architecture, ...(variant && { variant }) });
}
