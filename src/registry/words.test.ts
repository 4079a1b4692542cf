import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { bareHost, hostKeys } from '../docker-config/host-key.ts';
import { errorKinds } from '../errors/index.ts';
import { parseReference } from '../oci/index.ts';
import { parseChallenges } from './challenge.ts';
import { registryErrorCodes } from './error-table.ts';
import { checkHop } from './exchange.ts';
import { insecureHosts } from './insecure-hosts.ts';
import { networkError } from './network-error.ts';
import { bypassesProxy } from './proxy-bypass.ts';
import { redactUrl } from './redact-url.ts';
import { replyError } from './reply-error.ts';
import { retryAfter } from './transport.ts';

test('the table of error codes is the one in the docs', () => {
  const docs = readFileSync(new URL('../../docs/registries.md', import.meta.url), 'utf8');
  const rows = [...docs.matchAll(/^\| (code-\d+) \| `(\w+)` \| (\w+) \|/gm)].map(([, section, code, kind]) => ({
    section,
    code,
    kind,
  }));
  assert.deepEqual(
    rows,
    registryErrorCodes.map(({ section, code, kind }) => ({ section, code, kind })),
  );
  for (const { kind } of registryErrorCodes) assert.ok(errorKinds.includes(kind));
});

test('challenges are read one or many to a header, quoted or not', () => {
  const [one, two] = parseChallenges(
    'Bearer realm="https://a/t?x=1,2",service="r", scope="repository:a/b:pull,push" , Basic realm=plain',
  );
  assert.deepEqual({ ...one!.params }, { realm: 'https://a/t?x=1,2', service: 'r', scope: 'repository:a/b:pull,push' });
  assert.equal(two!.scheme, 'basic');
  assert.deepEqual({ ...parseChallenges('basic REALM="a \\"b\\""')[0]!.params }, { realm: 'a "b"' });
  assert.deepEqual(parseChallenges(undefined), []);
  for (const text of ['"""', 'Bearer realm=', '=,=,=', 'Bearer __proto__="x"']) parseChallenges(text);
});

const said = (status: number, body: string, headers = {}) =>
  replyError({ status, headers, body: [Buffer.from(body)] as never }).then(({ message, kind, code }) => ({
    message,
    kind,
    code,
  }));

test('what a registry answers is told in the words of Docker', async () => {
  assert.deepEqual(
    await said(404, '{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown","detail":{}}]}'),
    {
      message: 'manifest unknown: manifest unknown',
      kind: 'not_found',
      code: 'manifest_unknown',
    },
  );
  assert.equal((await said(401, '')).message, 'unauthorized: authentication required');
  assert.equal(
    (await said(401, '', { 'www-authenticate': 'Bearer realm="x",error="insufficient_scope"' })).code,
    'denied',
  );
  assert.equal((await said(502, '<html>')).message, 'received unexpected HTTP status: 502 Bad Gateway');
  assert.equal((await said(429, '')).message, 'toomanyrequests: too many requests');
  assert.equal(
    (await said(400, '{"errors":[{"code":"ODD_ONE","message":"a\\u001b[31mb"}]}')).message,
    'odd one: a [31mb',
  );
});

test('the body of an error is read up to a bound', async () => {
  let read = 0;
  async function* endless() {
    for (;;) {
      read += 65536;
      yield Buffer.alloc(65536, 'x');
    }
  }
  await replyError({ status: 500, headers: {}, body: endless() });
  assert.ok(read <= 2 * 65536);
});

test('failures of the network are named as Go names them', () => {
  const url = new URL('https://u:secret@registry.example:5000/v2/?sig=secret');
  const words = (code: string, more = {}) =>
    networkError('GET', url, Object.assign(new Error('x'), { code }, more)).message;
  assert.equal(
    words('ECONNREFUSED', { address: '10.0.0.1', port: 5000 }),
    'Get "https://registry.example:5000/v2/?sig=xxxxx": dial tcp 10.0.0.1:5000: connect: connection refused',
  );
  assert.match(
    words('ENOTFOUND', { hostname: 'registry.example' }),
    /dial tcp: lookup registry\.example: no such host$/,
  );
  assert.match(words('SELF_SIGNED_CERT_IN_CHAIN'), /x509: certificate signed by unknown authority$/);
  assert.match(words('ERR_SSL_WRONG_VERSION_NUMBER'), /http: server gave HTTP response to HTTPS client$/);
});

test('secrets are stripped from URLs', () => {
  assert.equal(
    redactUrl('https://me:pw@h/v2/x?_state=abc&digest=sha256:1&X-Amz-Signature=s#t'),
    'https://h/v2/x?_state=xxxxx&digest=sha256:1&X-Amz-Signature=xxxxx',
  );
});

test('http is for loopback, listed hosts and listed networks', () => {
  const insecure = insecureHosts(['reg.lan:5000', '10.1.0.0/16', 'fd00::/8', 'http://other.lan/']);
  for (const host of [
    'localhost',
    'localhost:5000',
    '127.0.0.1:1',
    '[::1]:5000',
    'reg.lan:5000',
    'REG.lan:5000',
    '10.1.2.3:80',
    '[fd00::1]:5',
    'other.lan',
  ]) {
    assert.ok(insecure(host), host);
  }
  for (const host of ['reg.lan', 'reg.lan:5001', '10.2.0.1', 'localhost.example', '127.0.0.1.example', '[2001::1]'])
    assert.ok(!insecure(host), host);
});

test('redirects never leave encryption behind', () => {
  const insecure = insecureHosts([]);
  const hop = (from: string, to: string) => checkHop(new URL(from), new URL(to), insecure);
  hop('https://a/', 'https://b/');
  hop('http://127.0.0.1/', 'http://127.0.0.1:2/');
  assert.throws(() => hop('https://a/', 'http://127.0.0.1/'), { code: 'redirect_refused' });
  assert.throws(() => hop('http://127.0.0.1/', 'http://169.254.169.254/'), { code: 'redirect_refused' });
  assert.throws(() => hop('https://a/', 'ftp://a/'), { code: 'redirect_refused' });
});

test('no_proxy is read as Go reads it', () => {
  const list = 'a.example, .b.example,10.0.0.0/8,c.example:8080,[fd00::1]:5,1.2.3.4';
  for (const [host, port] of [
    ['a.example', 443],
    ['x.a.example', 443],
    ['x.b.example', 1],
    ['10.9.9.9', 1],
    ['c.example', 8080],
    ['1.2.3.4', 1],
    ['localhost', 1],
    ['127.9.9.9', 1],
  ] as const) {
    assert.ok(bypassesProxy(host, port, list), host);
  }
  for (const [host, port] of [
    ['b.example', 1],
    ['xa.example', 1],
    ['c.example', 443],
    ['11.0.0.1', 1],
  ] as const)
    assert.ok(!bypassesProxy(host, port, list), host);
  assert.ok(bypassesProxy('any', 1, '*'));
});

test('Retry-After is seconds or a date', () => {
  assert.equal(retryAfter('7'), 7000);
  assert.equal(retryAfter('Wed, 21 Oct 2015 07:28:10 GMT', Date.parse('Wed, 21 Oct 2015 07:28:00 GMT')), 10_000);
  assert.equal(retryAfter('soon'), undefined);
});

test('Docker Hub is known by the address of its first API', () => {
  assert.equal(hostKeys('docker.io')[0], 'https://index.docker.io/v1/');
  assert.equal(hostKeys(parseReference('nginx').domain)[0], 'https://index.docker.io/v1/');
  assert.equal(bareHost('https://registry.example:5000/v2/'), 'registry.example:5000');
});
