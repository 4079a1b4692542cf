import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import type { HeldPort, Published, Target } from './held-port.ts';

/** Connections through one port; more wait in the kernel's queue or are refused, so that nobody uses up the daemon's descriptors. */
const mostConnections = 4096;

export async function forwardTcp({ hostIp, hostPort, containerPort }: Published, target: Target): Promise<HeldPort> {
  const open = new Set<Socket>();
  const follow = (socket: Socket) => {
    open.add(socket);
    socket.once('close', () => open.delete(socket));
  };
  // Either side may finish sending first and still read the answer.
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (outside) => {
    const host = target();
    if (host === undefined) return void outside.destroy();
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
