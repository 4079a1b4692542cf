import { StrataError } from '../errors/index.ts';
import { basicHeader, credentialsKey } from './credentials.ts';
import type { InsecureHosts } from './insecure-hosts.ts';
import { limits } from './limits.ts';
import { readBody } from './read-body.ts';
import { redactUrl } from './redact-url.ts';
import { replyError } from './reply-error.ts';
import { requestWords } from './request-words.ts';
import type { Reply, Transport } from './transport.ts';
import type { Credentials } from './types.ts';

/** Where tokens come from, as a registry's challenge names it: the Docker registry token specification. */
export interface TokenQuery {
  /** The registry that sent the challenge. */
  readonly registry: URL;
  readonly realm: string;
  readonly service: string | undefined;
  readonly scopes: readonly string[];
  readonly auth: Credentials | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface Tokens {
  /** A token that is good for at least some seconds, from the cache or the token server. */
  get(query: TokenQuery): Promise<string>;
  forget(query: TokenQuery): void;
  /** Asks for a token and for one that logs in again later (`offline_token`), for `login`. */
  login(query: TokenQuery): Promise<{ readonly refreshToken?: string }>;
}

interface Token {
  readonly value: string;
  /** Unix milliseconds. */
  readonly expires: number;
  readonly refreshToken?: string;
}

const clientId = 'strata';
/** What a token server does not say: the specification's default. */
const defaultSeconds = 60;

export function createTokens(transport: Transport, insecure: InsecureHosts): Tokens {
  const cache = new Map<string, Promise<Token>>();

  async function fresh(key: string, query: TokenQuery): Promise<Token> {
    const known = await cache.get(key);
    if (known && known.expires - Date.now() > 5000) return known;
    if (cache.size > 500) cache.clear();
    const made = fetchToken(query, false);
    cache.set(key, made);
    made.catch(() => cache.delete(key));
    return await made;
  }

  async function fetchToken(query: TokenQuery, offline: boolean): Promise<Token> {
    const realm = checkedRealm(query, insecure);
    const reply = query.auth?.identitytoken
      ? await refresh(transport, realm, query, query.auth.identitytoken)
      : await ask(transport, realm, query, offline);
    return await readToken(reply, realm);
  }

  return {
    async get(query) {
      const key = cacheKey(query);
      try {
        return (await fresh(key, query)).value;
      } catch (error) {
        // Somebody else's request for the same token was given up: ask for ourselves.
        if (!(error instanceof StrataError) || error.kind !== 'cancelled' || query.signal?.aborted) throw error;
        return (await fresh(key, query)).value;
      }
    },
    forget: (query) => void cache.delete(cacheKey(query)),
    async login(query) {
      const { refreshToken } = await fetchToken(query, true);
      return refreshToken === undefined ? {} : { refreshToken };
    },
  };
}

function cacheKey({ registry, realm, service, scopes, auth }: TokenQuery): string {
  return JSON.stringify([registry.origin, realm, service, [...scopes].sort(), credentialsKey(auth)]);
}

/**
 * A realm is chosen by the registry, so it says nothing about who is asked: it gets credentials over https only, or over
 * http where the registry itself is spoken to over http and the realm's host is one that http is allowed for.
 */
function checkedRealm({ registry, realm }: TokenQuery, insecure: InsecureHosts): URL {
  let url: URL;
  try {
    url = new URL(realm);
  } catch {
    throw refused(`the registry ${registry.host} names a token server that is no URL`);
  }
  if (url.username !== '' || url.password !== '')
    throw refused(`the token server's URL ${redactUrl(url)} has a user in it`);
  const plainAllowed = registry.protocol === 'http:' && insecure(url.host);
  if (url.protocol !== 'https:' && !(url.protocol === 'http:' && plainAllowed)) {
    throw refused(`refusing to ask the token server ${redactUrl(url)} of ${registry.host} without encryption`);
  }
  return url;
}

function refused(message: string): StrataError {
  return new StrataError('failed_precondition', message, { code: 'realm_refused' });
}

/** The `GET` form: https://distribution.github.io/distribution/spec/auth/token/ "Requesting a Token". */
async function ask(transport: Transport, realm: URL, query: TokenQuery, offline: boolean): Promise<Reply> {
  const url = new URL(realm);
  const basic = basicHeader(query.auth);
  if (basic && query.auth?.username) url.searchParams.set('account', query.auth.username);
  if (offline) {
    url.searchParams.set('client_id', clientId);
    url.searchParams.set('offline_token', 'true');
  }
  for (const scope of query.scopes) url.searchParams.append('scope', scope);
  if (query.service !== undefined) url.searchParams.set('service', query.service);
  return await answered(
    await transport.send({ method: 'GET', url, signal: query.signal, headers: basic ? { authorization: basic } : {} }),
    query,
  );
}

/** The `POST` form with a refresh token: https://distribution.github.io/distribution/spec/auth/oauth/. */
async function refresh(transport: Transport, realm: URL, query: TokenQuery, refreshToken: string): Promise<Reply> {
  const form = new URLSearchParams({ grant_type: 'refresh_token', refresh_token: refreshToken, client_id: clientId });
  if (query.service !== undefined) form.set('service', query.service);
  if (query.scopes.length > 0) form.set('scope', query.scopes.join(' '));
  const body = Buffer.from(form.toString());
  return await answered(
    await transport.send({
      method: 'POST',
      url: realm,
      signal: query.signal,
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: () => body,
    }),
    query,
  );
}

async function answered(reply: Reply, { registry }: TokenQuery): Promise<Reply> {
  if (reply.status === 200) return reply;
  const error = await replyError(reply);
  throw new StrataError(error.kind, `${requestWords('GET', new URL('/v2/', registry))}: ${error.message}`, {
    code: error.code,
    cause: error,
  });
}

async function readToken(reply: Reply, realm: URL): Promise<Token> {
  const text = (await readBody(reply.body, limits.token, `the answer of the token server ${realm.host}`)).toString(
    'utf8',
  );
  let given: Record<string, unknown> = {};
  try {
    given = JSON.parse(text) as Record<string, unknown>;
  } catch {
    // Answered below: no token in it.
  }
  const value = given?.['token'] || given?.['access_token'];
  if (typeof value !== 'string' || !/^[\x21-\x7e]+$/.test(value)) {
    throw new StrataError(
      'unauthenticated',
      `authorization server ${realm.host} did not include a token in the response`,
      {
        code: 'no_token',
      },
    );
  }
  const seconds =
    typeof given['expires_in'] === 'number' && given['expires_in'] > 0 ? given['expires_in'] : defaultSeconds;
  const issued = typeof given['issued_at'] === 'string' ? Date.parse(given['issued_at']) : Number.NaN;
  // A server's clock that runs ahead must not make a token look good for longer.
  const start = Number.isNaN(issued) ? Date.now() : Math.min(issued, Date.now());
  const refreshToken = given['refresh_token'];
  return {
    value,
    expires: start + seconds * 1000,
    ...(typeof refreshToken === 'string' && refreshToken !== '' && { refreshToken }),
  };
}
