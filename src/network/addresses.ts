import type { Database } from '../db/index.ts';
import { StrataError } from '../errors/index.ts';
import {
  formatAddress,
  hostAddresses,
  isInSubnet,
  isReserved,
  parseAddress,
  parseSubnet,
  readPrefix,
} from './subnet.ts';
import type { Network } from './types.ts';

/** What is asked of an address: `ip` is wanted and no other, `last` would be had again where it is free. */
export interface WantedAddress {
  readonly ip?: string;
  readonly last?: string;
}

/**
 * Takes an address of the network for a sandbox: the wanted one, that which it had last, or a free one, in turns, so that one that was given
 * back rests as long as it can: its owner may come back, and connections and neighbours of the one before are remembered
 * for a while. It goes with the sandbox's row.
 */
export function takeAddress(
  db: Database,
  network: Network,
  sandbox: string,
  { ip: wanted, last }: WantedAddress,
): string {
  return db.transaction(() => {
    const again = wanted === undefined && last !== undefined && isFree(db, network, last) ? last : undefined;
    const ip = again ?? (wanted === undefined ? freeAddress(db, network) : checkedAddress(db, network, wanted));
    db.run('INSERT INTO addresses (network, ip, sandbox) VALUES (?, ?, ?)', network.id, ip, sandbox);
    return ip;
  });
}

export function giveBackAddress(db: Database, network: Network, sandbox: string): void {
  db.run('DELETE FROM addresses WHERE network = ? AND sandbox = ?', network.id, sandbox);
}

function checkedAddress(db: Database, network: Network, wanted: string): string {
  if (!isInSubnet(wanted, network.subnets[0]!.subnet))
    throw new StrataError(
      'invalid_argument',
      `invalid address ${wanted}: it does not belong to any of this network's subnets`,
      { code: 'invalid_address' },
    );
  if (!isFree(db, network, wanted))
    throw new StrataError('conflict', 'Address already in use', { code: 'address_in_use' });
  return wanted;
}

function isFree(db: Database, network: Network, ip: string): boolean {
  const { subnet } = network.subnets[0]!;
  if (!isInSubnet(ip, subnet) || isReserved(ip, subnet) || keptBack(network).includes(ip)) return false;
  return db.get('SELECT 1 FROM addresses WHERE network = ? AND ip = ?', network.id, ip) === undefined;
}

/** Addresses that no container gets: the gateway's and those that the user keeps for others. */
function keptBack({ subnets }: Network): readonly string[] {
  const { gateway, auxiliary = {} } = subnets[0]!;
  return [...(gateway ? [gateway] : []), ...Object.values(auxiliary)];
}

/** The first free one after that which was taken last. */
function freeAddress(db: Database, network: Network): string {
  const { id, name, subnets } = network;
  const rows = db.all<{ ip: string }>('SELECT ip FROM addresses WHERE network = ?', id);
  const used = new Set([...rows.map(({ ip }) => ip), ...keptBack(network)]);
  const before = db.get<{ ip: string }>('SELECT ip FROM last_addresses WHERE network = ?', id)?.ip;
  const { subnet, ipRange } = subnets[0]!;
  const { first, last } = hostAddresses(parseSubnet(subnet), ipRange === undefined ? undefined : readPrefix(ipRange));
  const after = Math.max(first, (parseAddress(before ?? '') ?? first - 1) + 1);
  for (const [from, to] of [
    [after, last],
    [first, Math.min(after - 1, last)],
  ] as const)
    for (let address = from; address <= to; address++) {
      const ip = formatAddress(address);
      if (!used.has(ip)) return remember(db, id, ip);
    }
  throw new StrataError(
    'failed_precondition',
    `no available IPv4 addresses on this network's address pools: ${name} (${id})`,
    { code: 'no_free_address' },
  );
}

function remember(db: Database, network: string, ip: string): string {
  db.run(
    'INSERT INTO last_addresses (network, ip) VALUES (?, ?) ON CONFLICT (network) DO UPDATE SET ip = excluded.ip',
    network,
    ip,
  );
  return ip;
}
