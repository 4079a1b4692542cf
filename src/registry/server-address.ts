import { StrataError } from '../errors/index.ts';
import { badServer } from './endpoints.ts';

/**
 * The host of what a client calls the address of a registry: `https://index.docker.io/v1/`, `registry.example:5000/`.
 * What is none is refused in docker's words, which are Go's.
 */
export function serverHost(address: string): string {
  const rest = address.replace(/^https?:\/\//, '');
  if (/[\u0000-\u001f\u007f]/.test(rest)) throw badServer(rest, 'net/url: invalid control character in URL');
  const authority = /^[^/?#]*/.exec(rest)![0];
  const host = authority.slice(authority.lastIndexOf('@') + 1);
  if (address === '' || host === 'index.docker.io') return 'docker.io';
  if (host === '') {
    throw new StrataError('internal', 'Get "https:/v2/": http: no Host in request URL', { code: 'no_host' });
  }
  if (host.startsWith('[') && !host.includes(']')) throw badServer(rest, "missing ']' in host");
  const broken = /%(?![0-9a-fA-F]{2}).{0,2}/.exec(host);
  if (broken) throw badServer(rest, `invalid URL escape ${JSON.stringify(broken[0])}`);
  const port = /:([^:\]]*)$/.exec(host)?.[1];
  if (port !== undefined && !/^\d*$/.test(port))
    throw badServer(rest, `invalid port ${JSON.stringify(`:${port}`)} after host`);
  const odd = /[\s"<>\\^`{|}]/.exec(host);
  if (odd) throw badServer(rest, `invalid character ${JSON.stringify(odd[0])} in host name`);
  if (Number(port ?? 0) > 65_535) {
    const message = `Get "https://${host}/v2/": dial tcp: address ${port}: invalid port`;
    throw new StrataError('unavailable', message, { code: 'unreachable' });
  }
  if (!URL.canParse(`https://${host}/`)) throw badServer(rest, 'invalid host name');
  return host;
}
