import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, test } from 'node:test';
import { parseReference } from '../../src/oci/index.ts';
import { startRegistry, type TestRegistry } from './fixtures/docker-registry.ts';
import { startGuard } from './fixtures/guard.ts';
import { openStore, type TestStore } from './fixtures/test-store.ts';

const alice = { username: 'alice', password: 's3cret' };
const bob = { username: 'bob', password: 'pa:ss' };
let basic: TestRegistry;
let tokens: TestRegistry;
let store: TestStore;

before(async () => {
  const users = { [alice.username]: alice.password, [bob.username]: bob.password };
  [basic, tokens, store] = await Promise.all([
    startRegistry({ users }),
    startRegistry({ tokens: { alice: alice.password } }),
    openStore(),
  ]);
});
after(async () => {
  await store?.close();
  await basic?.close();
  await tokens?.close();
});

const ref = (registry: TestRegistry, name: string) => parseReference(`${registry.host}/${name}`);

test('htpasswd: without credentials nothing is given, and the message says which are missing', async () => {
  await store.build(`${basic.host}/a/b:1`, { f: 'x' });
  await assert.rejects(store.transfers.pull(ref(basic, 'a/b:1'), {}), {
    kind: 'unauthenticated',
    message: `Get "http://${basic.host}/v2/a/b/manifests/1": no basic auth credentials`,
  });
  await assert.rejects(store.transfers.push(ref(basic, 'a/b:1'), {}), /no basic auth credentials/);
});

test('htpasswd: the right password pushes and pulls, a wrong one does not', async () => {
  const { digest } = await store.transfers.push(ref(basic, 'a/b:1'), { auth: alice });
  const pulled = await store.transfers.pull(ref(basic, `a/b@${digest}`), { auth: bob });
  assert.equal(pulled.digest, digest);
  await assert.rejects(store.client.tags(ref(basic, 'a/b'), { auth: { ...alice, password: 'wrong' } }), {
    kind: 'unauthenticated',
    message: 'unauthorized: authentication required',
  });
});

test('htpasswd: login says yes or no', async () => {
  assert.deepEqual(await store.client.login(basic.host, alice), { status: 'Login Succeeded' });
  await assert.rejects(store.client.login(basic.host, { ...alice, password: 'wrong' }), {
    kind: 'unauthenticated',
    message: `login attempt to http://${basic.host}/v2/ failed with status: 401 Unauthorized`,
  });
});

test('tokens: each repository gets a token for what is done with it, kept while it is good', async () => {
  await store.build(`${tokens.host}/alice/app:1`, { f: 'x' }, { g: 'y' });
  const { requests } = tokens.tokenServer!;
  requests.length = 0;
  await store.transfers.push(ref(tokens, 'alice/app:1'), { auth: alice });
  assert.deepEqual([...new Set(requests.map(({ scopes }) => scopes.join(' ')))], ['repository:alice/app:pull,push']);
  assert.equal(requests.length, 1);
  await store.images.tag(`${tokens.host}/alice/app:1`, ref(tokens, 'alice/other:1'));
  requests.length = 0;
  await store.transfers.push(ref(tokens, 'alice/other:1'), { auth: alice });
  assert.ok(
    requests.some(({ granted }) => granted.join(' ') === 'alice/other:pull,push alice/app:pull'),
    'a mount needs a token for both repositories',
  );
});

test('tokens: one that has run out is renewed', async () => {
  const server = tokens.tokenServer!;
  server.lifetime = 1;
  await store.client.tags(ref(tokens, 'alice/app'), { auth: alice });
  const before = server.requests.length;
  await new Promise((resolve) => setTimeout(resolve, 1100));
  assert.deepEqual(await store.client.tags(ref(tokens, 'alice/app'), { auth: alice }), ['1']);
  assert.ok(server.requests.length > before);
  server.lifetime = 300;
});

