/** Registries by the command line and by the docker client, through a real daemon. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { startEngine, type TestEngine } from '../harness/engine.ts';
import { startRegistry, type TestRegistry } from './fixtures/docker-registry.ts';

const users = { alice: 's3cret', bob: 'pa:ss' };
let engine: TestEngine;
let open: TestRegistry;
let basic: TestRegistry;
let tokens: TestRegistry;
/** The folder of `config.json` that both clients are told to use. */
let config: string;

before(async () => {
  [engine, open, basic, tokens] = await Promise.all([
    startEngine({ bases: ['busybox'] }),
    startRegistry(),
    startRegistry({ users }),
    startRegistry({ tokens: users }),
  ]);
  config = join(engine.work, 'config');
  mkdirSync(config);
});
after(async () => {
  await engine?.stop();
  await Promise.all([open, basic, tokens].map((registry) => registry?.close()));
});

const env = () => ({ DOCKER_CONFIG: config, PATH: `${engine.work}/bin:${process.env['PATH']}` });
const strata = (args: readonly string[], options: Parameters<TestEngine['strata']>[1] = {}) =>
  engine.strata(args, { ...options, env: env() });
const docker = (args: readonly string[], options: Parameters<TestEngine['docker']>[1] = {}) =>
  engine.docker(args, { ...options, env: env() });
const configFile = () => JSON.parse(readFileSync(join(config, 'config.json'), 'utf8'));
const fails = { accept: [1] };

/** A busybox with a file of its own; each name of it is another image. */
async function image(name: string): Promise<void> {
  const folder = join(engine.work, 'context');
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'name'), name);
  writeFileSync(join(folder, 'Dockerfile'), 'FROM busybox\nCOPY name /name\nCMD ["cat", "/name"]\n');
  await strata(['build', '-q', '-t', name, folder]);
}

test('login keeps the password where docker looks for it, and warns of that; logout takes it away', async () => {
  const warning = `
WARNING! Your credentials are stored unencrypted in '${config}/config.json'.
Configure a credential helper to remove this warning. See
https://docs.docker.com/go/credential-store/
`;
  const wrong = await strata(['login', '-u', 'alice', '--password-stdin', basic.host], { input: 'wrong\n', ...fails });
  assert.match(wrong.stderr, /login attempt to http:.*\/v2\/ failed with status: 401 Unauthorized/);
  const right = await strata(['login', '-u', 'alice', '--password-stdin', basic.host], { input: 's3cret\n' });
  assert.equal(right.stdout, 'Login Succeeded\n');
  assert.equal(right.stderr.trim(), warning.trim());
  assert.deepEqual(configFile(), {
    auths: { [basic.host]: { auth: Buffer.from('alice:s3cret').toString('base64') } },
  });

  const second = await strata(['login', '-u', 'alice', '--password-stdin', basic.host], { input: 's3cret\n' });
  assert.equal(second.output, 'Login Succeeded\n', 'what is kept already is no news');

  const name = `${basic.host}/team/one:1`;
  await image(name);
  assert.match((await docker(['push', name])).stdout, /1: digest: sha256:[0-9a-f]{64} size: \d+/);
  assert.equal((await strata(['logout', basic.host])).stdout, `Removing login credentials for ${basic.host}\n`);
  assert.deepEqual(configFile().auths, {});
  assert.match((await docker(['push', name], fails)).stderr, /no basic auth credentials/);

  const again = await docker(['login', '-u', 'bob', '--password-stdin', basic.host], { input: 'pa:ss\n' });
  assert.match(again.stdout, /Login Succeeded/);
  assert.match((await strata(['push', name])).stdout, /Layer already exists/);
  await docker(['logout', basic.host]);
  assert.match((await strata(['pull', name], fails)).stderr, /no basic auth credentials/);
});

/** What a command shows on a terminal of its own, where each prompt is answered when it is there. */
async function onTerminal(command: string, answers: Readonly<Record<string, string>>): Promise<string> {
  const host = `unix://${engine.socket}`;
  const child = spawn('script', ['-qec', command, '/dev/null'], {
    env: { ...process.env, ...env(), DOCKER_HOST: host, STRATA_HOST: host },
    stdio: ['pipe', 'pipe', 'inherit'],
    timeout: 60_000,
  });
  let shown = '';
  const waiting = new Map(Object.entries(answers));
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    shown += text;
    for (const [prompt, answer] of waiting) {
      if (!shown.includes(prompt)) continue;
      waiting.delete(prompt);
      child.stdin.write(`${answer}\n`);
    }
  });
  const [code] = await once(child, 'close');
  assert.equal(code, 0, shown);
  return shown;
}

