import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { type AddressInfo, createServer as createSocket } from 'node:net';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { gunzipSync, zstdDecompressSync } from 'node:zlib';
import { makeContext } from '../harness/context.ts';
import { startEngine, type TestEngine } from '../harness/engine.ts';

let engine: TestEngine;
let web: Server;
let origin = '';

/** What must never be found again. */
const secrets = {
  file: 'f1le-s3cret-5d1b7c',
  env: 'env-s3cret-90ab12',
  agent: 'agent-s3cret-77fe31',
  proxy: 'proxy-s3cret-c0ffee',
  url: 'url-s3cret-deadbe',
} as const;

before(async () => {
  engine = await startEngine({ bases: ['busybox'] });
  web = createServer((request, reply) => {
    const expected = `Basic ${Buffer.from(`user:${secrets.url}`).toString('base64')}`;
    if (request.headers.authorization !== expected) return reply.writeHead(401, { 'www-authenticate': 'Basic' }).end();
    if (request.url !== '/Dockerfile') return reply.writeHead(404).end();
    return reply.end('FROM busybox\nRUN echo from the web\n');
  });
  await new Promise<void>((resolve) => web.listen(0, '127.0.0.1', resolve));
  origin = `http://user:${secrets.url}@127.0.0.1:${(web.address() as AddressInfo).port}`;
});
after(async () => {
  web?.close();
  await engine?.stop();
});

/** The secrets, as they are and in the forms in which they travel. */
function forms(): ReadonlyMap<string, Buffer> {
  return new Map(
    Object.entries(secrets).flatMap(([name, value]) => [
      [name, Buffer.from(value)],
      [`${name} in base64`, Buffer.from(Buffer.from(value).toString('base64').replace(/=+$/, ''))],
    ]),
  );
}

function found(where: string, bytes: Buffer): string[] {
  return [...forms()].filter(([, value]) => bytes.includes(value)).map(([name]) => `${where}: ${name}`);
}

/** Every file of the store, archives unpacked. Sockets and what the kernel makes up are no files. */
function searchStore(): { readonly hits: readonly string[]; readonly files: number } {
  const hits: string[] = [];
  let files = 0;
  for (const root of [engine.dataRoot, engine.stateRoot]) {
    for (const entry of readdirSync(root, { recursive: true, withFileTypes: true })) {
      const path = join(entry.parentPath, entry.name);
      // Network namespaces only look like files.
      if (!entry.isFile() || path.includes('/netns/')) continue;
      files++;
      const bytes = readFileSync(path);
      hits.push(...found(path, bytes));
      if (bytes.length > 4) {
        if (bytes.readUInt16BE(0) === 0x1f8b) hits.push(...found(`${path} unpacked`, gunzipSync(bytes)));
        if (bytes.readUInt32LE(0) === 0xfd2fb528) hits.push(...found(`${path} unpacked`, zstdDecompressSync(bytes)));
      }
    }
  }
  return { hits, files };
}

function dockerfile(end: string): string {
  // The value itself must not be in the text.
  const check = `sha256sum /run/secrets/file && test -n "$TOKEN" -a -S "$SSH_AUTH_SOCK" -a -n "$http_proxy"`;
  return [
    'FROM busybox',
    `RUN --mount=type=secret,id=file --mount=type=secret,id=env,env=TOKEN --mount=type=ssh ${check} && echo used > /used${end}`,
    'RUN --mount=type=secret,id=file,target=/etc/deep/er/secret,mode=0440,uid=7 cp /etc/deep/er/secret /tmp/s && rm /tmp/s',
    '',
  ].join('\n');
}

test('secrets, sockets and credentials of a build are nowhere in the store, a log or an answer', async () => {
  const agent = createSocket((socket) => socket.end(secrets.agent));
  const agentPath = join(engine.work, 'agent.sock');
  await new Promise<void>((resolve) => agent.listen(agentPath, resolve));
  const file = join(engine.work, 'secret-file');
  writeFileSync(file, secrets.file);
  const said: string[] = [];
  const build = async (end: string, ...more: readonly string[]) => {
    const dir = makeContext(engine.work, { Dockerfile: dockerfile(end) });
    const args = [
      'build',
      ...more,
      '--secret',
      `id=file,src=${file}`,
      '--secret',
      'id=env,env=TOKEN_OF_MINE',
      '--ssh',
      `default=${agentPath}`,
      '--build-arg',
      `http_proxy=http://user:${secrets.proxy}@127.0.0.1:1`,
      dir,
    ];
    const { code, output } = await engine.strata(args, {
      accept: 'any',
      env: { TOKEN_OF_MINE: secrets.env },
      input: 'exit\n',
    });
    said.push(output);
    return { code, output };
  };
  const metadata = join(engine.work, 'metadata.json');
  const cache = join(engine.work, 'cache');
  const ok = await build('', '-t', 'kept:1', '--progress=rawjson', '--metadata-file', metadata);
  assert.equal(ok.code, 0, ok.output);
  const exported = await build('', '--cache-to', `type=local,dest=${cache},mode=max`, '--progress=plain', '--explain');
  assert.equal(exported.code, 0, exported.output);
  const inline = await build('', '--cache-to', 'type=inline', '--no-cache', '-t', 'kept:2');
  assert.equal(inline.code, 0, inline.output);
  assert.equal((await build('; exit 9', '--progress=plain')).code, 1);
  for (const path of ['Dockerfile', 'missing.tar.gz']) {
    const { output } = await engine.strata(['build', '--progress=plain', `${origin}/${path}`], { accept: 'any' });
    said.push(output);
  }
  assert.equal((await build('; exit 9', '--progress=plain', '--on-error=shell')).code, 1);
  for (const args of [
    ['history', '--no-trunc', 'kept:1'],
    ['image', 'inspect', 'kept:1', 'kept:2'],
    ['system', 'df', '-v'],
    ['builder', 'du', '--verbose'],
    ['save', '-o', join(engine.work, 'saved.tar'), 'kept:1', 'kept:2'],
  ])
    said.push((await engine.strata(args, { accept: 'any' })).output);
  agent.close();

  const { hits, files } = searchStore();
  assert.ok(files > 10, `only ${files} files were searched`);
  assert.deepEqual(hits, []);
  assert.deepEqual(
    said.flatMap((text, i) => found(`answer ${i}`, Buffer.from(text))),
    [],
  );
  assert.deepEqual(found('log', Buffer.from(engine.log())), []);
  assert.deepEqual(found('metadata', readFileSync(metadata)), []);
  assert.deepEqual(found('archive', readFileSync(join(engine.work, 'saved.tar'))), []);
});

test('the search finds what is there', async () => {
  const dir = makeContext(engine.work, { Dockerfile: 'FROM busybox\nCOPY f /f\n', f: `x${secrets.file}x` });
  await engine.strata(['build', dir]);
  assert.notDeepEqual(searchStore().hits, []);
});
