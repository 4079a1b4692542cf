import assert from 'node:assert/strict';
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, test } from 'node:test';
import { allCredentials, eraseCredentials, resolveCredentials, storeCredentials } from './credential-store.ts';
import { loadDockerConfig } from './docker-config.ts';

const top = mkdtempSync(join(tmpdir(), 'strata-docker-config-'));
const path = process.env['PATH'];
let folder: string;
let file: string;
let folders = 0;

// A helper that keeps its entries in a file, as a keychain would.
const helper = `#!/bin/sh
store=${top}/kept
case $1 in
  store) cat > "$store";;
  get) read server; if grep -q "\\"$server\\"" "$store" 2>/dev/null; then cat "$store"; else echo "credentials not found in native keychain"; exit 1; fi;;
  erase) rm -f "$store";;
  list) echo '{"https://index.docker.io/v1/":"me"}';;
esac
`;

before(() => {
  mkdirSync(join(top, 'bin'));
  for (const [name, text] of [
    ['toy', helper],
    ['broken', '#!/bin/sh\necho "the keychain is locked"; exit 1\n'],
  ] as const) {
    writeFileSync(join(top, 'bin', `docker-credential-${name}`), text);
    chmodSync(join(top, 'bin', `docker-credential-${name}`), 0o755);
  }
  process.env['PATH'] = `${join(top, 'bin')}:${path}`;
});
after(() => {
  process.env['PATH'] = path;
  rmSync(top, { recursive: true });
});
beforeEach(() => {
  folder = join(top, String(++folders));
  file = join(folder, 'config.json');
});

const write = (document: object) => {
  mkdirSync(folder);
  writeFileSync(file, JSON.stringify(document), { mode: 0o644 });
  return loadDockerConfig(file);
};
const read = () => JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>;

test('a login is written as docker writes it, for the owner only, with a warning', async () => {
  const { config, warning } = await storeCredentials(loadDockerConfig(file), 'registry.example', {
    username: 'me',
    password: 'p:w',
  });
  assert.equal(
    readFileSync(file, 'utf8'),
    '{\n\t"auths": {\n\t\t"registry.example": {\n\t\t\t"auth": "bWU6cDp3"\n\t\t}\n\t}\n}',
  );
  assert.equal(statSync(file).mode & 0o777, 0o600);
  assert.match(warning!, /^\nWARNING! Your credentials are stored unencrypted in '.*config\.json'\.\n/);
  assert.deepEqual(await resolveCredentials(config, 'registry.example'), { username: 'me', password: 'p:w' });
  assert.deepEqual(readdirSync(folder), ['config.json']);
});

test('keys that are not ours stay, also those written meanwhile; a link stays a link', async () => {
  const config = write({ psFormat: 'x', auths: { other: { auth: 'YTpi' } } });
  writeFileSync(
    file,
    JSON.stringify({ psFormat: 'x', plugins: { a: 1 }, auths: { other: { auth: 'YTpi', email: 'e' } } }),
  );
  const link = join(folder, 'link.json');
  symlinkSync(file, link);
  await storeCredentials({ ...config, path: link }, 'docker.io', { username: 'u', identitytoken: 't' });
  assert.deepEqual(read(), {
    psFormat: 'x',
    plugins: { a: 1 },
    auths: {
      other: { auth: 'YTpi', email: 'e' },
      'https://index.docker.io/v1/': { auth: 'dTo=', identitytoken: 't' },
    },
  });
  assert.deepEqual(await resolveCredentials(loadDockerConfig(file), 'docker.io'), {
    username: 'u',
    identitytoken: 't',
  });
});

test('old spellings of a host are found, and erased with it', async () => {
  const config = write({
    auths: { 'https://registry.example/v1/': { auth: 'YTpi' }, 'other.example': { auth: 'YTpi' } },
  });
  assert.deepEqual(await resolveCredentials(config, 'registry.example'), { username: 'a', password: 'b' });
  assert.equal(await resolveCredentials(config, 'absent.example'), undefined);
  const { erased } = await eraseCredentials(config, 'registry.example');
  assert.ok(erased);
  assert.deepEqual(Object.keys(read()['auths'] as object), ['other.example']);
  assert.equal((await eraseCredentials(loadDockerConfig(file), 'registry.example')).erased, false);
});

test('a helper keeps the secret out of the file', async () => {
  const config = write({ credsStore: 'toy' });
  const { warning } = await storeCredentials(config, 'docker.io', { username: 'me', password: 'pw' });
  assert.equal(warning, undefined);
  assert.deepEqual(read()['auths'], { 'https://index.docker.io/v1/': {} });
  const now = loadDockerConfig(file);
  assert.deepEqual(await resolveCredentials(now, 'docker.io'), { username: 'me', password: 'pw' });
  assert.deepEqual(await allCredentials(now), { 'https://index.docker.io/v1/': { username: 'me', password: 'pw' } });
  assert.equal(await resolveCredentials(now, 'registry.example'), undefined);
  await eraseCredentials(now, 'docker.io');
  assert.equal(await resolveCredentials(loadDockerConfig(file), 'docker.io'), undefined);
});

test('a registry’s own helper goes before the general one; tokens keep their kind', async () => {
  const config = write({ credsStore: 'broken', credHelpers: { 'registry.example': 'toy' } });
  await storeCredentials(config, 'registry.example', { username: 'me', identitytoken: 'tok' });
  assert.deepEqual(await resolveCredentials(config, 'registry.example'), { identitytoken: 'tok' });
  await assert.rejects(resolveCredentials(config, 'other.example'), /docker-credential-broken: the keychain is locked/);
});

test('a helper that is not there, or is no name, is told', async () => {
  await assert.rejects(
    resolveCredentials(write({ credsStore: 'absent' }), 'x.example'),
    /"docker-credential-absent": executable file not found in \$PATH/,
  );
  await assert.rejects(
    resolveCredentials({ path: file, document: { credsStore: '../../bin/sh' } }, 'x.example'),
    /no name of a credential helper/,
  );
});

test('a file that is no JSON is named, not quoted', () => {
  mkdirSync(folder);
  writeFileSync(file, '{"auths": secret');
  assert.throws(
    () => loadDockerConfig(file),
    (error: Error) => /config\.json is not valid JSON/.test(error.message) && !error.message.includes('secret'),
  );
});
