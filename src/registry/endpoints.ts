import { isKind, StrataError } from '../errors/index.ts';
import { type Challenge, parseChallenges } from './challenge.ts';
import type { InsecureHosts } from './insecure-hosts.ts';
import { requestWords } from './request-words.ts';
import type { Transport } from './transport.ts';

/** A registry that answered. */
export interface Endpoint {
  readonly base: URL;
  /** The registry as names have it, e.g. `docker.io`. */
  readonly domain: string;
  readonly mirror: boolean;
  /** How it wants to be asked for content; empty where everybody may. Learned anew where it changes its mind. */
  challenges: readonly Challenge[];
}

export interface Endpoints {
  /** Ways to the registry of `domain`, each tried once: mirrors first, for `pull`. */
  candidates(
    domain: string,
    purpose: 'pull' | 'push',
    signal: AbortSignal | undefined,
  ): readonly (() => Promise<Endpoint>)[];
  /** The registry itself. */
  connect(domain: string, signal: AbortSignal | undefined): Promise<Endpoint>;
  forget(endpoint: Endpoint): void;
}

/** How long an answer of `/v2/` is believed. */
const keptMilliseconds = 10 * 60 * 1000;

export function createEndpoints(parts: {
  readonly transport: Transport;
  readonly mirrors: readonly string[];
  readonly insecure: InsecureHosts;
}): Endpoints {
  const { transport, insecure } = parts;
  const known = new Map<string, { readonly endpoint: Endpoint; readonly at: number }>();

  async function reach(
    domain: string,
    bases: readonly URL[],
    mirror: boolean,
    signal?: AbortSignal,
  ): Promise<Endpoint> {
    const key = `${mirror} ${bases[0]!.origin}`;
    const kept = known.get(key);
    if (kept && Date.now() - kept.at < keptMilliseconds) return kept.endpoint;
    let failure: unknown;
    for (const [i, base] of bases.entries()) {
      try {
        const once = i < bases.length - 1;
        const endpoint = { base, domain, mirror, challenges: await ping(transport, base, once, signal) };
        if (known.size > 200) known.clear();
        known.set(key, { endpoint, at: Date.now() });
        return endpoint;
      } catch (error) {
        // Only when nobody speaks TLS there is it tried without; and what fails both ways failed over TLS.
        if (!isKind(error, 'unavailable') || error.code.startsWith('tls_client')) throw error;
        failure = failure !== undefined && error.code === 'speaks_tls' ? failure : error;
      }
    }
    throw failure;
  }

  const basesOf = (host: string): readonly URL[] => {
    if (!URL.canParse(`https://${host}/`)) throw badServer(host, 'invalid host name');
    const secure = new URL(`https://${host}/`);
    return insecure(host) ? [secure, new URL(`http://${host}/`)] : [secure];
  };

  const endpoints: Endpoints = {
    candidates(domain, purpose, signal) {
      const registry = () => endpoints.connect(domain, signal);
      if (purpose === 'push' || domain !== 'docker.io') return [registry];
      return [...parts.mirrors.map((mirror) => () => reach(domain, [new URL(mirror)], true, signal)), registry];
    },
    connect: (domain, signal) => reach(domain, basesOf(registryHost(domain)), false, signal),
    forget(endpoint) {
      for (const [key, kept] of known) if (kept.endpoint === endpoint) known.delete(key);
    },
  };
  return endpoints;
}

/** In the words of docker, which has them from Go. */
export function badServer(address: string, why: string): StrataError {
  const shown = JSON.stringify(`https://${address}`);
  return new StrataError('invalid_argument', `unable to parse server address: parse ${shown}: ${why}`, {
    code: 'bad_server',
  });
}

/** Docker Hub's registry has another name than its images. */
export function registryHost(domain: string): string {
  return domain === 'docker.io' ? 'registry-1.docker.io' : domain;
}

/** OCI distribution-spec v1.1 "Determining Support": who answers here, and how it wants to be asked. */
async function ping(
  transport: Transport,
  base: URL,
  once: boolean,
  signal: AbortSignal | undefined,
): Promise<readonly Challenge[]> {
  const reply = await transport.send({ method: 'GET', url: new URL('/v2/', base), signal, once });
  await reply.discard();
  if (reply.status === 400 && base.protocol === 'http:') {
    // What Go's and others' TLS servers answer to plain http.
    throw new StrataError('unavailable', `${requestWords('GET', base)}: the server expects TLS`, {
      code: 'speaks_tls',
    });
  }
  return reply.status === 401 ? parseChallenges(reply.headers['www-authenticate']) : [];
}
