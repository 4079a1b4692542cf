import { StrataError } from '../errors/index.ts';
import { type Digest, isDigest } from './digest.ts';

/** A parsed name with tag or digest. `domain` and `path` are fully spelled out, see {@link parseReference}. */
export interface Reference {
  /** Registry host with optional port, e.g. `docker.io`. */
  readonly domain: string;
  /** Repository in the registry, e.g. `library/nginx`. */
  readonly path: string;
  readonly tag?: string;
  readonly digest?: Digest;
}

// The grammar of distribution/reference v0.6 (reference.go), piece by piece.
const domainComponent = '(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])';
const ipv6 = '\\[(?:[a-fA-F0-9:]+)\\]';
const domainAndPort = `(?:${domainComponent}(?:\\.${domainComponent})*|${ipv6})(?::[0-9]+)?`;
const pathComponent = '[a-z0-9]+(?:(?:[._]|__|[-]+)[a-z0-9]+)*';
const remoteName = `${pathComponent}(?:/${pathComponent})*`;
const tagPattern = /^[\w][\w.-]{0,127}$/;
const domainPattern = new RegExp(`^${domainAndPort}$`);
const pathPattern = new RegExp(`^${remoteName}$`);

const defaultDomain = 'docker.io';
const officialPrefix = 'library/';

/**
 * Parses what people type: `nginx` is `docker.io/library/nginx`, `me/app:1` is `docker.io/me/app:1`. No tag is added:
 * see {@link withDefaultTag}. Throws `invalid_argument` with Docker's words.
 */
export function parseReference(text: string): Reference {
  const invalid = (why: string, hint?: string) =>
    new StrataError('invalid_argument', why, { code: 'invalid_reference', ...(hint && { hint }) });
  if (/^[a-f0-9]{64}$/.test(text)) {
    throw invalid(`invalid repository name (${text}), cannot specify 64-byte hexadecimal strings`);
  }
  let rest = text;
  let digest: Digest | undefined;
  const at = rest.indexOf('@');
  if (at >= 0) {
    const given = rest.slice(at + 1);
    if (!isDigest(given)) throw invalid('invalid reference format');
    digest = given;
    rest = rest.slice(0, at);
  }
  let tag: string | undefined;
  const colon = rest.lastIndexOf(':');
  if (colon > rest.lastIndexOf('/')) {
    tag = rest.slice(colon + 1);
    rest = rest.slice(0, colon);
  }
  const slash = rest.indexOf('/');
  const first = slash < 0 ? '' : rest.slice(0, slash);
  const isDomain = slash >= 0 && (/[.:]/.test(first) || first === 'localhost' || first.toLowerCase() !== first);
  let domain = isDomain ? first : defaultDomain;
  let path = isDomain ? rest.slice(slash + 1) : rest;
  if (domain === 'index.docker.io') domain = defaultDomain;
  if (domain === defaultDomain && path !== '' && !path.includes('/')) path = officialPrefix + path;
  const name = path.split(':')[0]!;
  if (name.toLowerCase() !== name) {
    throw invalid(
      `invalid reference format: repository name (${name}) must be lowercase`,
      `try ${JSON.stringify(text.toLowerCase())}`,
    );
  }
  if (tag !== undefined && !tagPattern.test(tag)) {
    throw invalid('invalid reference format', `"${tag}" is not a valid tag`);
  }
  if (!domainPattern.test(domain) || !pathPattern.test(path)) throw invalid('invalid reference format');
  if (domain.length + path.length + 1 > 255) throw invalid('repository name must not be more than 255 characters');
  return { domain, path, ...(tag !== undefined && { tag }), ...(digest !== undefined && { digest }) };
}

export function withDefaultTag(ref: Reference): Reference {
  return ref.tag !== undefined || ref.digest !== undefined ? ref : { ...ref, tag: 'latest' };
}

/** `docker.io/library/nginx`, without tag and digest. */
export function repositoryName(ref: Reference): string {
  return `${ref.domain}/${ref.path}`;
}

/** As people write it: `nginx`, `me/app`, `registry.example/team/app`. */
export function familiarRepository(ref: Reference): string {
  if (ref.domain !== defaultDomain) return `${ref.domain}/${ref.path}`;
  const short = ref.path.startsWith(officialPrefix) ? ref.path.slice(officialPrefix.length) : ref.path;
  return short.includes('/') || ref.path.startsWith(officialPrefix) ? short : ref.path;
}

/** {@link familiarRepository} with `:tag` and `@digest` as present. */
export function familiarName(ref: Reference): string {
  return familiarRepository(ref) + suffix(ref);
}

/** The full form with `:tag` and `@digest` as present: the key under which names are stored. */
export function canonicalName(ref: Reference): string {
  return repositoryName(ref) + suffix(ref);
}

function suffix(ref: Reference): string {
  return (ref.tag === undefined ? '' : `:${ref.tag}`) + (ref.digest === undefined ? '' : `@${ref.digest}`);
}
