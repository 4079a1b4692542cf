import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { createApi } from './api.ts';
import { createTestBackend } from './testing/backend.ts';

const dir = mkdtempSync(join(tmpdir(), 'strata-session-'));
const socketPath = join(dir, 'api.sock');
const api = createApi(createTestBackend());
before(async () => await api.listen({ socketPath, mode: 0o600 }));
after(async () => {
  await api.close();
  rmSync(dir, { recursive: true, force: true });
});

/** As the docker client opens a session. */
const asDocker = [
  'Connection: Upgrade',
  'Upgrade: h2c',
  'X-Docker-Expose-Session-Name: folder',
  'X-Docker-Expose-Session-Sharedkey: key',
  'X-Docker-Expose-Session-Grpc-Method: /moby.filesync.v1.FileSync/DiffCopy',
];
const upgraded = /^HTTP\/1\.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n/;
const refused = /^HTTP\/1\.1 400 Bad Request\r\n[\s\S]*\{"message":"no upgrade proto in request/;
const other = /^HTTP\/1\.1 400 Bad Request\r\n[\s\S]*\{"message":"protocol tcp not supported/;

for (const path of ['/session', '/v1.51/session', '/grpc', '/v1.51/grpc'])
  for (const [what, headers, answer] of [
    ['the headers of docker’s client', asDocker, upgraded],
    ['an empty body', [...asDocker, 'Content-Length: 0'], upgraded],
    ['Upgrade without Connection', ['Upgrade: h2c'], upgraded],
    ['Upgrade with another Connection', ['Connection: keep-alive', 'Upgrade: h2c'], upgraded],
    ['no Upgrade', [], refused],
    ['Upgrade to something else', ['Connection: Upgrade', 'Upgrade: tcp'], other],
    ['Upgrade to something else without Connection', ['Upgrade: tcp'], other],
  ] as const)
    test(`POST ${path} with ${what} is answered as Docker does`, async () => {
      const id = `${path} ${what.replaceAll(/[^ -~]/g, '')}`;
      assert.match(await ask(path, [...headers, `X-Docker-Expose-Session-Uuid: ${id}`]), answer);
    });

test('a session of a name that is open is refused', async (t) => {
  const opened = Promise.withResolvers<void>();
  const headers = [...asDocker, 'X-Docker-Expose-Session-Uuid: twice'];
  const first = connect(socketPath, () => first.write(request('/session', headers)));
  first.once('data', () => opened.resolve());
  t.after(() => first.destroy());
  await opened.promise;
  assert.match(await ask('/session', headers), /^HTTP\/1\.1 400 [\s\S]*"session twice already exists"/);
});

/** The first that comes back; then the client goes. */
function ask(path: string, headers: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(socketPath, () => socket.write(request(path, headers)));
    let text = '';
    socket.on('data', (data) => {
      text += data.toString('latin1');
      const [head = '', body] = text.split('\r\n\r\n');
      if (body === undefined || (!head.includes(' 101 ') && body === '')) return;
      socket.destroy();
      resolve(text);
    });
    socket.on('error', reject);
    socket.on('end', () => resolve(text));
  });
}

function request(path: string, headers: readonly string[]): string {
  return [`POST ${path} HTTP/1.1`, 'Host: docker', ...headers, '', ''].join('\r\n');
}