test('on a terminal login asks, and shows no password; without one it says so', async () => {
  const main = join(import.meta.dirname, '../../src/cli/main.ts');
  const own = `${process.execPath} --disable-warning=ExperimentalWarning -- ${main}`;
  const shown: string[] = [];
  for (const client of ['docker', own]) {
    const text = await onTerminal(`${client} login ${basic.host}`, { 'Username:': 'alice', 'Password:': 's3cret' });
    shown.push(text.slice(text.indexOf('Username:')).replaceAll('\r', ''));
    assert.deepEqual(Object.keys(configFile().auths), [basic.host]);
    await strata(['logout', basic.host]);
  }
  assert.equal(shown[1], shown[0]);
  assert.match(shown[1]!, /^Username: .*Password: \n\nWARNING! Your credentials.*\nLogin Succeeded\n$/s);
  // Without a server it is Docker Hub, which is said before an account is asked for.
  const hub = await onTerminal(`${own} login || true`, { 'Username:': '' });
  assert.match(
    hub.replaceAll('\r', ''),
    /^Log in with your Docker ID or email address .*\nYou can log in with your password or a Personal Access Token .*\n\nUsername: \nError: Non-null Username Required\n$/s,
  );
  const none = await strata(['login', basic.host], fails);
  assert.match(none.stderr, /Cannot perform an interactive login from a non TTY device/);
});

test('a credential helper has the password, for one registry or for all, and the file does not', async () => {
  const bin = join(engine.work, 'bin');
  mkdirSync(bin, { recursive: true });
  const kept = join(engine.work, 'kept');
  const helper = join(bin, 'docker-credential-drawer');
  // Keeps one file for each server, as a keychain would keep an entry.
  writeFileSync(
    helper,
    `#!/bin/sh
mkdir -p ${kept}
file() { echo "${kept}/$(echo "$1" | tr -c 'a-z0-9\\n' _)"; }
case $1 in
  store) json=$(cat); server=$(echo "$json" | sed 's/.*"ServerURL":"\\([^"]*\\)".*/\\1/'); echo "$json" > "$(file "$server")";;
  get) read -r server; cat "$(file "$server")" 2>/dev/null || { echo "credentials not found in native keychain"; exit 1; };;
  erase) read -r server; rm -f "$(file "$server")";;
  list) echo '{}';;
esac
`,
  );
  chmodSync(helper, 0o755);
  for (const settings of [{ credsStore: 'drawer' }, { credHelpers: { [basic.host]: 'drawer' } }]) {
    writeFileSync(join(config, 'config.json'), JSON.stringify(settings));
    const login = await strata(['login', '-u', 'alice', '--password-stdin', basic.host], { input: 's3cret' });
    assert.equal(login.output, 'Login Succeeded\n');
    assert.ok(
      !readFileSync(join(config, 'config.json'), 'utf8').includes(Buffer.from('alice:s3cret').toString('base64')),
    );
    assert.ok(!readFileSync(join(config, 'config.json'), 'utf8').includes('s3cret'));
    await docker(['pull', `${basic.host}/team/one:1`]);
    await strata(['pull', `${basic.host}/team/one:1`]);
    for (const client of [strata, docker]) {
      const again = await client(['login', basic.host]);
      assert.equal(again.stdout, 'Login Succeeded\n');
      const name = client === strata ? 'strata' : 'docker';
      assert.equal(
        again.stderr,
        `Authenticating with existing credentials... [Username: alice]\n\n Info -> To login with a different account, run '${name} logout' followed by '${name} login'\n\n\n`,
      );
    }
    await strata(['logout', basic.host]);
    assert.match((await strata(['pull', `${basic.host}/team/one:1`], fails)).stderr, /no basic auth credentials/);
  }
  rmSync(join(config, 'config.json'));
});

