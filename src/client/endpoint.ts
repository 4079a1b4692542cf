import { StrataError } from '../errors/index.ts';

/** Where a daemon is spoken to. */
export type Endpoint =
  | { readonly kind: 'unix'; readonly path: string }
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number; readonly tls?: TlsFiles };

/** Contents of PEM files for mutual TLS. */
export interface TlsFiles {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  /** Check the daemon's certificate. Default true. */
  readonly verify?: boolean;
}

/** `unix:///path`, a bare absolute path, or `tcp://host[:port]` (2375, with `tls` 2376); `invalid_argument` else. */
export function parseEndpoint(host: string, tls?: TlsFiles): Endpoint {
  if (host.startsWith('/')) return { kind: 'unix', path: host };
  if (host.startsWith('unix://')) {
    const path = host.slice('unix://'.length);
    if (path === '') throw badHost(host);
    return { kind: 'unix', path };
  }
  // `-H name` and `-H name:port` mean the same as docker's client makes of them.
  if (/^[\w.-]+(:\d+)?$/.test(host)) return parseEndpoint(`tcp://${host}`, tls);
  if (host.startsWith('tcp://') || host.startsWith('http://')) {
    const url = URL.canParse(host) ? new URL(host.replace(/^tcp:/, 'http:')) : undefined;
    if (!url?.hostname) throw badHost(host);
    const port = Number(url.port || (tls ? 2376 : 2375));
    return { kind: 'tcp', host: url.hostname.replace(/^\[(.*)\]$/, '$1'), port, ...(tls && { tls }) };
  }
  throw badHost(host);
}

/** As a user writes it: `unix:///run/strata/strata.sock`. */
export function formatEndpoint(endpoint: Endpoint): string {
  if (endpoint.kind === 'unix') return `unix://${endpoint.path}`;
  const host = endpoint.host.includes(':') ? `[${endpoint.host}]` : endpoint.host;
  return `tcp://${host}:${endpoint.port}`;
}

function badHost(host: string): StrataError {
  return new StrataError('invalid_argument', `unable to parse daemon host ${JSON.stringify(host)}`, {
    code: 'bad_host',
    hint: 'write unix:///path/to/socket or tcp://host:port',
  });
}
