import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { type Networks, nameServerOf } from '../../network/index.ts';
import type { SpecMount } from '../../runtime/index.ts';
import type { ContainerRecord } from '../record.ts';
import { linkLines } from '../request/links.ts';
import type { ContainerStore } from '../store.ts';
import type { HostConfig } from '../types.ts';

/**
 * /etc/hosts, /etc/hostname and /etc/resolv.conf of a container: files beside its log, mounted over the image's own unless
 * the user mounts something there. A container in the network of another one (`shared`) has that one's.
 */
export async function containerFiles(
  record: ContainerRecord,
  folders: { readonly own: string; readonly shared: string | undefined },
  networks: Networks,
  store: ContainerStore,
): Promise<readonly SpecMount[]> {
  // Somebody took it away: with it went logs, which is no reason not to run.
  await mkdir(folders.own, { recursive: true, mode: 0o710 });
  const taken = new Set(record.mounts.map(({ Destination }) => Destination));
  const access = record.host.ReadonlyRootfs ? 'ro' : 'rw';
  const mount = (destination: string, source: string): SpecMount => ({
    destination,
    type: 'bind',
    source,
    options: ['bind', access, 'rprivate'],
  });
  if (folders.shared !== undefined)
    return (
      ['/etc/hostname', '/etc/resolv.conf', '/etc/hosts']
        .filter((destination) => !taken.has(destination))
        // That container's own may have been in its image, or it is gone with them.
        .filter((destination) => existsSync(join(folders.shared!, basename(destination))))
        .map((destination) => mount(destination, join(folders.shared!, basename(destination))))
    );
  const host = record.host.NetworkMode === 'host';
  const files: Record<string, string> = {
    '/etc/hostname': `${record.config.Hostname}\n`,
    '/etc/resolv.conf': await resolvConf(record, networks),
    '/etc/hosts': host ? await hostsOfHost(record) : hosts(record, linkLines(record, record.networks, store)),
  };
  const mounts: SpecMount[] = [];
  for (const [destination, text] of Object.entries(files)) {
    if (taken.has(destination)) continue;
    const source = join(folders.own, basename(destination));
    await writeFile(source, text, { mode: 0o644 });
    mounts.push(mount(destination, source));
  }
  return mounts;
}

/** On the host's network, names are the host's. */
async function hostsOfHost({ host }: ContainerRecord): Promise<string> {
  const own = await readFile('/etc/hosts', 'utf8').catch(() => '127.0.0.1\tlocalhost\n');
  return `${[own.trimEnd(), ...extraHosts(host, '127.0.0.1')].join('\n')}\n`;
}

function extraHosts({ ExtraHosts = [] }: HostConfig, gateway: string): readonly string[] {
  return ExtraHosts.map((entry) => {
    const at = entry.search(/[:=]/);
    const ip = entry.slice(at + 1);
    return `${ip === 'host-gateway' ? gateway : ip}\t${entry.slice(0, at)}`;
  });
}

function hosts(record: ContainerRecord, links: readonly string[]): string {
  const { Hostname = '', Domainname = '' } = record.config;
  const lines = [
    '127.0.0.1\tlocalhost',
    '::1\tlocalhost ip6-localhost ip6-loopback',
    'fe00::\tip6-localnet',
    'ff00::\tip6-mcastprefix',
    'ff02::1\tip6-allnodes',
    'ff02::2\tip6-allrouters',
  ];
  const gateway = Object.values(record.networks).find(({ Gateway }) => Gateway)?.Gateway ?? '127.0.0.1';
  lines.push(...extraHosts(record.host, gateway));
  lines.push(...links);
  const full = Domainname ? `${Hostname}.${Domainname}` : Hostname;
  const short = full.split('.', 1)[0]!;
  const names = short === full ? full : `${full} ${short}`;
  for (const { IPAddress } of Object.values(record.networks)) if (IPAddress) lines.push(`${IPAddress}\t${names}`);
  return `${lines.join('\n')}\n`;
}

async function resolvConf(record: ContainerRecord, networks: Networks): Promise<string> {
  const { host, networks: endpoints } = record;
  const asksFor = [host.Dns, host.DnsSearch, host.DnsOptions].some((list) => list?.length);
  // The host's network has its name servers, also those on its loopback.
  if (host.NetworkMode === 'host' && !asksFor) return await readFile('/etc/resolv.conf', 'utf8').catch(() => '');
  const found = await networks.resolvers();
  // On a user's network the bridge's own server answers with the names of its containers, and asks those of `--dns`.
  const own = Object.entries(endpoints)
    .filter(([name]) => !['bridge', 'host', 'none'].includes(name))
    .flatMap(([name]) => nameServerOf(networks.get(name)) ?? []);
  const nameservers = own.length > 0 ? own : host.Dns?.length ? host.Dns : found.nameservers;
  const search = host.DnsSearch?.length ? host.DnsSearch.filter((domain) => domain !== '.') : found.search;
  const asked = host.DnsOptions?.length ? host.DnsOptions : found.options;
  // A container's name is asked for as it is before it is looked for in a domain.
  const hasDots = asked.some((option) => option.startsWith('ndots:'));
  const options = own.length > 0 && !hasDots ? [...asked, 'ndots:0'] : asked;
  const lines = [
    ...nameservers.map((server) => `nameserver ${server}`),
    ...(search.length > 0 ? [`search ${search.join(' ')}`] : []),
    ...(options.length > 0 ? [`options ${options.join(' ')}`] : []),
  ];
  return `${lines.join('\n')}\n`;
}