test('push and pull say what docker says', async () => {
  const name = `${open.host}/team/app`;
  await image(`${name}:1`);
  const { stdout: pushed } = await strata(['push', `${name}:1`]);
  assert.match(pushed, /^The push refers to repository \[127\.0\.0\.1:\d+\/team\/app\]\n/);
  assert.equal(pushed.match(/: Pushed\n/g)?.length, 2);
  const [, digest = ''] = /\n1: digest: (sha256:[0-9a-f]{64}) size: \d+\n$/.exec(pushed) ?? [];
  assert.ok(digest, pushed);
  assert.equal((await strata(['push', `${name}:1`])).stdout.match(/: Layer already exists\n/g)?.length, 2);
  await strata(['tag', `${name}:1`, `${open.host}/other/copy:1`]);
  const mounted = await strata(['push', `${open.host}/other/copy:1`]);
  assert.equal(mounted.stdout.match(/: Mounted from team\/app\n/g)?.length, 2, mounted.stdout);
  assert.equal((await strata(['push', '-q', `${name}:1`])).output, `${name}:1\n`);

  await strata(['rmi', '-f', `${name}:1`, `${open.host}/other/copy:1`]);
  const pulled = await strata(['pull', `${name}:1`]);
  assert.match(
    pulled.stdout,
    new RegExp(
      `^1: Pulling from team/app\\n[^]*Digest: ${digest}\\nStatus: Downloaded newer image for ${name}:1\\n${name}:1\\n$`,
    ),
  );
  assert.match((await strata(['pull', `${name}:1`])).stdout, /\nStatus: Image is up to date for/);
  assert.equal((await strata(['pull', '-q', `${name}:1`])).output, `${name}:1\n`);
  assert.equal((await strata(['run', '--rm', `${name}:1`])).stdout, `${name}:1`);

  await strata(['rmi', '-f', `${name}:1`]);
  const byDigest = await strata(['pull', `${name}@${digest}`]);
  assert.match(byDigest.stdout, new RegExp(`Status: Downloaded newer image for ${name}@${digest}\\n`));
  assert.match((await strata(['image', 'ls', '--digests', name])).stdout, new RegExp(`${name} +<none> +${digest}`));
  const unknown = await strata(['pull', `${name}@sha256:${'0'.repeat(64)}`], fails);
  assert.match(unknown.stderr, /manifest unknown/);
});

