import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type RequestListener } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { createTransport } from './transport.ts';

/** A transport to a daemon that answers as `route` says. */
async function daemon(t: TestContext, route: RequestListener) {
  const folder = mkdtempSync(join(tmpdir(), 'strata-transport-'));
  const path = join(folder, 'd.sock');
  const server = createServer(route);
  await new Promise<void>((resolve) => server.listen(path, resolve));
  const transport = createTransport({ kind: 'unix', path });
  t.after(() => {
    transport.close();
    server.closeAllConnections();
    server.close();
    rmSync(folder, { recursive: true });
  });
  return { transport, path };
}

const cut: RequestListener = (_request, response) => {
  response.writeHead(200, { 'content-length': 100 });
  response.write('{"a":1}\n{"a":2}\n', () => response.destroy());
};

test('a daemon that goes away in the middle of an answer is told of in words', async (t) => {
  const { transport, path } = await daemon(t, cut);
  const lost = {
    kind: 'unavailable',
    message: `the Strata daemon at unix://${path} went away in the middle of its answer`,
  };
  await assert.rejects(transport.text('GET', '/'), lost);
  const seen: unknown[] = [];
  await assert.rejects(async () => {
    for await (const line of transport.lines('GET', '/')) seen.push(line);
  }, lost);
  assert.deepEqual(seen, [{ a: 1 }, { a: 2 }], 'what came before counts');
});

test('the daemon’s own words are passed on, with the status', async (t) => {
  const { transport } = await daemon(t, (_request, response) => {
    response.writeHead(409).end('{"message":"it is in use\\n"}');
  });
  await assert.rejects(transport.json('GET', '/'), { kind: 'conflict', code: 'http_409', message: 'it is in use' });
});

test('an answer that is not JSON is no answer', async (t) => {
  const { transport } = await daemon(t, (_request, response) => response.end('<html>'));
  await assert.rejects(transport.json('GET', '/info'), { kind: 'data_loss', message: /GET \/info with broken JSON/ });
});

test('a transport that was closed ends its raw streams and takes no more calls', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'strata-transport-'));
  const path = join(folder, 'd.sock');
  const server = createServer();
  server.on('upgrade', (_request, socket) => {
    socket.write('HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n');
    socket.on('error', () => {});
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  t.after(() => {
    server.close();
    rmSync(folder, { recursive: true });
  });
  const transport = createTransport({ kind: 'unix', path });
  const stream = await transport.hijack('/attach');
  const ended = new Promise((resolve) => stream.once('close', resolve));
  transport.close();
  await ended;
  await assert.rejects(transport.text('GET', '/'), { kind: 'cancelled' });
  await assert.rejects(transport.hijack('/attach'), { kind: 'cancelled' });
});
