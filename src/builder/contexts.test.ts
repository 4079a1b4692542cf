import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { type AddressInfo, createServer as createPort } from 'node:net';
import { join } from 'node:path';
import { after, afterEach, before, beforeEach, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { BuildRequest, BuildResult, ContextSource } from '../wire/build.ts';
import { startGitHost } from './testing/git-host.ts';
import { type BuildHost, startBuildHost } from './testing/host.ts';

let host: BuildHost;
before(async () => {
  host = await startBuildHost();
});
after(async () => await host.stop());

interface Asked {
  readonly path: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
}

let server: Server;
let origin = '';
let files: Record<string, { body: string | Buffer; headers?: Record<string, string>; status?: number }>;
let asked: Asked[];
beforeEach(async () => {
  files = {};
  asked = [];
  server = createServer((request, reply) => {
    const path = request.url ?? '/';
    asked.push({ path, headers: request.headers });
    const file = files[path];
    if (!file) return reply.writeHead(404).end();
    if (file.headers?.['etag'] && request.headers['if-none-match'] === file.headers['etag'])
      return reply.writeHead(304).end();
    return reply.writeHead(file.status ?? 200, file.headers).end(file.body);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterEach(() => void server.close());

const read = (result: BuildResult, path: string) =>
  host.withFiles(result, (root) => readFileSync(join(root, path), 'utf8'));

function buildFrom(context: ContextSource, request: Partial<BuildRequest> = {}) {
  return host.build('', { context, ...request });
}

function tarOf(dir: string, ...options: string[]): string {
  const file = `${dir}.tar`;
  assert.equal(spawnSync('tar', [...options, '-cf', file, '-C', dir, '.']).status, 0);
  return file;
}

test('a context can be a tar, compressed or not, that is deleted afterwards', async () => {
  for (const option of [[], ['--gzip'], ['--zstd'], ['--xz'], ['--bzip2']]) {
    const dir = host.context({ Dockerfile: 'FROM scratch\nCOPY f /f\n', f: option.join() });
    const path = tarOf(dir, ...option);
    const { result } = await buildFrom({ kind: 'file', path, remove: true });
    assert.equal(await read(result, 'f'), option.join());
    assert.ok(!existsSync(path));
  }
});

test('a folder of a context that is fetched can be the context, with the Dockerfile from the whole', async () => {
  const dir = host.context({
    Dockerfile: 'FROM scratch\nCOPY . /\n',
    '.dockerignore': 'one\n',
    above: 'x',
    'a/b/one': '1',
    'a/b/two': '2',
    'a/b/.dockerignore': 'two\n.dockerignore\n',
    file: 'x',
  });
  symlinkSync('a/b', join(dir, 'link'));
  symlinkSync('../../../../../..', join(dir, 'out'));
  const path = tarOf(dir);
  const url = `${origin}/context.tar`;
  files['/context.tar'] = { body: readFileSync(path) };
  const contexts = [
    (subdir: string) => ({ kind: 'file', path, subdir }),
    (subdir: string) => ({ kind: 'url', url, subdir }),
  ];
  for (const context of contexts as readonly ((subdir: string) => ContextSource)[]) {
    for (const subdir of ['a/b', '/a/b/', 'link', 'a/../link/.']) {
      const { result } = await buildFrom(context(subdir));
      assert.deepEqual(await host.withFiles(result, (root) => readdirSync(root)), ['one'], subdir);
    }
    for (const [subdir, message] of [
      ['absent', /subdir absent not found in the context/],
      ['file', /subdir file is not a directory in the context/],
      ['..', /subdir \.\. leads out of the context/],
      ['a/../../b', /leads out of the context/],
      ['out/etc', /subdir out\/etc not found in the context/],
    ] as const)
      await assert.rejects(buildFrom(context(subdir)), { message });
  }
});

test('a file that is no archive is the Dockerfile', async () => {
  const path = join(host.context({ Alone: 'FROM busybox\nLABEL alone=yes\n' }), 'Alone');
  const { result } = await buildFrom({ kind: 'file', path });
  assert.equal((await host.images.get(result.imageID!)).config.config?.Labels?.['alone'], 'yes');
});

test('an archive cannot write outside of the context', async () => {
  const dir = host.context({ Dockerfile: 'FROM scratch\nCOPY . /\n', 'x/f': 'f' });
  const path = `${dir}.tar`;
  spawnSync('tar', ['-P', '--transform', 's,^\\./x/f,../../escaped,', '-cf', path, '-C', dir, '.']);
  await assert.rejects(buildFrom({ kind: 'file', path }));
  assert.ok(!existsSync(join(host.top, 'data/escaped')) && !existsSync(join(host.top, 'data/build/escaped')));
});

test('a Dockerfile can be text, a path in the context or one outside of it, each with an ignore file', async () => {
  const dir = host.context({
    'sub/My.Dockerfile': 'FROM scratch\nCOPY . /inside\n',
    'sub/My.Dockerfile.dockerignore': 'a\n',
    '.dockerignore': 'b\n',
    a: '1',
    b: '2',
  });
  const outside = host.context({ Dockerfile: 'FROM scratch\nCOPY . /outside\n' });
  const listed = async (dockerfile: BuildRequest['dockerfile'], path: string) => {
    const { result } = await host.build(dir, { ...(dockerfile && { dockerfile }) });
    return host.withFiles(result, (root) => readdirSync(join(root, path)).filter((name) => name.length === 1));
  };
  assert.deepEqual(await listed({ path: 'sub/My.Dockerfile' }, 'inside'), ['b']);
  assert.deepEqual(await listed({ path: join(outside, 'Dockerfile') }, 'outside'), ['a']);
  assert.deepEqual(await listed({ text: 'FROM scratch\nCOPY . /text\n' }, 'text'), ['a']);
});

test('a Dockerfile that is a link is followed inside the context only', async () => {
  writeFileSync(join(host.top, 'secret'), 'FROM secret-of-the-host\n');
  const dir = host.context({ 'real/Dockerfile': 'FROM scratch\nLABEL real=1\n' });
  symlinkSync('/real/Dockerfile', join(dir, 'Dockerfile'));
  symlinkSync(join(host.top, 'secret'), join(dir, 'Leaky'));
  await host.build(dir);
  await assert.rejects(host.build(dir, { dockerfile: { path: 'Leaky' } }), /failed to read dockerfile/);
});

test('a missing Dockerfile and a missing context are told in Docker’s words', async () => {
  await assert.rejects(host.build(host.context({ x: '' })), {
    message: 'failed to read dockerfile: open Dockerfile: no such file or directory',
  });
  await assert.rejects(host.build('/no/such/folder'), /unable to prepare context: path "\/no\/such\/folder" not found/);
});

test('a context can be a Dockerfile or an archive on the web', async () => {
  files['/Dockerfile'] = { body: 'FROM busybox\nLABEL from=web\n' };
  const dir = host.context({ Dockerfile: 'FROM scratch\nCOPY f /f\n', f: 'web' });
  files['/context.tar.gz'] = { body: readFileSync(tarOf(dir, '--gzip')) };
  await buildFrom({ kind: 'url', url: `${origin}/Dockerfile` });
  const { result } = await buildFrom({ kind: 'url', url: `${origin}/context.tar.gz` });
  assert.equal(await read(result, 'f'), 'web');
});

test('a named context stands for a stage, an image or a source of COPY', async () => {
  const extra = host.context({ f: 'extra', hidden: 'x', '.dockerignore': 'hidden\n' });
  const dir = host.context({
    Dockerfile:
      'FROM files AS tree\nFROM alias\nRUN --mount=from=tree,target=/m,source=f cat /m\nCOPY --from=files . /a/\nCOPY --from=tree / /b/\n',
  });
  const { result } = await host.build(dir, {
    namedContexts: { files: { kind: 'local', dir: extra }, alias: { kind: 'image', name: 'busybox' } },
  });
  const list = await host.withFiles(result, (root) => [readdirSync(join(root, 'a')), readdirSync(join(root, 'b'))]);
  assert.deepEqual(list, [
    ['.dockerignore', 'f'],
    ['.dockerignore', 'f'],
  ]);
});

test('a named context can be nothing at all, and a mount of nobody is one of the context', async () => {
  const dir = host.context({
    Dockerfile:
      'FROM base AS one\nCOPY f /f\nFROM busybox\nRUN --mount=type=bind,from=,target=/m cat /m/f\nCOPY --from=one / /one\n',
    f: 'of the context',
  });
  const { output, result } = await host.build(dir, { namedContexts: { base: { kind: 'image', name: 'scratch' } } });
  assert.equal(output, 'of the context');
  await host.withFiles(result, (root) => assert.deepEqual(readdirSync(join(root, 'one')), ['f']));
});

test('a named context can be an image of an OCI layout, by tag, by digest or alone', async () => {
  const dest = join(host.top, 'layout.tar');
  const made = host.context({ Dockerfile: 'FROM scratch\nCOPY f /f\nENV FROM_LAYOUT=yes\n', f: 'laid out' });
  await host.build(made, { outputs: [{ type: 'oci', dest, attributes: { name: 'laid:v1' } }] });
  await host.builder.cache.prune({ all: true });
  const layout = join(host.top, 'layout');
  mkdirSync(layout);
  spawnSync('tar', ['-xf', dest, '-C', layout]);
  const { manifests } = JSON.parse(readFileSync(join(layout, 'index.json'), 'utf8'));
  const dir = host.context({ Dockerfile: 'FROM laid\nCOPY --from=laid /f /g\n' });
  const from = (reference?: string) =>
    host.build(dir, { namedContexts: { laid: { kind: 'oci-layout', dir: layout, ...(reference && { reference }) } } });
  for (const reference of [undefined, 'v1', manifests[0].digest]) {
    const { result } = await from(reference);
    assert.equal(await read(result, 'g'), 'laid out');
    assert.deepEqual((await host.images.get(result.imageID!)).config.config?.Env, [
      'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
      'FROM_LAYOUT=yes',
    ]);
  }
  await assert.rejects(from('v2'), { kind: 'not_found', hint: 'it holds v1' });
  const blob = join(layout, 'blobs/sha256', manifests[0].digest.slice(7));
  writeFileSync(blob, readFileSync(blob, 'utf8').replace('laid', 'lied').replace('"size":', '"size": '));
  await assert.rejects(from(), { kind: 'data_loss', code: 'digest_mismatch' });
});

test('a named context takes the place of a stage of its name', async () => {
  const extra = host.context({ f: 'of the context' });
  const dir = host.context({
    Dockerfile: 'FROM busybox AS made\nRUN exit 1\nFROM made\nCOPY --from=made /f /g\nCOPY --from=0 /f /h\n',
  });
  const { result } = await host.build(dir, { namedContexts: { made: { kind: 'local', dir: extra } } });
  for (const name of ['f', 'g', 'h']) assert.equal(await read(result, name), 'of the context');
  const image = { made: { kind: 'image', name: 'busybox' } } as const;
  await host.build(host.context({ Dockerfile: 'FROM scratch AS made\nRUN exit 1\nFROM made\nRUN true\n' }), {
    namedContexts: image,
  });
});

test('a named context can be another target of the file', async () => {
  const dir = host.context({
    Dockerfile: 'FROM busybox AS one\nRUN echo one > /n\nFROM base AS two\nCOPY --from=base /n /m\n',
  });
  const { result } = await host.build(dir, { namedContexts: { base: { kind: 'target', name: 'one' } } });
  assert.equal(await read(result, 'm'), 'one\n');
});

test('ADD of a URL keeps its date, takes nothing twice and notices a change', async () => {
  const date = 'Tue, 01 Feb 2022 03:04:05 GMT';
  files['/d/tool.bin?x=1'] = { body: 'one', headers: { etag: '"1"', 'last-modified': date } };
  const dir = host.context({
    Dockerfile: `FROM busybox\nADD ${origin}/d/tool.bin?x=1 /t/\nRUN stat -c '%a %Y' /t/tool.bin\n`,
  });
  const first = await host.build(dir);
  assert.equal(first.output, `600 ${Date.parse(date) / 1000}\n`);
  assert.deepEqual((await host.build(dir)).ran, []);
  assert.equal(asked.filter(({ headers }) => headers['if-none-match'] === '"1"').length, 1);
  files['/d/tool.bin?x=1'] = { body: 'two', headers: { etag: '"2"' } };
  const changed = await host.build(dir);
  assert.equal(changed.ran.length, 2);
  assert.equal(await read(changed.result, 't/tool.bin'), 'two');
});

test('a checksum is held against what came', async () => {
  files['/f'] = { body: 'content' };
  const right = 'ed7002b439e9ac845f22357d822bac1444730fbdb6016d3ec9432297b9ec9f73';
  const dockerfile = (hex: string) => `FROM scratch\nADD --checksum=sha256:${hex} ${origin}/f /f\n`;
  await host.build(host.context({ Dockerfile: dockerfile(right) }));
  await assert.rejects(
    host.build(host.context({ Dockerfile: dockerfile('0'.repeat(64)) })),
    new RegExp(`digest mismatch sha256:${right}: sha256:${'0'.repeat(64)}`),
  );
});

test('credentials of a URL go to its own host and into no message', async () => {
  const other = createServer((request, reply) => {
    assert.equal(request.headers.authorization, undefined);
    reply.end('redirected');
  });
  await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
  try {
    const elsewhere = `http://127.0.0.1:${(other.address() as AddressInfo).port}/f`;
    files['/f'] = { body: '', status: 302, headers: { location: elsewhere } };
    const url = origin.replace('://', '://me:canary-7f@');
    const { result, events } = await host.build(host.context({ Dockerfile: `FROM scratch\nADD ${url}/f /f\n` }));
    assert.equal(await read(result, 'f'), 'redirected');
    assert.match(asked[0]!.headers['authorization'] as string, /^Basic /);
    const messages = events.filter(({ type }) => type === 'log' || type === 'failed');
    assert.ok(!JSON.stringify(messages).includes('canary-7f'));
  } finally {
    other.close();
  }
});

test('credentials for a git repository come from its URL or a secret, and stay out of the checkout', async () => {
  const repos = host.context({ 'repo.git/f': 'private', 'repo.git/Dockerfile': 'FROM scratch\nCOPY f /f\n' });
  const cwd = join(repos, 'repo.git');
  for (const args of [
    ['init', '-q', '-b', 'main', '.'],
    ['add', '.'],
    ['-c', 'user.name=t', '-c', 'user.email=t@t', 'commit', '-qm', 'one'],
  ])
    assert.equal(spawnSync('git', args, { cwd }).status, 0);
  const token = Buffer.from('x-access-token:canary-3c').toString('base64');
  const served = await startGitHost(repos, `Basic ${token}`);
  try {
    const repo = `${served.origin}/repo.git`;
    const withUrl = repo.replace('://', '://x-access-token:canary-3c@');
    const add = (url: string) => host.context({ Dockerfile: `FROM scratch\nADD --keep-git-dir=true ${url} /r\n` });
    const secrets = [{ id: 'GIT_AUTH_TOKEN', value: Buffer.from('canary-3c').toString('base64') }];
    for (const { result } of [
      await host.build(add(withUrl)),
      await host.build(add(repo), { secrets, noCache: true }),
    ]) {
      assert.equal(await read(result, 'r/f'), 'private');
      const leaks = await host.withFiles(result, (root) =>
        spawnSync('grep', ['-rl', '-e', 'canary-3c', '-e', token, root], { encoding: 'utf8' }),
      );
      assert.equal(leaks.stdout, '');
      assert.match(await read(result, 'r/.git/config'), /url = http:\/\/127\.0\.0\.1/);
    }
    const context: ContextSource = { kind: 'url', url: `${repo}#main` };
    const result = await host.builder.build(
      { context, secrets },
      { progress: () => {}, signal: AbortSignal.timeout(20_000) },
    );
    assert.equal(await read(result, 'f'), 'private');
    const Dockerfile = `FROM scratch\nADD ${repo}?branch=main&keep-git-dir=true /r\n`;
    const asked = await host.build(host.context({ Dockerfile }), { secrets });
    assert.match(await read(asked.result, 'r/.git/HEAD'), /^[0-9a-f]{40}/);
    await assert.rejects(host.build(add(repo), { noCache: true }), { code: 'git_failed' });
    for (const [add, message] of [
      [`--keep-git-dir=false ${repo}?keep-git-dir=1`, /inconsistent keep-git-dir configuration/],
      [`--checksum=abc1 ${repo}?checksum=abc2`, /checksum mismatch "abc1" != "abc2"/],
      [`--checksum=main ${repo}`, /invalid checksum main for Git URL, expected hex commit hash/],
      [`${repo}?tag=v1#v1`, /ref conflicts: "v1" vs "refs\/tags\/v1"/],
    ] as const)
      await assert.rejects(host.build(host.context({ Dockerfile: `FROM scratch\nADD ${add} /r\n` })), { message });
  } finally {
    served.close();
  }
});

test('a context can be a folder of a git repository at a tag', async (t) => {
  const repo = host.context({ 'sub/Dockerfile': 'FROM scratch\nCOPY f /f\n', 'sub/f': 'first' });
  const git = (...args: string[]) =>
    assert.equal(
      spawnSync('git', ['-c', 'user.name=t', '-c', 'user.email=t@t', ...args], { cwd: repo }).status,
      0,
      args.join(' '),
    );
  git('init', '-q', '-b', 'main', '.');
  git('add', '.');
  git('commit', '-qm', 'one');
  git('tag', 'v1');
  writeFileSync(join(repo, 'sub/f'), 'second');
  git('commit', '-qam', 'two');
  mkdirSync(join(host.top, 'repos'), { recursive: true });
  const port = await freePort();
  const args = [
    'daemon',
    '--reuseaddr',
    `--port=${port}`,
    '--listen=127.0.0.1',
    '--export-all',
    `--base-path=${host.top}`,
  ];
  const daemon = spawn('git', args, { stdio: 'ignore' });
  t.after(() => daemon.kill());
  const url = `git://127.0.0.1:${port}${repo.slice(host.top.length)}`;
  await untilListening(port);
  const tagged = await buildFrom({ kind: 'url', url: `${url}#v1:sub` });
  assert.equal(await read(tagged.result, 'f'), 'first');
  const latest = await buildFrom({ kind: 'url', url: `${url}#:sub` });
  assert.equal(await read(latest.result, 'f'), 'second');
  await assert.rejects(buildFrom({ kind: 'url', url, subdir: 'absent' }), { message: /subdir absent not found/ });
  await assert.rejects(buildFrom({ kind: 'url', url: `${url}#main:../..` }), /Dockerfile|subdir/);
  const add = host.context({ Dockerfile: `FROM scratch\nADD ${url}#v1 /r\n` });
  assert.equal(await read((await host.build(add)).result, 'r/sub/f'), 'first');
});

async function freePort(): Promise<number> {
  const probe = createPort();
  await new Promise<void>((resolve) => probe.listen(0, '127.0.0.1', resolve));
  const { port } = probe.address() as AddressInfo;
  await new Promise((resolve) => probe.close(resolve));
  return port;
}

async function untilListening(port: number): Promise<void> {
  for (let tries = 0; tries < 100; tries++) {
    if (spawnSync('bash', ['-c', `exec 3<>/dev/tcp/127.0.0.1/${port}`]).status === 0) return;
    await sleep(50);
  }
  throw new Error('git daemon does not answer');
}