test('tokens: pulling what one may not see tells of login; pushing to others tells of a name of one’s own', async () => {
  await assert.rejects(store.transfers.pull(ref(tokens, 'secret/app:1'), {}), {
    kind: 'not_found',
    message: `pull access denied for ${tokens.host}/secret/app, repository does not exist or may require 'docker login': denied: requested access to the resource is denied`,
  });
  tokens.tokenServer!.allow = (account, name) => (name.startsWith(`${account}/`) ? ['pull', 'push'] : ['pull']);
  await store.images.tag(`${tokens.host}/alice/app:1`, ref(tokens, 'library/app:1'));
  await assert.rejects(store.transfers.push(ref(tokens, 'library/app:1'), { auth: alice }), {
    kind: 'permission_denied',
    message: `denied: requested access to the resource is denied: you may not push to ${tokens.host}/library/app; tag the image as ${tokens.host}/<account>/app and push that`,
  });
});

test('tokens: login gives an identity token, which then stands for the password', async () => {
  const { identitytoken } = await store.client.login(tokens.host, alice);
  assert.ok(identitytoken);
  const { requests } = tokens.tokenServer!;
  requests.length = 0;
  assert.deepEqual(await store.client.tags(ref(tokens, 'alice/app'), { auth: { identitytoken } }), ['1']);
  assert.deepEqual(
    requests.map(({ method, account }) => [method, account]),
    [['POST', 'alice']],
  );
  await assert.rejects(store.client.login(tokens.host, { ...alice, password: 'wrong' }), {
    kind: 'unauthenticated',
    message: `Get "http://${tokens.host}/v2/": unauthorized: incorrect username or password`,
  });
});

test('credentials go to nobody that the registry names: other hosts, other realms (CVE-2020-15157)', async () => {
  const heard: (string | undefined)[] = [];
  const thief = createServer((request, response) => {
    heard.push(request.headers.authorization);
    response.end('{"token":"x"}');
  });
  await new Promise<void>((resolve) => thief.listen(0, '127.0.0.1', resolve));
  const thiefUrl = `http://127.0.0.1:${(thief.address() as AddressInfo).port}`;
  let challenge = 'Basic realm="x"';
  const registry = createServer((request, response) => {
    if (request.url === '/v2/' || request.headers.authorization === undefined) {
      response.writeHead(401, { 'www-authenticate': challenge }).end();
    } else response.writeHead(307, { location: `${thiefUrl}/blob` }).end();
  });
  await new Promise<void>((resolve) => registry.listen(0, '127.0.0.1', resolve));
  const host = `127.0.0.1:${(registry.address() as AddressInfo).port}`;
  const target = { mediaType: 'x/y', digest: `sha256:${'0'.repeat(64)}` as never, size: 13 };
  const read = async (client = store.client) => {
    for await (const _ of await client.blob(parseReference(`${host}/a/b`), target, { auth: alice }));
  };
  await assert.rejects(read());
  assert.deepEqual(heard, [undefined], 'the redirect is followed without the password');

  heard.length = 0;
  challenge = 'Bearer realm="http://tokens.example/token",service="x"';
  const other = await openStore();
  await assert.rejects(read(other.client), { code: 'realm_refused' });
  challenge = `Bearer realm="http://u:p@127.0.0.1:1/token",service="x"`;
  const third = await openStore();
  await assert.rejects(read(third.client), (error: Error) => !error.message.includes('u:p'));
  assert.deepEqual(heard, []);
  await other.close();
  await third.close();
  registry.close();
  thief.close();
});

/** Layers that are sent as a stream rather than in one request. */
const large = () => ({ f: randomBytes(1_200_000) });

