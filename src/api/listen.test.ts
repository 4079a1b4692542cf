import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { request as httpsRequest } from 'node:https';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { createApi } from './api.ts';
import { createTestBackend } from './testing/backend.ts';

const dir = mkdtempSync(join(tmpdir(), 'strata-tls-'));
const api = createApi(createTestBackend());
const file = (name: string) => readFileSync(join(dir, name));
let port = 0;

function openssl(...args: string[]): void {
  execFileSync('openssl', args, { cwd: dir, stdio: 'ignore' });
}

function certificate(name: string, issuer: string): void {
  openssl(
    'req',
    '-newkey',
    'rsa:2048',
    '-nodes',
    '-keyout',
    `${name}.key`,
    '-out',
    `${name}.csr`,
    '-subj',
    `/CN=${name}`,
    '-addext',
    'subjectAltName=DNS:localhost,IP:127.0.0.1',
  );
  openssl(
    'x509',
    '-req',
    '-in',
    `${name}.csr`,
    '-CA',
    `${issuer}.crt`,
    '-CAkey',
    `${issuer}.key`,
    '-CAcreateserial',
    '-copy_extensions',
    'copy',
    '-out',
    `${name}.crt`,
  );
}

before(async () => {
  for (const ca of ['ca', 'stranger'])
    openssl(
      'req',
      '-x509',
      '-newkey',
      'rsa:2048',
      '-nodes',
      '-keyout',
      `${ca}.key`,
      '-out',
      `${ca}.crt`,
      '-subj',
      `/CN=${ca}`,
    );
  certificate('server', 'ca');
  certificate('client', 'ca');
  certificate('intruder', 'stranger');
  const probe = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => probe.once('listening', resolve));
  port = (probe.address() as { port: number }).port;
  await new Promise((resolve) => probe.close(resolve));
  await api.listen({
    tcp: { host: '127.0.0.1', port, tls: { ca: file('ca.crt'), cert: file('server.crt'), key: file('server.key') } },
  });
});

after(async () => {
  await api.close();
  rmSync(dir, { recursive: true, force: true });
});

function ping(identity: { cert: Buffer; key: Buffer } | undefined): Promise<number> {
  return new Promise((resolve, reject) => {
    const request = httpsRequest(
      { host: '127.0.0.1', port, path: '/_ping', ca: file('ca.crt'), agent: false, ...identity },
      (answer) => {
        answer.resume();
        answer.on('end', () => resolve(answer.statusCode!));
      },
    );
    request.on('error', reject);
    request.end();
  });
}

test('over TCP a client of our own authority is served', async () => {
  assert.equal(await ping({ cert: file('client.crt'), key: file('client.key') }), 200);
});

test('over TCP nobody without a certificate, or with a stranger’s, is served', async () => {
  await assert.rejects(ping(undefined));
  await assert.rejects(ping({ cert: file('intruder.crt'), key: file('intruder.key') }));
});
