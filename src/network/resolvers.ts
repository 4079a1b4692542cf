import { readFile } from 'node:fs/promises';

export interface Resolvers {
  readonly nameservers: readonly string[];
  readonly search: readonly string[];
  readonly options: readonly string[];
}

const publicServers = ['8.8.8.8', '8.8.4.4'];

/**
 * What the host resolves with, less servers on its loopback, which a container cannot reach: behind such a one
 * systemd-resolved keeps the real ones in a file of its own. Where none is left, Docker's default: public servers.
 */
export async function hostResolvers(): Promise<Resolvers> {
  const own = parse(await text('/etc/resolv.conf'));
  if (own.nameservers.some(isReachable)) return { ...own, nameservers: own.nameservers.filter(isReachable) };
  const upstream = parse(await text('/run/systemd/resolve/resolv.conf'));
  const nameservers = upstream.nameservers.filter(isReachable);
  return { ...own, nameservers: nameservers.length > 0 ? nameservers : publicServers };
}

function isReachable(server: string): boolean {
  return !server.startsWith('127.') && server !== '::1';
}

function parse(file: string): Resolvers {
  const nameservers: string[] = [];
  let search: string[] = [];
  const options: string[] = [];
  for (const line of file.split('\n')) {
    const [key, ...words] = line.trim().split(/\s+/);
    if (key === 'nameserver' && words[0]) nameservers.push(words[0]);
    if (key === 'search' || key === 'domain') search = words;
    if (key === 'options') options.push(...words);
  }
  return { nameservers, search, options };
}

async function text(path: string): Promise<string> {
  return await readFile(path, 'utf8').catch(() => '');
}