test('tokens: 20 layers are pushed and pulled with tokens that are good for 2 s, whatever they say', async () => {
  const guard = await startGuard(tokens.host);
  const seen = new Map<string, number>();
  const refused = new Map<string, number>();
  const bodies = new Set<string>();
  guard.verdict = (request) => {
    const { authorization } = request.headers;
    if (authorization === undefined) return undefined;
    // A token that runs out between the start of an upload and its body, each third time.
    const first = seen.get(authorization) ?? Date.now();
    seen.set(authorization, first);
    const place = request.method === 'PATCH' ? request.url!.split('?')[0]! : '';
    const isCut = place !== '' && !bodies.has(place) && bodies.add(place).size % 3 === 0;
    if (Date.now() - first <= 2000 && !isCut) return undefined;
    seen.set(authorization, 0);
    refused.set(request.method!, (refused.get(request.method!) ?? 0) + 1);
    return {
      status: 401,
      headers: { 'www-authenticate': `Bearer realm="${tokens.tokenServer!.realm}",service="test-registry"` },
    };
  };
  try {
    const name = `${guard.host}/alice/twenty:1`;
    await store.build(name, ...Array.from({ length: 20 }, large));
    const { digest } = await store.transfers.push(parseReference(name), { auth: alice });
    assert.ok((refused.get('PATCH') ?? 0) >= 6, JSON.stringify([...refused]));
    assert.equal((await store.client.head(parseReference(name), { auth: alice })) ?? '', digest);
  } finally {
    await guard.close();
  }
});

for (const method of ['HEAD', 'POST', 'PATCH', 'PUT', 'manifest PUT'] as const) {
  test(`a registry that asks for a password from a ${method} on gets every body once more, and whole`, async () => {
    const open = await startRegistry();
    const guard = await startGuard(open.host);
    let locked = false;
    guard.verdict = (request) => {
      const kind = request.url?.includes('/manifests/') ? `manifest ${request.method}` : request.method;
      if (kind === method) locked = true;
      if (!locked || request.headers.authorization) return undefined;
      return { status: 401, headers: { 'www-authenticate': 'Basic realm="test"' } };
    };
    try {
      const name = `${guard.host}/a/locked:1`;
      await store.build(name, large(), { small: randomBytes(100) });
      const begun = Date.now();
      const { digest } = await store.transfers.push(parseReference(name), { auth: alice });
      assert.ok(Date.now() - begun < 10_000);
      assert.equal(await store.client.head(parseReference(name), { auth: alice }), digest);
    } finally {
      await guard.close();
      await open.close();
    }
  });
}

for (const status of [307, 308]) {
  test(`an upload that is led elsewhere by a ${status} takes its body along, and its password not`, async () => {
    const open = await startRegistry();
    const guard = await startGuard(open.host);
    const elsewhere = await startGuard(open.host);
    const given: (string | undefined)[] = [];
    elsewhere.verdict = (request) => {
      given.push(request.headers.authorization);
      return undefined;
    };
    guard.verdict = (request) => {
      if (request.method !== 'PATCH' && request.method !== 'PUT') return undefined;
      return { status, headers: { location: `http://${elsewhere.host}${request.url}` } };
    };
    try {
      const name = `${guard.host}/a/led:1`;
      await store.build(name, large(), { small: randomBytes(100) });
      const { digest } = await store.transfers.push(parseReference(name), { auth: alice });
      assert.equal(await store.client.head(parseReference(name), {}), digest);
      assert.ok(given.length >= 3);
      assert.deepEqual([...new Set(given)], [undefined]);
    } finally {
      await Promise.all([guard.close(), elsewhere.close(), open.close()]);
    }
  });
}

test('a download that breaks goes on where it was, also when the token has run out meanwhile', async () => {
  const name = `${tokens.host}/alice/resumed:1`;
  await store.build(name, { f: randomBytes(4_000_000) });
  const { digest } = await store.transfers.push(parseReference(name), { auth: alice });
  const guard = await startGuard(tokens.host);
  let ranges = 0;
  let old = '';
  guard.verdict = (request) => {
    const { authorization = '', range } = request.headers;
    if (!request.url?.includes('/blobs/') || authorization === '') return undefined;
    if (range === undefined && old === '') {
      old = authorization;
      setTimeout(() => request.socket.destroy(), 3);
      return undefined;
    }
    if (authorization !== old) return undefined;
    ranges++;
    return {
      status: 401,
      headers: { 'www-authenticate': `Bearer realm="${tokens.tokenServer!.realm}",service="test-registry"` },
    };
  };
  try {
    const other = await openStore();
    const pulled = await other.transfers.pull(parseReference(`${guard.host}/alice/resumed@${digest}`), { auth: alice });
    assert.equal(pulled.digest, digest);
    assert.ok(ranges >= 1);
    await other.close();
  } finally {
    await guard.close();
  }
});
