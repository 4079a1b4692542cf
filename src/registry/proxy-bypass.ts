import { BlockList, isIP } from 'node:net';
import { hostName } from './insecure-hosts.ts';

/**
 * Whether requests to `host` (with its port) go past the proxy: `no_proxy` in the form that Go programs, and so Docker,
 * read: names (with their subdomains), `.name` (subdomains only), addresses, CIDRs, each with an optional port, or `*`.
 * Loopback hosts never go through a proxy.
 */
export function bypassesProxy(host: string, port: number, noProxy: string): boolean {
  const name = hostName(host.toLowerCase());
  const family = isIP(name);
  if (name === 'localhost' || name === '::1' || (family === 4 && name.startsWith('127.'))) return true;
  return noProxy.split(',').some((entry) => matches(entry.trim().toLowerCase(), name, family, port));
}

function matches(entry: string, name: string, family: number, port: number): boolean {
  if (entry === '') return false;
  if (entry === '*') return true;
  if (entry.includes('/')) return family !== 0 && inNetwork(entry, name, family);
  const given = /^(.*[^:]):(\d+)$/.exec(entry);
  if (given && isIP(entry) === 0 && Number(given[2]) !== port) return false;
  const wanted = hostName(given && isIP(entry) === 0 ? given[1]! : entry);
  if (wanted.startsWith('.')) return name.endsWith(wanted);
  if (wanted.startsWith('*.')) return name.endsWith(wanted.slice(1));
  return name === wanted || (family === 0 && name.endsWith(`.${wanted}`));
}

function inNetwork(entry: string, name: string, family: number): boolean {
  const [address = '', bits] = entry.split('/');
  if (isIP(address) !== family) return false;
  try {
    const list = new BlockList();
    list.addSubnet(address, Number(bits), family === 4 ? 'ipv4' : 'ipv6');
    return list.check(name, family === 4 ? 'ipv4' : 'ipv6');
  } catch {
    return false;
  }
}
