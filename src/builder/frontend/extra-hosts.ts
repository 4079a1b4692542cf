import { isIP } from 'node:net';
import { StrataError } from '../../errors/index.ts';

/** `host:ip` or `host=ip`, with the address in brackets or not. */
export function parseExtraHosts(hosts: readonly string[]): { host: string; ip: string }[] {
  return hosts.map((text) => {
    const cut = text.search(/[=:]/);
    const host = text.slice(0, Math.max(cut, 0));
    const ip = cut < 0 ? '' : text.slice(cut + 1).replace(/^\[(.*)\]$/, '$1');
    if (host === '' || (ip !== 'host-gateway' && isIP(ip) === 0)) {
      throw new StrataError('invalid_argument', `invalid host mapping: ${JSON.stringify(text)}`, {
        hint: 'write it as name:address',
      });
    }
    return { host, ip };
  });
}
