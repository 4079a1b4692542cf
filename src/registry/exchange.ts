import { StrataError } from '../errors/index.ts';
import { type Challenge, parseChallenges } from './challenge.ts';
import { basicHeader } from './credentials.ts';
import type { Endpoint } from './endpoints.ts';
import type { InsecureHosts } from './insecure-hosts.ts';
import { limits } from './limits.ts';
import { redactUrl } from './redact-url.ts';
import { replyError } from './reply-error.ts';
import { requestWords } from './request-words.ts';
import type { TokenQuery, Tokens } from './tokens.ts';
import type { Reply, Request, Transport } from './transport.ts';
import type { Credentials } from './types.ts';

/** On whose behalf, and for what. */
export interface Access {
  readonly endpoint: Endpoint;
  /** `repository:<path>:pull,push`, one for each repository. */
  readonly scopes: readonly string[];
  readonly auth: Credentials | undefined;
  readonly signal: AbortSignal | undefined;
}

/** Requests to one registry: authenticated, redirected, failures turned into errors. */
export interface Exchange {
  /** Answers with a status of 2xx, or one of `accept`; anything else is thrown. */
  call(access: Access, request: Omit<Request, 'signal'>, accept?: readonly number[]): Promise<Reply>;
}

/** A token that lives for seconds may run out on its way, on a busy machine more than once. */
const mostTokens = 3;

export function createExchange(parts: {
  readonly transport: Transport;
  readonly tokens: Tokens;
  readonly insecure: InsecureHosts;
}): Exchange {
  const { transport, tokens, insecure } = parts;

  /** Credentials belong to the origin of the registry: nobody else ever sees them. */
  async function authorization(
    access: Access,
    url: URL,
    challenges: readonly Challenge[],
  ): Promise<string | undefined> {
    const { endpoint, signal } = access;
    if (url.origin !== endpoint.base.origin) return undefined;
    const auth = authOf(access);
    if (auth?.registrytoken) return `Bearer ${auth.registrytoken}`;
    const query = tokenQuery(access, challenges);
    if (query) return `Bearer ${await tokens.get({ ...query, signal })}`;
    if (!challenges.some(({ scheme }) => scheme === 'basic')) return undefined;
    return basicHeader(auth);
  }

  async function authenticated(access: Access, request: Omit<Request, 'signal'>): Promise<Reply> {
    const send = async (authorized: string | undefined) =>
      await transport.send({
        ...request,
        headers: { ...request.headers, ...(authorized !== undefined && { authorization: authorized }) },
        signal: access.signal,
      });
    let authorized = await authorization(access, request.url, access.endpoint.challenges);
    for (let tried = 0; ; tried++) {
      const reply = await send(authorized);
      if (reply.status !== 401 || request.url.origin !== access.endpoint.base.origin || tried >= mostTokens)
        return reply;
      // The token may have run out or been revoked, or this place may have another challenge than `/v2/`: once more.
      const challenges = parseChallenges(reply.headers['www-authenticate']);
      const query = tokenQuery(access, challenges);
      if (query) tokens.forget(query);
      // A registry that was open, or had another token server: what follows asks as it wants to be asked now.
      if (challenges.length > 0) access.endpoint.challenges = challenges;
      const next = await authorization(access, request.url, challenges);
      if (next === undefined || next === authorized) return reply;
      await reply.discard();
      authorized = next;
    }
  }

  return {
    async call(access, request, accept = []) {
      let current = request;
      for (let followed = 0; ; followed++) {
        const reply = await authenticated(access, current);
        if ((reply.status >= 200 && reply.status < 300) || accept.includes(reply.status)) return reply;
        const target = redirectTarget(reply, current);
        if (!target) throw await failure(access, current, reply);
        await reply.discard();
        if (followed >= limits.redirects) {
          throw new StrataError(
            'unavailable',
            `${requestWords(request.method, request.url)}: stopped after ${limits.redirects} redirects`,
            {
              code: 'too_many_redirects',
            },
          );
        }
        checkHop(current.url, target, insecure);
        // The body goes along: it is made anew for each try.
        current = { ...current, url: target };
      }
    },
  };
}

/** A mirror is another registry than the one that the credentials are for. */
function authOf({ endpoint, auth }: Access): Credentials | undefined {
  return endpoint.mirror ? undefined : auth;
}

function tokenQuery(access: Access, challenges: readonly Challenge[]): TokenQuery | undefined {
  const bearer = challenges.find(({ scheme, params }) => scheme === 'bearer' && params['realm'] !== undefined);
  if (!bearer) return undefined;
  const { realm, service } = bearer.params;
  const { scopes, signal } = access;
  return { registry: access.endpoint.base, realm: realm!, service, scopes, auth: authOf(access), signal };
}

function redirectTarget(reply: Reply, request: Omit<Request, 'signal'>): URL | undefined {
  const reads = request.method === 'GET' || request.method === 'HEAD';
  // RFC 9110 section 15.4: others may be repeated elsewhere as what they are after these two alone.
  if (!(reads ? [301, 302, 303, 307, 308] : [307, 308]).includes(reply.status)) return undefined;
  const location = reply.headers['location'];
  return location !== undefined && URL.canParse(location, request.url) ? new URL(location, request.url) : undefined;
}

/** Nobody is led from an encrypted connection to an open one, nor over http to hosts that http is not allowed for. */
export function checkHop(from: URL, to: URL, insecure: InsecureHosts): void {
  if (to.protocol === 'https:') return;
  if (to.protocol === 'http:' && from.protocol === 'http:' && insecure(to.host)) return;
  throw new StrataError(
    'failed_precondition',
    `${from.host} redirects to ${redactUrl(to)}, which is not followed: it is not encrypted`,
    {
      code: 'redirect_refused',
    },
  );
}

async function failure(access: Access, request: Omit<Request, 'signal'>, reply: Reply): Promise<StrataError> {
  const { endpoint, auth } = access;
  const error = await replyError(reply);
  const basic = endpoint.challenges.some(({ scheme }) => scheme === 'basic');
  if (reply.status === 401 && basic && basicHeader(auth) === undefined) {
    return new StrataError(
      'unauthenticated',
      `${requestWords(request.method, request.url)}: no basic auth credentials`,
      {
        code: 'no_credentials',
        hint: `log in first: login ${endpoint.domain}`,
        cause: error,
      },
    );
  }
  return error;
}
