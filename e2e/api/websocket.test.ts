import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { after, before, test } from 'node:test';
import { startEngine, type TestEngine } from '../harness/engine.ts';

let engine: TestEngine;
before(async () => {
  engine = await startEngine({ bases: ['busybox'] });
});
after(() => engine?.stop());

/** A door to the engine's socket for a client that knows no unix sockets. */
async function openDoor() {
  const server = createServer((client) => {
    const socket = connect(engine.socket);
    client.pipe(socket).pipe(client);
    for (const one of [client, socket]) one.on('error', () => one.destroy());
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { base: `ws://127.0.0.1:${(server.address() as { port: number }).port}`, close: () => server.close() };
}

test('a WebSocket carries the output of a container, and its input', { timeout: 60_000 }, async () => {
  const door = await openDoor();
  const { stdout } = await engine.docker([
    'create',
    '-i',
    'busybox',
    'sh',
    '-c',
    'read a; echo "got $a"; echo err >&2',
  ]);
  const id = stdout.trim();
  const socket = new WebSocket(`${door.base}/v1.43/containers/${id}/attach/ws?stream=1&stdin=1&stdout=1&stderr=1`);
  socket.binaryType = 'arraybuffer';
  let text = '';
  socket.addEventListener('message', ({ data }) => {
    text += Buffer.from(data as ArrayBuffer).toString();
  });
  await new Promise((resolve, reject) => {
    socket.addEventListener('open', resolve);
    socket.addEventListener('error', reject);
  });
  await engine.docker(['start', id]);
  const closed = new Promise<CloseEvent>((resolve) => socket.addEventListener('close', resolve));
  socket.send('this\n');
  assert.equal((await closed).code, 1000);
  assert.match(text, /got this\n/);
  assert.match(text, /err\n/);
  door.close();
});

test('a request that is no handshake is refused, one for an unknown container told so', async () => {
  const ask = async (path: string, headers: string) => {
    const socket = connect(engine.socket);
    socket.write(`GET ${path} HTTP/1.1\r\nHost: x\r\n${headers}\r\n`);
    let text = '';
    for await (const chunk of socket) {
      text += String(chunk);
      if (text.includes('"message"')) break;
    }
    socket.destroy();
    return text;
  };
  const { stdout } = await engine.docker(['create', 'busybox', 'true']);
  assert.match(await ask(`/containers/${stdout.trim()}/attach/ws`, ''), /^HTTP\/1\.1 400 .*not a WebSocket handshake/s);
  const upgrade =
    'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n';
  assert.match(await ask('/containers/nobody/attach/ws', upgrade), /^HTTP\/1\.1 404 .*No such container: nobody/s);
});
