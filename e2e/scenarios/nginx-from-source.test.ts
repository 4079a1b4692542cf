import assert from 'node:assert/strict';
import { copyFileSync, createReadStream, statSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { nginxSource } from '../../scripts/nginx-source.ts';
import { makeContext } from '../harness/context.ts';
import { fetchText, startEngine, type TestEngine } from '../harness/engine.ts';
import { freePort } from '../harness/ports.ts';

let engine: TestEngine;
let tarball: string;
let server: Server;
let url: string;

before(async () => {
  tarball = nginxSource();
  engine = await startEngine({ bases: ['debian'] });
  server = createServer((request, response) => {
    if (request.url !== '/nginx.tar.gz') return void response.writeHead(404).end();
    response.writeHead(200, {
      'content-type': 'application/gzip',
      'content-length': statSync(tarball).size,
      'last-modified': 'Tue, 14 Jun 2022 12:00:00 GMT',
    });
    createReadStream(tarball).pipe(response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as { port: number }).port}/nginx.tar.gz`;
});
after(async () => {
  server?.close();
  await engine?.stop();
});

const packages = 'gcc make libc6-dev libpcre2-dev zlib1g-dev';
const configure = './configure --prefix=/opt/nginx --sbin-path=/usr/local/sbin/nginx --without-http_gzip_module';

test('nginx is built from the tarball that COPY brings', async () => {
  const context = makeContext(engine.work, {
    Dockerfile: `FROM debian:bookworm
RUN apt-get update && apt-get install -y --no-install-recommends ${packages}
COPY nginx.tar.gz /src/
WORKDIR /src
RUN tar -xf nginx.tar.gz --strip-components=1
RUN ${configure} && make -j2 && make install
EXPOSE 80
CMD ["nginx", "-g", "daemon off;"]
`,
  });
  copyFileSync(tarball, join(context, 'nginx.tar.gz'));
  await engine.strata(['build', '-t', 'custom-nginx:built', context]);
  const port = await freePort();
  await engine.strata(['run', '-d', '--rm', '--name', 'built', '-p', `${port}:80`, 'custom-nginx:built']);
  assert.match(await fetchText(`http://127.0.0.1:${port}/`), /Welcome to nginx!/);
  await engine.strata(['stop', '-t', '2', 'built']);
});

test('the Debian base tells apt what the official image tells it', async () => {
  const { stdout } = await engine.strata(['run', '--rm', 'debian:bookworm', 'apt-config', 'dump']);
  for (const setting of [
    /^Apt::AutoRemove::SuggestsImportant "false";$/im,
    /^Acquire::GzipIndexes "true";$/m,
    /^Acquire::Languages:: "none";$/m,
    /^Dir::Cache::pkgcache "";$/m,
    /^Dir::Cache::srcpkgcache "";$/m,
    /^DPkg::Post-Invoke:: "rm -f \/var\/cache\/apt\/archives/m,
    /^APT::Update::Post-Invoke:: "rm -f \/var\/cache\/apt\/archives/m,
  ])
    assert.match(stdout, setting);
  const { stdout: dpkg } = await engine.strata([
    'run',
    '--rm',
    'debian:bookworm',
    'grep',
    '-r',
    '^[a-z]',
    '/etc/dpkg/dpkg.cfg.d',
  ]);
  assert.match(dpkg, /docker-apt-speedup:force-unsafe-io\n/);
});

// As books have it: what apt recommends comes along, and autoremove must take it again.
const usual = 'build-essential libpcre2-dev zlib1g-dev libssl-dev';

test('the same from ARG and ADD of a URL, with everything removed in the RUN that brought it, is little more than its base', async () => {
  const context = makeContext(engine.work, {
    Dockerfile: `FROM debian:bookworm
ARG FILENAME="nginx"
ARG EXTENSION="tar.gz"
ARG SOURCE
ADD $SOURCE/\${FILENAME}.\${EXTENSION} .
RUN apt-get update && apt-get install -y ${usual} \\
 && mkdir /src && tar -xf \${FILENAME}.\${EXTENSION} --strip-components=1 -C /src && rm \${FILENAME}.\${EXTENSION} \\
 && cd /src && ${configure} && make -j2 && make install \\
 && cd / && rm -rf /src && apt-get remove -y ${usual} && apt-get autoremove -y && apt-get clean && rm -rf /var/lib/apt/lists/*
EXPOSE 80
CMD ["nginx", "-g", "daemon off;"]
`,
  });
  const built = await engine.strata([
    'build',
    '--build-arg',
    `SOURCE=${url.slice(0, url.lastIndexOf('/'))}`,
    '--progress=plain',
    '-t',
    'custom-nginx:small',
    context,
  ]);
  assert.match(built.output, /ADD .*nginx\.tar\.gz/);

  const sizes = new Map(
    (await engine.strata(['image', 'ls', '--format', '{{.Tag}} {{.Size}}', 'custom-nginx'])).stdout
      .trim()
      .split('\n')
      .map((line) => line.split(' ') as [string, string]),
  );
  const [big, small] = [megabytes(sizes.get('built')!), megabytes(sizes.get('small')!)];
  const base = megabytes(
    (await engine.strata(['image', 'ls', '--format', '{{.Size}}', 'debian:bookworm'])).stdout.trim(),
  );
  assert.ok(small < base + 25 && small < big - 100, `${small} MB against ${big} MB on a base of ${base} MB`);

  const history = (
    await engine.strata(['history', '--no-trunc', '--format', '{{.Size}}\t{{.CreatedBy}}', 'custom-nginx:built'])
  ).stdout
    .trim()
    .split('\n')
    .map((line) => line.split('\t'));
  const largest = history
    .filter(([, by]) => !by!.startsWith('debian'))
    .sort((a, b) => megabytes(b[0]!) - megabytes(a[0]!))[0]!;
  assert.match(largest[1]!, /apt-get install/, 'history names the step that brought the bytes');
});

function megabytes(size: string): number {
  const [, number, unit] = /^([\d.]+)(B|kB|MB|GB)$/.exec(size) ?? assert.fail(`not a size: ${size}`);
  return Number(number) * { B: 1e-6, kB: 1e-3, MB: 1, GB: 1e3 }[unit as 'B']!;
}
