import type { Database } from '../db/index.ts';
import { StrataError } from '../errors/index.ts';
import { formatAddress, hostAddresses, isInSubnet, isReserved, parseAddress, parseSubnet } from './subnet.ts';
import type { Network } from './types.ts';

/**
 * Takes an address of the network for a sandbox: the wanted one, or a free one, in turns, so that one that was given
 * back rests as long as it can: connections and neighbours of the one before are remembered for a while. It goes with
 * the sandbox's row.
 */
export function takeAddress(db: Database, network: Network, sandbox: string, wanted: string | undefined): string {
  return db.transaction(() => {
    const ip = wanted === undefined ? freeAddress(db, network) : checkedAddress(db, network, wanted);
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
  const isTaken = db.get('SELECT 1 FROM addresses WHERE network = ? AND ip = ?', network.id, wanted) !== undefined;
  const { gateway, subnet } = network.subnets[0]!;
  if (isTaken || wanted === gateway || isReserved(wanted, subnet))
    throw new StrataError('conflict', 'Address already in use', { code: 'address_in_use' });
  return wanted;
}

/** The first free one after that which was taken last. */
function freeAddress(db: Database, network: Network): string {
  const { id, name, subnets } = network;
  const rows = db.all<{ ip: string }>('SELECT ip FROM addresses WHERE network = ?', id);
  const used = new Set([...rows.map(({ ip }) => ip), subnets[0]!.gateway]);
  const last = db.get<{ ip: string }>('SELECT ip FROM last_addresses WHERE network = ?', id)?.ip;
  const subnet = parseSubnet(subnets[0]!.subnet);
  let lowest: string | undefined;
  for (const address of hostAddresses(subnet)) {
    const ip = formatAddress(address);
    if (used.has(ip)) continue;
    lowest ??= ip;
    if (last === undefined || address > parseAddress(last)!) return remember(db, id, ip);
  }
  if (lowest !== undefined) return remember(db, id, lowest);
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
