import { createSocket } from 'node:dgram';
import { createServer, isIPv4, isIPv6 } from 'node:net';
import type { Database } from '../db/index.ts';
import { StrataError } from '../errors/index.ts';
import type { PortBinding } from './types.ts';

export interface Published {
  readonly containerPort: number;
  readonly protocol: string;
  readonly hostIp: string;
  readonly hostPort: number;
}

/** As the kernel's usual range of ephemeral ports: what Docker takes from, too. */
const ephemeral = { first: 32768, last: 60999 };

/**
 * Real host ports for what was asked: an empty or 0 port is any free one, a range the first free one of it. `conflict`
 * in Docker's words where a port is taken, by another container or by a program of the host.
 */
export async function choosePorts(
  db: Database,
  asked: Readonly<Record<string, readonly PortBinding[]>>,
): Promise<readonly Published[]> {
  const out: Published[] = [];
  for (const [key, bindings] of Object.entries(asked)) {
    const [port = '', protocol = 'tcp'] = key.split('/');
    for (const binding of bindings) {
      const hostIp = binding.HostIp ?? '';
      refuseUnreachable(hostIp);
      const hostPort = await choose(db, out, protocol, hostIp, candidates(binding.HostPort ?? ''));
      out.push({ containerPort: Number(port), protocol, hostIp, hostPort });
    }
  }
  return out;
}

/** Nobody would be forwarded from there: better said than shown as published. */
function refuseUnreachable(hostIp: string): void {
  if (hostIp === '' || isIPv4(hostIp)) return;
  if (!isIPv6(hostIp))
    throw new StrataError('invalid_argument', `invalid IP address: ${hostIp}`, { code: 'invalid_address' });
  throw new StrataError('unsupported', `cannot publish a port on ${hostIp}: containers have IPv4 addresses alone`, {
    code: 'ipv6_port',
    hint: 'publish on an IPv4 address of the host, or on all with -p HOST:CONTAINER',
  });
}

/** What was published, by the container's port, as Docker shows it. */
export function portTable(published: readonly Published[]): Record<string, Required<PortBinding>[]> {
  const table: Record<string, Required<PortBinding>[]> = {};
  for (const { containerPort, protocol, hostIp, hostPort } of published) {
    const key = `${containerPort}/${protocol}`;
    table[key] = [...(table[key] ?? []), { HostIp: hostIp === '' ? '0.0.0.0' : hostIp, HostPort: String(hostPort) }];
  }
  return table;
}

function candidates(text: string): { readonly first: number; readonly last: number; readonly exact: boolean } {
  if (text === '' || text === '0') return { ...ephemeral, exact: false };
  const match = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(text);
  const first = Number(match?.[1]);
  const last = Number(match?.[2] ?? first);
  if (!match || first < 1 || last > 65535 || last < first) {
    throw new StrataError('invalid_argument', `invalid host port: ${text}`, { code: 'invalid_port' });
  }
  return { first, last, exact: first === last };
}

async function choose(
  db: Database,
  chosen: readonly Published[],
  protocol: string,
  hostIp: string,
  range: ReturnType<typeof candidates>,
): Promise<number> {
  const start = range.first === ephemeral.first && !range.exact ? Math.floor(Math.random() * 1000) : 0;
  for (let port = range.first + start; port <= range.last; port++) {
    const allocated =
      db.get(
        "SELECT 1 FROM published_ports WHERE protocol = ? AND host_port = ? AND (host_ip IN ('', '0.0.0.0') OR ? IN ('', '0.0.0.0') OR host_ip = ?)",
        protocol,
        port,
        hostIp,
        hostIp,
      ) !== undefined ||
      chosen.some(
        (one) =>
          one.protocol === protocol &&
          one.hostPort === port &&
          (one.hostIp === hostIp || one.hostIp === '' || hostIp === ''),
      );
    const shown = `${hostIp || '0.0.0.0'}:${port}`;
    if (allocated) {
      if (!range.exact) continue;
      throw new StrataError('conflict', `Bind for ${shown} failed: port is already allocated`, {
        code: 'port_allocated',
        hint: 'another container publishes it; see `strata container ls`',
      });
    }
    const problem = await tryBind(protocol, hostIp, port);
    if (problem === undefined) return port;
    if (range.exact)
      throw new StrataError('conflict', `failed to bind host port ${shown}/${protocol}: ${problem}`, {
        code: 'port_in_use',
        hint: `find the program with: ss -lnp 'sport = :${port}'`,
      });
  }
  throw new StrataError(
    'conflict',
    `Bind for ${hostIp || '0.0.0.0'}:${range.first}-${range.last} failed: all ports are allocated`,
    { code: 'port_allocated' },
  );
}

/** Whether a program of the host could listen there now; the reason where not. */
async function tryBind(protocol: string, hostIp: string, port: number): Promise<string | undefined> {
  const address = hostIp === '' ? '0.0.0.0' : hostIp;
  return await new Promise((resolve) => {
    const words = (error: NodeJS.ErrnoException) =>
      resolve(
        error.code === 'EADDRINUSE'
          ? 'address already in use'
          : error.code === 'EADDRNOTAVAIL'
            ? 'cannot assign requested address'
            : error.message,
      );
    if (protocol === 'udp') {
      const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4');
      socket.once('error', words);
      socket.bind(port, address, () => socket.close(() => resolve(undefined)));
    } else if (protocol === 'tcp') {
      const server = createServer();
      server.once('error', words);
      server.listen({ port, host: address, exclusive: true }, () => server.close(() => resolve(undefined)));
    } else resolve(undefined);
  });
}
