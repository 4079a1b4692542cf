import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer } from 'node:net';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { createDescriptors } from './descriptors.ts';
import { hasIPv6, holdPort } from './held-port.ts';
import type { HeldPort } from './types.ts';

const noIPv6 = (await hasIPv6()) ? false : 'this host has no IPv6';

const share = createDescriptors(100);

/** A port on `hostIp` that leads to `containerPort` of 127.0.0.1; its own number is any free one. */
async function held(
  protocol: string,
  hostIp: string,
  containerPort: number,
  target = '127.0.0.1' as string | undefined,
): Promise<HeldPort & { readonly hostPort: number }> {
  for (let hostPort = 41_900; ; hostPort++) {
    const one = await holdPort({ protocol, hostIp, hostPort, containerPort }, () => target, share).catch(
      () => undefined,
    );
    if (one) return { ...one, hostPort };
  }
}

/** Answers with what it got, once the client has finished. */
async function shouter() {
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    socket.on('error', () => undefined);
    const said: Buffer[] = [];
    socket.on('data', (chunk: Buffer) => said.push(chunk));
    socket.on('end', () => socket.end(Buffer.concat(said).toString().toUpperCase()));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { port: (server.address() as AddressInfo).port, close: () => server.close() };
}

test('a connection over IPv6 reaches a server that has IPv4 alone, and hears the answer after its own end', {
  skip: noIPv6,
}, async () => {
  const server = await shouter();
  const port = await held('tcp', '::', server.port);
  const said = 'x'.repeat(5_000_000);
  const client = connect({ host: '::1', port: port.hostPort, allowHalfOpen: true });
  client.end(said);
  const heard = await text(client);
  assert.equal(heard.length, said.length);
  assert.ok(heard === said.toUpperCase());
  await port.close();
  server.close();
});

test('a port on one family leaves the other to others', { skip: noIPv6 }, async () => {
  const six = await held('tcp', '::', 1);
  const four = await holdPort(
    { protocol: 'tcp', hostIp: '0.0.0.0', hostPort: six.hostPort, containerPort: 1 },
    () => '',
    share,
  );
  await assert.rejects(
    holdPort({ protocol: 'tcp', hostIp: '::1', hostPort: six.hostPort, containerPort: 1 }, () => '', share),
    { code: 'EADDRINUSE' },
  );
  await four.close();
  await six.close();
});

test('where nobody listens inside, or there is no inside, a connection ends', async () => {
  for (const target of ['127.0.0.1', undefined]) {
    const port = await held('tcp', '127.0.0.1', 1, target);
    const client = connect({ host: '127.0.0.1', port: port.hostPort });
    client.on('error', () => undefined);
    await once(client, 'close');
    await port.close();
  }
});

test('closing a port frees it at once and ends what goes through it', async () => {
  const server = await shouter();
  const port = await held('tcp', '127.0.0.1', server.port);
  const client = connect({ host: '127.0.0.1', port: port.hostPort });
  client.on('error', () => undefined);
  await once(client, 'connect');
  const ended = once(client, 'close');
  await port.close();
  await ended;
  const again = await holdPort(
    { protocol: 'tcp', hostIp: '127.0.0.1', hostPort: port.hostPort, containerPort: 1 },
    () => '',
    share,
  );
  await again.close();
  server.close();
});

test('datagrams come back to the one who asked', { skip: noIPv6 }, async () => {
  const echo = createSocket('udp4');
  echo.on('message', (message, from) => echo.send(`${message}!`, from.port, from.address));
  echo.bind(0, '127.0.0.1');
  await once(echo, 'listening');
  const port = await held('udp', '::', echo.address().port);
  const clients = ['one', 'two', 'three'].map((word) => ({ word, socket: createSocket('udp6') }));
  for (const { word, socket } of clients) {
    socket.send(word, port.hostPort, '::1');
    const [message] = (await once(socket, 'message', { signal: AbortSignal.timeout(5000) })) as [Buffer];
    assert.equal(message.toString(), `${word}!`);
  }
  for (const { socket } of clients) socket.close();
  await port.close();
  echo.close();
});
