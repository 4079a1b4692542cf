import type { FastifyRequest } from 'fastify';
import type { Credentials } from '../registry/index.ts';
import { map, object, type Shape, text } from './shape.ts';

const authConfig = object({
  username: text,
  password: text,
  auth: text,
  email: text,
  serveraddress: text,
  identitytoken: text,
  registrytoken: text,
});

export const authRequest = authConfig;

/** Credentials of `X-Registry-Auth`; none where the header is absent or unreadable, as Docker does. */
export function registryAuth(request: FastifyRequest): Credentials | undefined {
  const given = decodeHeader(request, 'x-registry-auth', authConfig);
  return given && credentialsOf(given);
}

/** Credentials by registry host of `X-Registry-Config`. */
export function registryConfig(request: FastifyRequest): Readonly<Record<string, Credentials>> | undefined {
  const given = decodeHeader(request, 'x-registry-config', map(authConfig));
  if (!given) return undefined;
  const rows = Object.entries(given).map(([host, auth]) => [host, credentialsOf(auth)] as const);
  return Object.fromEntries(rows.filter((row): row is readonly [string, Credentials] => row[1] !== undefined));
}

type AuthConfig = NonNullable<ReturnType<typeof authConfig>>;

export function credentialsOf(auth: AuthConfig): Credentials | undefined {
  const { username, password } = auth.auth && !auth.username ? splitBasic(auth.auth) : auth;
  const out: Credentials = {
    ...(username && { username }),
    ...(password && { password }),
    ...(auth.identitytoken && { identitytoken: auth.identitytoken }),
    ...(auth.registrytoken && { registrytoken: auth.registrytoken }),
  };
  return Object.keys(out).length > 0 ? out : undefined;
}

function splitBasic(auth: string): { username: string; password: string } {
  const plain = Buffer.from(auth, 'base64').toString('utf8');
  const at = plain.indexOf(':');
  return at < 0 ? { username: '', password: '' } : { username: plain.slice(0, at), password: plain.slice(at + 1) };
}

function decodeHeader<T>(request: FastifyRequest, name: string, shape: Shape<T>): T | undefined {
  const header = request.headers[name];
  if (typeof header !== 'string' || header === '') return undefined;
  try {
    return shape(JSON.parse(Buffer.from(header, 'base64').toString('utf8')), '');
  } catch {
    return undefined;
  }
}