test('all tags are pushed and pulled at once', async () => {
  const name = `${open.host}/many/app`;
  for (const tag of ['a', 'b']) await image(`${name}:${tag}`);
  const { stdout } = await strata(['push', '--all-tags', name]);
  assert.match(stdout, /\na: digest: sha256:/);
  assert.match(stdout, /\nb: digest: sha256:/);
  await strata(['rmi', '-f', `${name}:a`, `${name}:b`]);
  const pulled = await strata(['pull', '-a', name]);
  assert.match(pulled.stdout, new RegExp(`Status: Downloaded newer image for ${name}\\n`));
  assert.deepEqual((await strata(['image', 'ls', '--format', '{{.Tag}}', name])).stdout.split('\n').sort(), [
    '',
    'a',
    'b',
  ]);
  const both = await strata(['pull', '-a', `${name}:a`], fails);
  assert.match(both.stderr, /tag can't be used with --all-tags\/-a/);
});

test('a push that is denied says which name would be taken', async () => {
  tokens.tokenServer!.allow = (account, name) => (name.startsWith(`${account}/`) ? ['pull', 'push'] : ['pull']);
  await strata(['login', '-u', 'alice', '--password-stdin', tokens.host], { input: 's3cret' });
  const name = `${tokens.host}/library/app:1`;
  await image(name);
  for (const client of [strata, docker]) {
    const { stderr } = await client(['push', name], fails);
    assert.match(stderr, new RegExp(`denied: .*tag the image as ${tokens.host}/<account>/app and push that`));
  }
  await strata(['tag', name, `${tokens.host}/alice/app:1`]);
  await strata(['push', `${tokens.host}/alice/app:1`]);
  tokens.tokenServer!.allow = () => [];
  const nobody = await strata(['pull', `${tokens.host}/secret/app:1`], fails);
  assert.match(nobody.stderr, /pull access denied for .*\/secret\/app, repository does not exist or may require/);
});

test('a registry’s identity token is kept in the place of the password, for both clients', async () => {
  tokens.tokenServer!.allow = (account) => (account === '' ? [] : ['pull', 'push']);
  const name = `${tokens.host}/alice/token:1`;
  await image(name);
  for (const [login, use] of [
    [strata, docker],
    [docker, strata],
  ] as const) {
    await strata(['logout', tokens.host]);
    assert.match((await use(['push', name], fails)).stderr, /denied|unauthorized|authentication required/);
    await login(['login', '-u', 'alice', '--password-stdin', tokens.host], { input: 's3cret' });
    const kept = configFile().auths[tokens.host];
    assert.ok(kept.identitytoken, JSON.stringify(kept));
    assert.equal(Buffer.from(kept.auth, 'base64').toString(), 'alice:');
    await use(['push', name]);
    await use(['pull', name]);
  }
});

test('a remote image is inspected without pulling it, and lists of images are made', async () => {
  const name = `${open.host}/lists`;
  await image(`${name}/amd:1`);
  await strata(['push', `${name}/amd:1`]);
  await image(`${name}/arm:1`);
  await strata(['push', `${name}/arm:1`]);
  const inspect = async (...args: string[]) =>
    JSON.parse((await strata(['image', 'inspect', '--remote', ...args])).stdout);
  const [one] = await inspect(`${name}/amd:1`);
  assert.equal(one.Name, `${name}/amd:1`);
  assert.deepEqual(one.Config.config.Cmd, ['cat', '/name']);
  assert.equal(one.Manifest.layers.length, 2);
  const shown = await strata(['image', 'inspect', '--remote', '-f', '{{.Digest}}', `${name}/amd:1`]);
  assert.equal(shown.stdout, `${one.Digest}\n`);

  const list = `${name}/app:1`;
  await strata(['manifest', 'create', list, `${name}/amd:1`]);
  const twice = await strata(['manifest', 'create', list, `${name}/arm:1`], fails);
  assert.match(twice.stderr, /refusing to amend an existing manifest list with no --amend flag/);
  await strata(['manifest', 'rm', list]);
  assert.match((await strata(['manifest', 'rm', list], fails)).stderr, /No such manifest: /);
  const created = await strata(['manifest', 'create', list, `${name}/amd:1`, `${name}/arm:1`]);
  assert.equal(created.stdout, `Created manifest list ${list}\n`);
  await strata(['manifest', 'annotate', list, `${name}/arm:1`, '--arch', 'arm64', '--variant', 'v8']);
  const pushed = await strata(['manifest', 'push', '--purge', list]);
  const digest = pushed.stdout.trim().split('\n').at(-1);
  const [index] = await inspect(list);
  assert.equal(index.Digest, digest);
  assert.deepEqual(index.Platforms, ['linux/amd64', 'linux/arm64/v8']);
  const [arm] = await inspect('--platform', 'linux/arm64', list);
  assert.equal(arm.Digest, index.Manifest.manifests[1].digest);
  assert.deepEqual(JSON.parse((await strata(['manifest', 'inspect', list])).stdout), index.Manifest);
  const none = await strata(['image', 'inspect', '--remote', `${name}/none:1`], fails);
  assert.match(none.stderr, /not found|manifest unknown|name unknown/);

  const other = await strata(['pull', '--platform', 'linux/s390x', list], fails);
  assert.match(other.stderr, /no matching manifest for linux\/s390x in the manifest list entries/);
  await strata(['pull', '--platform', 'linux/arm64', list]);
  assert.equal((await strata(['image', 'inspect', '-f', '{{.Id}}', list])).stdout.length, 72);
});

test('search asks the registry', async () => {
  const found = [{ name: 'team/app', description: 'An app', star_count: 3, is_official: false, is_automated: false }];
  const asked: string[] = [];
  const server: Server = createServer((request, response) => {
    asked.push(request.url ?? '');
    response.setHeader('content-type', 'application/json');
    if (request.url?.startsWith('/v1/search'))
      response.end(JSON.stringify({ num_results: 1, query: 'app', results: found }));
    else response.writeHead(request.url === '/v2/' ? 200 : 404).end('{}');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  for (const client of [strata, docker]) {
    const { stdout } = await client(['search', `${host}/app`]);
    assert.match(stdout, /^NAME +DESCRIPTION +STARS +OFFICIAL *\nteam\/app +An app +3 *\n$/);
  }
  assert.ok(asked.some((url) => url.startsWith('/v1/search?') && url.includes('q=app')));
  server.close();
  server.closeAllConnections();
});
