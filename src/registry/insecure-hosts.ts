import { BlockList, isIP } from 'node:net';

/** Whether a host may be spoken to over http, and over TLS that nobody vouches for. */
export type InsecureHosts = (host: string) => boolean;

/**
 * `list` holds hosts, `host:port` and CIDRs; loopback addresses and `localhost` are always in it, as Docker does. Names are
 * compared, never looked up: an answer of DNS must not switch encryption off.
 */
export function insecureHosts(list: readonly string[]): InsecureHosts {
  const networks = new BlockList();
  networks.addSubnet('127.0.0.0', 8, 'ipv4');
  networks.addAddress('::1', 'ipv6');
  const names = new Set(['localhost']);
  for (const entry of list) {
    const [address = '', prefix] = entry.split('/');
    const family = isIP(address);
    const bits = Number(prefix);
    if (
      prefix !== undefined &&
      family !== 0 &&
      Number.isInteger(bits) &&
      bits >= 0 &&
      bits <= (family === 4 ? 32 : 128)
    ) {
      networks.addSubnet(address, bits, family === 4 ? 'ipv4' : 'ipv6');
    } else
      names.add(
        entry
          .replace(/^https?:\/\//, '')
          .replace(/\/.*$/, '')
          .toLowerCase(),
      );
  }
  return (host) => {
    const lower = host.toLowerCase();
    const name = hostName(lower);
    if (names.has(lower) || names.has(name)) return true;
    const family = isIP(name);
    return family !== 0 && networks.check(name, family === 4 ? 'ipv4' : 'ipv6');
  };
}

/** The host without its port and without the brackets of an IPv6 address. */
export function hostName(host: string): string {
  const bracketed = /^\[([^\]]+)\](?::\d+)?$/.exec(host);
  return bracketed ? bracketed[1]! : host.replace(/:\d+$/, '');
}
