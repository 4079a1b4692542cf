import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { isIPv6 } from 'node:net';
import type { Descriptors } from './descriptors.ts';
import type { HeldPort, Published, Target } from './types.ts';

/** As long as Docker's proxy remembers who a datagram came from. */
const rememberedMs = 90_000;
/** Senders remembered for one port; the one that was silent longest is forgotten first. */
const mostSenders = 1024;

interface Sender {
  readonly inside: Socket;
  readonly timer: NodeJS.Timeout;
}

export async function forwardUdp(
  { hostIp, hostPort, containerPort }: Published,
  target: Target,
  share: Descriptors,
): Promise<HeldPort> {
  const senders = new Map<string, Sender>();
  const outside = createSocket({ type: isIPv6(hostIp) ? 'udp6' : 'udp4', ipv6Only: isIPv6(hostIp) });

  function forget(key: string): void {
    const sender = senders.get(key);
    if (!sender) return;
    senders.delete(key);
    clearTimeout(sender.timer);
    sender.inside.close();
    share.give(1);
  }

  /** A socket of its own for each sender tells the answers apart. */
  function remember(
    key: string,
    host: string,
    from: { readonly address: string; readonly port: number },
  ): Sender | undefined {
    const [oldest] = senders.keys();
    if (senders.size >= mostSenders && oldest !== undefined) forget(oldest);
    if (!share.take(1)) {
      if (oldest !== undefined) forget(oldest);
      if (!share.take(1)) return undefined;
    }
    const inside = createSocket('udp4');
    // A refused datagram (nobody listens inside) is an error of this socket, and of no interest.
    inside.on('error', () => undefined);
    inside.on('message', (message, answerer) => {
      if (answerer.address !== host || answerer.port !== containerPort) return;
      senders.get(key)?.timer.refresh();
      outside.send(message, from.port, from.address, () => undefined);
    });
    return { inside, timer: setTimeout(() => forget(key), rememberedMs) };
  }

  outside.on('message', (message, from) => {
    const host = target();
    if (host === undefined) return;
    const key = `${host} ${from.address} ${from.port}`;
    const sender = senders.get(key) ?? remember(key, host, from);
    if (!sender) return;
    senders.delete(key);
    senders.set(key, sender);
    sender.timer.refresh();
    sender.inside.send(message, containerPort, host, () => undefined);
  });
  outside.bind({ port: hostPort, address: hostIp, exclusive: true });
  await once(outside, 'listening');
  outside.on('error', () => undefined);
  return {
    async close() {
      for (const key of [...senders.keys()]) forget(key);
      const closed = once(outside, 'close');
      outside.close();
      await closed;
    },
  };
}
