/** What buildx does only with engines that keep whole manifests: caches, several platforms, OCI layouts. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { dockerPlugins } from '../../scripts/docker-plugins.ts';
import type { Index } from '../../src/oci/index.ts';
import { dockerWithPlugins } from '../harness/buildx.ts';
import { makeContext } from '../harness/context.ts';
import { startEngine, type TestEngine } from '../harness/engine.ts';
import { startRegistry, type TestRegistry } from '../registry/fixtures/docker-registry.ts';

let registry: TestRegistry;
let here: TestEngine;
let there: TestEngine;
let docker: Record<'here' | 'there', ReturnType<typeof dockerWithPlugins>>;
before(async () => {
  [registry, here, there] = await Promise.all([
    startRegistry(),
    startEngine({ bases: ['busybox'] }),
    startEngine({ bases: ['busybox'] }),
  ]);
  docker = { here: dockerWithPlugins(here), there: dockerWithPlugins(there) };
});
after(async () => {
  await Promise.all([here?.stop(), there?.stop()]);
  await registry?.close();
});

const staged =
  'FROM busybox AS make\nRUN cat /proc/sys/kernel/random/uuid > /made\nFROM busybox\nCOPY --from=make /made /\n';
const build = (at: 'here' | 'there', cwd: string, ...args: readonly string[]) =>
  docker[at](['build', '--progress=plain', ...args, '.'], { cwd });
const made = async (at: 'here' | 'there', image: string) =>
  (await docker[at](['run', '--rm', image, 'cat', '/made'])).stdout;

test('a cache goes into a folder of the client and comes from there', async () => {
  const dir = makeContext(here.work, { Dockerfile: staged });
  await build('here', dir, '--cache-to=type=local,dest=../folder,mode=max', '-t', 'cached');
  const folder = join(dir, '../folder');
  const { manifests } = JSON.parse(readFileSync(join(folder, 'index.json'), 'utf8')) as Index;
  assert.equal(manifests[0]?.annotations?.['org.opencontainers.image.ref.name'], 'latest');
  const { output } = await build('there', dir, '--cache-from=type=local,src=../folder', '-t', 'cached');
  assert.match(output, /RUN cat .*\n#\d+ CACHED/);
  assert.equal(await made('there', 'cached'), await made('here', 'cached'));
  assert.equal(existsSync('/folder'), false, 'a relative folder is the client’s, not the engine’s');

  // Written again, most of it is there already.
  await build('here', dir, '--cache-to=type=local,dest=../folder,mode=max', '-t', 'cached');

  await docker.there(['buildx', 'prune', '-af']);
  await docker.there(['rmi', 'cached']);
  for (const name of readdirSync(join(folder, 'blobs/sha256'))) {
    const path = join(folder, 'blobs/sha256', name);
    const bytes = readFileSync(path);
    if (bytes.subarray(0, 2).toString('hex') === '1f8b') writeFileSync(path, bytes.subarray(0, bytes.length - 9));
  }
  const damaged = await build('there', dir, '--cache-from=type=local,src=../folder', '-t', 'cached');
  assert.match(damaged.output, /cache source is not used/);
  assert.doesNotMatch(damaged.output, /RUN cat .*\n#\d+ CACHED/);
});

test('a cache goes into a registry and comes from there', async () => {
  const dir = makeContext(here.work, { Dockerfile: staged });
  const ref = `${registry.host}/team/cache`;
  await docker.there(['buildx', 'prune', '-af']);
  await build('here', dir, `--cache-to=type=registry,ref=${ref}`, '--push', '-t', `${registry.host}/team/app:1`);
  const { output } = await build('there', dir, `--cache-from=${ref}`, '-t', 'fetched');
  assert.match(output, /RUN cat .*\n#\d+ CACHED/);
  await docker.here(['pull', '-q', `${registry.host}/team/app:1`]);
  assert.equal(await made('there', 'fetched'), await made('here', `${registry.host}/team/app:1`));
});

test('several platforms are built and pushed as an index', async () => {
  const dir = makeContext(here.work, { Dockerfile: 'FROM scratch\nARG TARGETARCH\nENV A=$TARGETARCH\nCOPY . /\n' });
  const ref = `${registry.host}/team/several:1`;
  await build('here', dir, '--platform=linux/amd64,linux/arm64', '--push', '-t', ref);
  const { stdout } = await docker.here(['buildx', 'imagetools', 'inspect', ref]);
  assert.match(stdout, /linux\/amd64[\s\S]*linux\/arm64/);
});

test('one build has several outputs, each where it belongs', async () => {
  const dir = makeContext(here.work, { Dockerfile: 'FROM scratch\nCOPY f /f\n', f: 'both' });
  await build('here', dir, '-o', 'type=tar,dest=a.tar', '-o', 'type=local,dest=out', '-o', 'type=image,name=both:1');
  assert.equal(readFileSync(join(dir, 'out/f'), 'utf8'), 'both');
  assert.equal(execFileSync('tar', ['-xOf', join(dir, 'a.tar'), 'f'], { encoding: 'utf8' }), 'both');
  assert.match((await docker.here(['images', '-q', 'both:1'])).stdout, /^[0-9a-f]{12}\n$/);
});

test('an OCI layout is written into a folder and an archive of the client, and is a context', async () => {
  const dir = makeContext(here.work, { Dockerfile: 'FROM busybox\nENV LAYOUT=yes\nRUN echo laid > /laid\n' });
  await build('here', dir, '-o', 'type=oci,dest=layout.tar');
  assert.ok(existsSync(join(dir, 'layout.tar')));
  await build('here', dir, '-o', 'type=oci,dest=../layout,tar=false');
  const on = makeContext(there.work, { Dockerfile: 'FROM laid\nRUN cat /laid; echo $LAYOUT\n' });
  const { output } = await build('there', on, `--build-context=laid=oci-layout://${join(dir, '../layout')}`);
  assert.match(output, / laid\n(?:.*\n)*#\d+ [\d.]+ yes\n/);
});

test('the client’s login serves bases, caches and pushes, whatever names them', async () => {
  const closed = await startRegistry({ users: { ann: 'pass word' } });
  try {
    const config = join(here.work, 'config');
    mkdirSync(config);
    symlinkSync(join(dockerPlugins(), 'cli-plugins'), join(config, 'cli-plugins'));
    const env = { DOCKER_CONFIG: config };
    await docker.here(['login', '-u', 'ann', '--password-stdin', closed.host], { env, input: 'pass word' });
    const dir = makeContext(here.work, { Dockerfile: staged });
    const name = (path: string) => `${closed.host}/ann/${path}`;
    await docker.here(['build', `--cache-to=type=registry,ref=${name('cache')}`, '--push', '-t', name('base:1'), dir], {
      env,
    });
    const on = makeContext(there.work, {
      Dockerfile: 'ARG FROM_WHERE\nFROM $FROM_WHERE/base:1\nCOPY --from=other /made /other\n',
    });
    const args = [
      'build',
      '--progress=plain',
      `--build-arg=FROM_WHERE=${closed.host}/ann`,
      `--cache-from=${name('cache')}`,
    ];
    const { output } = await docker.there([...args, `--build-context=other=docker-image://${name('base:1')}`, on], {
      env,
    });
    assert.doesNotMatch(output, /cache source is not used/);
    const refused = await docker.there([...args, '--no-cache', '--pull', on], { accept: [1] });
    assert.match(refused.output, /unauthorized|authentication required|no basic auth credentials/);
  } finally {
    await closed.close();
  }
});
