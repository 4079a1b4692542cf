import { StrataError } from '../errors/index.ts';
import { basicHeader } from './credentials.ts';
import type { Endpoint } from './endpoints.ts';
import { limits } from './limits.ts';
import { readBody } from './read-body.ts';
import type { Transport } from './transport.ts';
import type { Credentials, SearchResult } from './types.ts';

/** Docker Hub's search, which is of the old API; other registries rarely have it. */
export async function searchImages(
  transport: Transport,
  base: URL,
  term: string,
  { limit = 25, auth }: { readonly limit?: number; readonly auth?: Credentials },
): Promise<readonly SearchResult[]> {
  const url = new URL('/v1/search', base);
  url.searchParams.set('q', term);
  url.searchParams.set('n', String(limit));
  const basic = basicHeader(auth);
  const reply = await transport.send({ method: 'GET', url, headers: basic ? { authorization: basic } : {} });
  if (reply.status !== 200) {
    await reply.discard();
    throw new StrataError(
      reply.status === 404 ? 'unsupported' : 'unavailable',
      `Unexpected status code ${reply.status}`,
      { code: 'search_failed', ...(reply.status === 404 && { hint: `${base.host} does not offer a search` }) },
    );
  }
  return parseResults(await readBody(reply.body, limits.search, 'the result of the search'), base).slice(0, limit);
}

/** Where the search of a registry is: Docker Hub has a host of its own for it. */
export function searchBase(host: string, endpoint: () => Promise<Endpoint>): Promise<URL> {
  if (host === 'docker.io') return Promise.resolve(new URL('https://index.docker.io/'));
  return endpoint().then(({ base }) => base);
}

function parseResults(bytes: Buffer, base: URL): SearchResult[] {
  let results: unknown;
  try {
    results = (JSON.parse(bytes.toString('utf8')) as { results?: unknown }).results;
  } catch {
    // Answered below.
  }
  if (!Array.isArray(results)) {
    throw new StrataError('data_loss', `${base.host} answers the search with something else`, {
      code: 'search_failed',
    });
  }
  return (results as readonly (Record<string, unknown> | null)[]).flatMap((row) => {
    if (typeof row?.['name'] !== 'string') return [];
    const { name, description, star_count: stars } = row;
    return {
      name: name as string,
      description: typeof description === 'string' ? description : '',
      star_count: typeof stars === 'number' ? stars : 0,
      is_official: row['is_official'] === true,
    };
  });
}
