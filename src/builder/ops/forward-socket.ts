import { connect, createServer, type Socket } from 'node:net';

/** A unix socket at `path` whose connections go to the socket `target`, until it is closed. */
export async function forwardSocket(path: string, target: string): Promise<{ close(): Promise<void> }> {
  const open = new Set<Socket>();
  const server = createServer((client) => {
    const agent = connect(target);
    for (const socket of [client, agent]) {
      open.add(socket);
      socket.on('close', () => open.delete(socket));
      // Either end may go away at any time; the other one is then told by the end of its stream.
      socket.on('error', () => socket.destroy());
    }
    client.pipe(agent);
    agent.pipe(client);
    client.on('close', () => agent.destroy());
    agent.on('close', () => client.destroy());
  });
  await new Promise<void>((resolve, reject) => {
    // Later ones concern one connection.
    server.on('error', reject);
    server.listen(path, resolve);
  });
  return {
    close: () =>
      new Promise((resolve) => {
        for (const socket of open) socket.destroy();
        server.close(() => resolve());
      }),
  };
}
