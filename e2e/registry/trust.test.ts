import assert from 'node:assert/strict';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { parseReference } from '../../src/oci/index.ts';
import { createRegistryClient, type RegistryClientOptions } from '../../src/registry/index.ts';
import { makeCertificate, startRegistry, type TestRegistry } from './fixtures/docker-registry.ts';
import { openStore } from './fixtures/test-store.ts';
import { startTunnel } from './fixtures/tunnel.ts';

const dir = mkdtempSync(join(tmpdir(), 'strata-trust-'));
const server = makeCertificate(dir, 'server');
const user = makeCertificate(dir, 'user');
let secure: TestRegistry;
let mutual: TestRegistry;

before(async () => {
  secure = await startRegistry({ tls: server });
  mutual = await startRegistry({ tls: { ...server, clientCa: user.cert } });
});
after(async () => {
  await secure?.close();
  await mutual?.close();
  rmSync(dir, { recursive: true, force: true });
});

/** `localhost` is insecure by definition, so these tests speak to the machine by another of its names. */
const outside = '127.0.0.1.nip.example';

async function tags(
  registry: TestRegistry,
  options: Partial<RegistryClientOptions>,
  host = registry.host,
): Promise<unknown> {
  const client = createRegistryClient({ mirrors: [], insecure: [], certsDir: join(dir, 'none'), ...options });
  try {
    return await client.tags(parseReference(`${host}/a/b`), {});
  } finally {
    await client.close();
  }
}

/** A folder of certificates for one host. */
function certs(name: string, host: string, files: Readonly<Record<string, string>>): string {
  const folder = join(dir, name, host);
  mkdirSync(folder, { recursive: true });
  for (const [file, source] of Object.entries(files)) copyFileSync(source, join(folder, file));
  return join(dir, name);
}

test('a loopback registry with an unknown certificate is spoken to', async () => {
  await assert.rejects(tags(secure, {}), /repository name not known to registry|NAME_UNKNOWN|name unknown/);
});

test('a client certificate of certs.d is shown', async () => {
  const certsDir = certs('mutual', mutual.host, {
    'ca.crt': server.cert,
    'client.cert': user.cert,
    'client.key': user.key,
  });
  await assert.rejects(tags(mutual, { certsDir }), /name unknown/);
  await assert.rejects(tags(mutual, {}), /Get "https:.*(certificate required|EOF|reset)/);
});

test('a client certificate without its key is refused with the file’s name', async () => {
  const certsDir = certs('half', mutual.host, { 'client.cert': user.cert });
  await assert.rejects(tags(mutual, { certsDir }), /missing key client\.key for client certificate client\.cert/);
});

test('another host’s certificate must be trusted: by the system or by certs.d', async () => {
  const tunnel = await startTunnel();
  const port = secure.host.split(':')[1];
  const host = `${outside}:${port}`;
  const proxies = { https: tunnel.url };
  await assert.rejects(tags(secure, { proxies }, host), {
    code: 'tls_untrusted',
    message: `Get "https://${host}/v2/": tls: failed to verify certificate: x509: certificate signed by unknown authority`,
  });
  const certsDir = certs('trusted', host, { 'ca.crt': server.cert });
  await assert.rejects(tags(secure, { proxies, certsDir }, host), /x509: certificate is not valid for/);
  await assert.rejects(tags(secure, { proxies, insecure: [host] }, host), /name unknown/);
  assert.ok(tunnel.connects.includes(host), 'requests went through the proxy');
  await tunnel.close();
});

test('no_proxy and loopback go past the proxy', async () => {
  const tunnel = await startTunnel();
  await assert.rejects(tags(secure, { proxies: { http: tunnel.url, https: tunnel.url } }), /name unknown/);
  assert.deepEqual(tunnel.connects, []);
  await tunnel.close();
});

test('an http-only registry that is not listed is not spoken to without encryption', async () => {
  const plain = await startRegistry();
  const tunnel = await startTunnel();
  const host = `${outside}:${plain.host.split(':')[1]}`;
  const proxies = { http: tunnel.url, https: tunnel.url };
  await assert.rejects(tags(plain, { proxies }, host), {
    code: 'tls_expected',
    message: `Get "https://${host}/v2/": http: server gave HTTP response to HTTPS client`,
  });
  await assert.rejects(tags(plain, { proxies, insecure: [host] }, host), /name unknown/);
  await tunnel.close();
  await plain.close();
});

test('a mirror is asked before Docker Hub, and its failure is no failure', async () => {
  const mirror = await startRegistry();
  const store = await openStore({ client: { mirrors: [`http://${mirror.host}`] } });
  await store.build(`${mirror.host}/library/app:1`, { f: 'x' });
  await store.transfers.push(parseReference(`${mirror.host}/library/app:1`), {});
  const other = await openStore({ client: { mirrors: ['http://127.0.0.1:1', `http://${mirror.host}`] } });
  const { digest, id } = await other.transfers.pull(parseReference('app:1'), {});
  const image = await other.images.get('app:1');
  assert.equal(image.id, id);
  assert.deepEqual(image.repoDigests, [`docker.io/library/app@${digest}`]);
  await other.close();
  await store.close();
  await mirror.close();
});
