import { isIPv4 } from 'node:net';
import type { Database } from '../db/index.ts';
import { StrataError } from '../errors/index.ts';
import { isIPv6Address } from './held-port.ts';
import type { HeldPort, PortBinding, Published } from './types.ts';

export interface ChosenPorts {
  readonly published: readonly Published[];
  readonly held: readonly HeldPort[];
}

/** As the kernel's usual range of ephemeral ports: what Docker takes from, too. */
const ephemeral = { first: 32768, last: 60999 };

interface Range {
  readonly first: number;
  readonly last: number;
  /** One port and no other. */
  readonly exact: boolean;
}

/** One `-p`, which is published on all its addresses under the same number. */
interface Asked {
  readonly containerPort: number;
  readonly protocol: string;
  readonly hostIps: readonly string[];
  readonly range: Range;
}

export interface PortChoice {
  readonly db: Database;
  /** The host has IPv6: a port without an address is published there, too. */
  readonly ipv6: boolean;
  /** For messages. */
  readonly containerIp: string;
  readonly hold: (published: Published) => Promise<HeldPort>;
}

/**
 * Real host ports for what was asked, held: an empty or 0 port is any free one, a range the first free one of it.
 * `conflict` in Docker's words where a port is taken, by another container or by a program of the host.
 */
export async function choosePorts(
  asked: Readonly<Record<string, readonly PortBinding[]>>,
  choice: PortChoice,
): Promise<ChosenPorts> {
  const published: Published[] = [];
  const held: HeldPort[] = [];
  try {
    for (const one of inOrder(asked, choice.ipv6)) {
      const chosen = await choose(one, published, choice);
      published.push(...chosen.published);
      held.push(...chosen.held);
    }
    return { published, held };
  } catch (error) {
    await release(held);
    throw error;
  }
}

export async function release(held: readonly HeldPort[]): Promise<void> {
  await Promise.all(held.map((one) => one.close()));
}

/** What was published, by the container's port, as Docker shows it. */
export function portTable(published: readonly Published[]): Record<string, Required<PortBinding>[]> {
  const table: Record<string, Required<PortBinding>[]> = {};
  for (const { containerPort, protocol, hostIp, hostPort } of published) {
    const key = `${containerPort}/${protocol}`;
    table[key] = [...(table[key] ?? []), { HostIp: hostIp, HostPort: hostPort === 0 ? '' : String(hostPort) }];
  }
  return table;
}

/** Those that leave no choice come first, so that the others leave them their ports. */
function inOrder(asked: Readonly<Record<string, readonly PortBinding[]>>, ipv6: boolean): readonly Asked[] {
  const all = Object.entries(asked).flatMap(([key, bindings]) => {
    const [port = '', protocol = 'tcp'] = key.split('/');
    return bindings.map(({ HostIp = '', HostPort = '' }) => ({
      containerPort: Number(port),
      protocol,
      hostIps: addresses(HostIp, ipv6 && protocol !== 'sctp'),
      range: parseRange(HostPort),
    }));
  });
  return [...all.filter(({ range }) => range.exact), ...all.filter(({ range }) => !range.exact)];
}

function addresses(hostIp: string, ipv6: boolean): readonly string[] {
  if (hostIp === '') return ipv6 ? ['0.0.0.0', '::'] : ['0.0.0.0'];
  if (isIPv4(hostIp)) return [hostIp];
  if (isIPv6Address(hostIp)) return [new URL(`http://[${hostIp}]`).hostname.slice(1, -1)];
  throw new StrataError('invalid_argument', `invalid IP address: ${hostIp}`, { code: 'invalid_address' });
}

function parseRange(text: string): Range {
  if (text === '' || text === '0') return { ...ephemeral, exact: false };
  const match = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(text);
  const first = Number(match?.[1]);
  const last = Number(match?.[2] ?? first);
  if (!match || first < 1 || last > 65535 || last < first) {
    throw new StrataError('invalid_argument', `invalid host port: ${text}`, { code: 'invalid_port' });
  }
  return { first, last, exact: first === last };
}

async function choose(asked: Asked, chosen: readonly Published[], choice: PortChoice): Promise<ChosenPorts> {
  const { range } = asked;
  const start = range.first === ephemeral.first && !range.exact ? Math.floor(Math.random() * 1000) : 0;
  for (let port = range.first + start; port <= range.last; port++) {
    try {
      refuseAllocated(asked, port, chosen, choice.db);
      return await holdAll(asked, port, choice);
    } catch (error) {
      const isTaken = error instanceof StrataError && takenCodes.includes(error.code ?? '');
      if (!isTaken || range.exact) throw error;
    }
  }
  throw new StrataError('conflict', 'all ports are allocated', { code: 'port_allocated' });
}

const takenCodes = ['port_allocated', 'port_in_use'];

function refuseAllocated({ protocol, hostIps }: Asked, port: number, chosen: readonly Published[], db: Database): void {
  const others = [
    ...db
      .all<{ ip: string }>(
        'SELECT host_ip AS ip FROM published_ports WHERE protocol = ? AND host_port = ?',
        protocol,
        port,
      )
      .map(({ ip }) => ip),
    ...chosen.filter((one) => one.protocol === protocol && one.hostPort === port).map(({ hostIp }) => hostIp),
  ];
  const holder = hostIps.flatMap((ip) => others.filter((other) => collide(ip, other))).at(0);
  if (holder === undefined) return;
  throw new StrataError('conflict', `Bind for ${holder || '0.0.0.0'}:${port} failed: port is already allocated`, {
    code: 'port_allocated',
    hint: 'another container publishes it; see `strata container ls`',
  });
}

function collide(a: string, b: string): boolean {
  const family = (ip: string) => (ip.includes(':') ? 6 : 4);
  const isAll = (ip: string) => ip === '' || ip === '0.0.0.0' || ip === '::';
  return family(a) === family(b) && (a === b || isAll(a) || isAll(b));
}

/** The port on all the addresses, or on none. */
async function holdAll(asked: Asked, hostPort: number, { hold, containerIp }: PortChoice): Promise<ChosenPorts> {
  const { containerPort, protocol, hostIps } = asked;
  const published = hostIps.map((hostIp) => ({ containerPort, protocol, hostIp, hostPort }));
  const held: HeldPort[] = [];
  for (const one of published) {
    try {
      held.push(await hold(one));
    } catch (cause) {
      await release(held);
      const { hostIp } = one;
      const shown = hostIp.includes(':') ? `[${hostIp}]:${hostPort}` : `${hostIp}:${hostPort}`;
      throw new StrataError(
        'conflict',
        `failed to bind host port for ${shown}:${containerIp}:${containerPort}/${protocol}: ${words(cause)}`,
        {
          code: (cause as NodeJS.ErrnoException).code === 'EADDRINUSE' ? 'port_in_use' : 'port_not_bound',
          hint: `find the program with: ss -lnp 'sport = :${hostPort}'`,
          cause,
        },
      );
    }
  }
  return { published, held };
}

function words(cause: unknown): string {
  const { code, message } = cause as NodeJS.ErrnoException;
  switch (code) {
    case 'EADDRINUSE':
      return 'address already in use';
    case 'EADDRNOTAVAIL':
      return 'cannot assign requested address';
    case 'EINVAL':
      return 'invalid argument';
    default:
      return message;
  }
}
