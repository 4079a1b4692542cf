import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import type { Descriptors } from './descriptors.ts';
import type { HeldPort, Published, Target } from './types.ts';

/** Connections through one port. */
const mostConnections = 4096;

/** A connection for which `share` has no descriptors is closed at once: nobody uses up the daemon's by way of a port. */
export async function forwardTcp(
  { hostIp, hostPort, containerPort }: Published,
  target: Target,
  share: Descriptors,
): Promise<HeldPort> {
  const open = new Set<Socket>();
  const follow = (socket: Socket) => {
    open.add(socket);
    socket.once('close', () => {
      open.delete(socket);
      share.give(1);
    });
  };
  // Either side may finish sending first and still read the answer.
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (outside) => {
    const host = target();
    if (host === undefined || !share.take(2)) return void outside.on('error', () => {}).destroy();
    const inside = connect({ host, port: containerPort, allowHalfOpen: true, noDelay: true });
    follow(outside);
    follow(inside);
    outside.on('error', () => inside.destroy());
    inside.on('error', () => outside.destroy());
    outside.pipe(inside).pipe(outside);
  });
  server.maxConnections = mostConnections;
  server.listen({ port: hostPort, host: hostIp, ipv6Only: true, exclusive: true });
  await once(server, 'listening');
  // What goes wrong later concerns one connection.
  server.on('error', () => undefined);
  return {
    async close() {
      const closed = once(server, 'close');
      server.close();
      for (const socket of open) socket.destroy();
      await closed;
    },
  };
}
