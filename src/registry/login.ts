import { StrataError } from '../errors/index.ts';
import { basicHeader } from './credentials.ts';
import type { Endpoint } from './endpoints.ts';
import { replyError, statusLine } from './reply-error.ts';
import type { Tokens } from './tokens.ts';
import type { Transport } from './transport.ts';
import type { Credentials } from './types.ts';

/** Checks credentials against `/v2/`, or against the token server that it names. */
export async function logIn(
  parts: { readonly transport: Transport; readonly tokens: Tokens },
  endpoint: Endpoint,
  auth: Credentials,
  signal: AbortSignal | undefined,
): Promise<{ readonly status: string; readonly identitytoken?: string }> {
  const status = 'Login Succeeded';
  const bearer = endpoint.challenges.find(({ scheme, params }) => scheme === 'bearer' && params['realm']);
  if (bearer) {
    const { realm, service } = bearer.params;
    const { refreshToken } = await parts.tokens.login({
      registry: endpoint.base,
      realm: realm!,
      service,
      scopes: [],
      auth,
      signal,
    });
    return { status, ...(refreshToken !== undefined && { identitytoken: refreshToken }) };
  }
  const url = new URL('/v2/', endpoint.base);
  const basic = basicHeader(auth);
  const reply = await parts.transport.send({
    method: 'GET',
    url,
    signal,
    headers: basic ? { authorization: basic } : {},
  });
  if (reply.status === 200) {
    await reply.discard();
    return { status };
  }
  const cause = await replyError(reply);
  throw new StrataError(
    reply.status === 401 ? 'unauthenticated' : cause.kind,
    `login attempt to ${url.href} failed with status: ${statusLine(reply.status)}`,
    { code: 'login_failed', cause },
  );
}
