import { existsSync } from 'node:fs';
import { createServer, isIPv6 } from 'node:net';
import type { Descriptors } from './descriptors.ts';
import { forwardTcp } from './forward-tcp.ts';
import { forwardUdp } from './forward-udp.ts';
import type { HeldPort, Published, Target } from './types.ts';

/**
 * Listens where a port is published, for as long as the container runs. No program of the host can take the port
 * unseen then; and what the firewall does not rewrite (IPv6, since containers have IPv4 addresses alone) is passed on by
 * hand. Rejects with the errno of the bind. What is neither TCP nor UDP is held by nobody.
 */
export async function holdPort(published: Published, target: Target, share: Descriptors): Promise<HeldPort> {
  if (published.protocol === 'tcp') return await forwardTcp(published, target, share);
  if (published.protocol === 'udp') return await forwardUdp(published, target, share);
  return { close: async () => undefined };
}

/** Whether a published port can be had on the host's IPv6 addresses, too. */
export async function hasIPv6(): Promise<boolean> {
  if (!existsSync('/proc/net/if_inet6')) return false;
  return await new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ port: 0, host: '::1', exclusive: true }, () => server.close(() => resolve(true)));
  });
}

export function isIPv6Address(address: string): boolean {
  return isIPv6(address) && !address.includes('%');
}
