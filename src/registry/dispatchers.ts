import { createSecureContext, getCACertificates, type SecureContext } from 'node:tls';
import { Agent, type Dispatcher, ProxyAgent } from 'undici';
import { type HostCerts, readHostCerts } from './host-certs.ts';
import type { InsecureHosts } from './insecure-hosts.ts';
import type { Proxies } from './proxies.ts';
import { bypassesProxy } from './proxy-bypass.ts';

export interface DispatcherOptions {
  readonly certsDir: string;
  readonly insecure: InsecureHosts;
  readonly proxies?: Proxies | undefined;
}

/** Connections, pooled: by the trust that a host gets and by the way to it. */
export interface Dispatchers {
  for(url: URL): Dispatcher;
  close(): Promise<void>;
}

const timeouts = { connect: 30_000, headers: 300_000, body: 60_000 } as const;

export function createDispatchers(options: DispatcherOptions): Dispatchers {
  const pools = new Map<string, Dispatcher>();
  return {
    for(url) {
      const proxy = proxyFor(url, options.proxies);
      const certs = url.protocol === 'https:' ? readHostCerts(options.certsDir, url.host) : undefined;
      const trusted = !options.insecure(url.host);
      // Certificates are read again each time, so that a renewed one counts without a restart.
      const key = JSON.stringify([proxy, url.protocol, trusted, certs ? [url.host, certs] : null]);
      const known = pools.get(key);
      if (known) return known;
      const made = createPool(url, proxy, trusted, certs);
      pools.set(key, made);
      return made;
    },
    async close() {
      await Promise.all([...pools.values()].map((pool) => pool.destroy()));
      pools.clear();
    },
  };
}

function proxyFor(url: URL, proxies: Proxies | undefined): string | undefined {
  const proxy = url.protocol === 'https:' ? proxies?.https : proxies?.http;
  if (!proxy) return undefined;
  const port = Number(url.port) || (url.protocol === 'https:' ? 443 : 80);
  if (bypassesProxy(url.hostname, port, proxies?.no ?? '')) return undefined;
  return proxy.includes('://') ? proxy : `http://${proxy}`;
}

function createPool(url: URL, proxy: string | undefined, trusted: boolean, certs: HostCerts | undefined): Dispatcher {
  const tls = url.protocol === 'https:' ? { secureContext: trust(certs, trusted), rejectUnauthorized: trusted } : {};
  const common = {
    // Several plain connections carry several layers faster than one connection that all of them share.
    allowH2: false,
    headersTimeout: timeouts.headers,
    bodyTimeout: timeouts.body,
  };
  if (proxy === undefined) return new Agent({ ...common, connect: { ...tls, timeout: timeouts.connect } });
  return new ProxyAgent({ ...common, uri: proxy, requestTls: { ...tls, timeout: timeouts.connect } });
}

/** The system's authorities, those that Node brings, and the host's own; none where nobody has to vouch. */
function trust(certs: HostCerts | undefined, trusted: boolean): SecureContext {
  const authorities = trusted ? [...getCACertificates('default'), ...getCACertificates('system')] : [];
  return createSecureContext({
    ca: [...new Set(authorities), ...(certs?.ca ?? [])],
    ...(certs &&
      certs.client.length > 0 && {
        cert: certs.client.map(({ cert }) => cert),
        key: certs.client.map(({ key }) => key),
      }),
  });
}
