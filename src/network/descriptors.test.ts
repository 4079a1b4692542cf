import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { test } from 'node:test';
import { createDescriptors } from './descriptors.ts';
import { forwardTcp } from './forward-tcp.ts';

test('what passes through published ports takes no more descriptors than its share, and gives them back', async () => {
  const inside = createServer((socket) => void socket.on('error', () => {}).pipe(socket));
  inside.listen(0, '127.0.0.1');
  await once(inside, 'listening');
  const { port } = inside.address() as { port: number };
  const free = createServer().listen(0, '::1');
  await once(free, 'listening');
  const { port: hostPort } = free.address() as { port: number };
  free.close();
  const share = createDescriptors(7);
  const published = { containerPort: port, protocol: 'tcp', hostIp: '::1', hostPort };
  const held = await forwardTcp(published, () => '127.0.0.1', share);

  async function open(): Promise<Socket | undefined> {
    const socket = connect(hostPort, '::1').on('error', () => {});
    socket.write('x');
    const event = await new Promise((resolve) => {
      for (const name of ['data', 'close']) socket.once(name, () => resolve(name));
    });
    return event === 'data' ? socket : undefined;
  }
  const passing = await Promise.all(Array.from({ length: 20 }, open));
  const served = passing.filter((socket) => socket !== undefined);
  assert.equal(served.length, 3);
  served[0]!.destroy();
  while (!share.take(2)) await new Promise((resolve) => setTimeout(resolve, 5));
  share.give(2);
  assert.ok(await open());
  await held.close();
  // All are given back.
  while (!share.take(7)) await new Promise((resolve) => setTimeout(resolve, 5));
  inside.close();
});
