/**
 * What Docker Engine 28.5 answers to the docker client about images and registries, recorded from it: the client shows
 * the same with this engine.
 */
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { execute, startEngine, type TestEngine } from '../harness/engine.ts';
import { until } from '../harness/until.ts';
import { startRegistry, type TestRegistry } from './fixtures/docker-registry.ts';

let engine: TestEngine;
let registry: TestRegistry;

before(async () => {
  [engine, registry] = await Promise.all([startEngine({ bases: ['busybox'] }), startRegistry()]);
  const context = join(engine.work, 'context');
  mkdirSync(context);
  writeFileSync(join(context, 'Dockerfile'), 'FROM busybox\nENV A=1\n');
  await engine.strata(['build', '-q', '-t', `${registry.host}/shr/app:1`, context]);
  await engine.docker(['push', '-q', `${registry.host}/shr/app:1`]);
  await engine.docker(['save', '-o', join(engine.work, 'app.tar'), `${registry.host}/shr/app:1`]);
});
after(async () => {
  await engine?.stop();
  await registry?.close();
});

/** The client's words, then both outputs; `HOST` is the registry. */
const recorded: readonly (readonly [string, string])[] = [
  [
    'push HOST/shr/app:nosuch',
    'The push refers to repository [HOST/shr/app]\ntag does not exist: HOST/shr/app:nosuch\n',
  ],
  [
    'push HOST/shr/nosuch:1',
    'The push refers to repository [HOST/shr/nosuch]\nAn image does not exist locally with the tag: HOST/shr/nosuch\n',
  ],
  ['pull scratch', "Using default tag: latest\nError response from daemon: 'scratch' is a reserved name\n"],
  [
    'pull --platform no/x/y/z busybox',
    'Using default tag: latest\nError response from daemon: "no/x/y/z": cannot parse platform specifier: invalid argument\n',
  ],
  ['search HOST/x', 'Error response from daemon: Unexpected status code 404\n'],
  ['search --limit 200 x', 'Error response from daemon: limit 200 is outside the range of [1, 100]\n'],
  ['save nosuch', 'Error response from daemon: No such image: nosuch\n'],
  [
    'save UPPER',
    'Error response from daemon: invalid reference format: repository name (library/UPPER) must be lowercase\n',
  ],
  [
    'save -o x.tar --platform linux/arm64 HOST/shr/app:1',
    'Error response from daemon: no suitable export target found for platform linux/arm64\n',
  ],
  ['load --platform linux/arm64 -i app.tar', 'the archive holds no image for linux/arm64\n'],
  ['load --platform linux/amd64 -i app.tar', 'Loaded image: HOST/shr/app:1\n'],
  [
    'rmi UPPER',
    'Error response from daemon: invalid reference format: repository name (library/UPPER) must be lowercase\n',
  ],
  [
    'history UPPER:1',
    'Error response from daemon: invalid reference format: repository name (library/UPPER) must be lowercase\n',
  ],
  ['rmi busybox@sha256:00', 'Error response from daemon: invalid reference format\n'],
  ['image inspect busybox:', '[]\nError response from daemon: invalid reference format\n'],
  ['inspect UPPER', '[]\nError: No such object: UPPER\n'],
  ['image inspect A/b', '[]\nError response from daemon: No such image: A/b:latest\n'],
  [
    'image prune -f --filter until=abc',
    'Error response from daemon: failed to parse value as time or duration: "abc"\n',
  ],
  ['images --filter until=abc', 'Error response from daemon: failed to parse value as time or duration: "abc"\n'],
  ['images --format {{.Containers}} HOST/shr/app', 'N/A\n'],
  [
    'import http://127.0.0.1:1/x.tar x:1',
    'Error response from daemon: Get "http://127.0.0.1:1/x.tar": dial tcp 127.0.0.1:1: connect: connection refused\n',
  ],
  ['run --rm busybox stat -c %a-%s-%F /.dockerenv', '755-0-regular empty file\n'],
];

for (const [line, expected] of recorded) {
  test(line, async () => {
    const words = line.replaceAll('HOST', registry.host).split(' ');
    const { output } = await engine.docker(words, { accept: 'any', cwd: engine.work });
    assert.equal(output.replaceAll(registry.host, 'HOST'), expected);
  });
}

test('a push for another platform is refused before anything is said', async () => {
  const { stdout, stderr } = await engine.docker(['push', '--platform', 'linux/arm64', `${registry.host}/shr/app:1`], {
    accept: [1],
  });
  assert.ok(!stdout.includes('The push refers'), stdout);
  assert.ok(
    stderr.endsWith(
      `Error response from daemon: image with reference ${registry.host}/shr/app:1 was found but its platform (linux/amd64) does not match the specified platform (linux/arm64)\n`,
    ),
    stderr,
  );
});

test('a pull that finds the image here under another name tells of no layers', async () => {
  const name = `${registry.host}/shr/copy:1`;
  await engine.docker(['tag', `${registry.host}/shr/app:1`, name]);
  await engine.docker(['push', '-q', name]);
  await engine.docker(['rmi', name]);
  const { stdout } = await engine.docker(['pull', name]);
  assert.match(
    stdout,
    new RegExp(
      `^1: Pulling from shr/copy\\nDigest: sha256:\\S+\\nStatus: Downloaded newer image for ${name}\\n${name}\\n$`,
    ),
  );
  assert.equal((await engine.docker(['run', '--rm', name, 'sh', '-c', 'echo $A'])).stdout, '1\n');
});

test('an archive names the sources of its layers, and its lists end with their lines', async () => {
  const archive = join(engine.work, 'app.tar');
  const { stdout } = await execute('tar', ['-xOf', archive, 'manifest.json', 'repositories']);
  const [images, repositories, rest] = stdout.split('\n');
  const [image] = JSON.parse(images!);
  for (const path of image.Layers as string[]) {
    const digest = `sha256:${path.slice('blobs/sha256/'.length)}`;
    const source = image.LayerSources[digest];
    assert.equal(source.digest, digest);
    assert.equal(source.mediaType, 'application/vnd.oci.image.layer.v1.tar');
    assert.ok(source.size > 1000);
  }
  assert.deepEqual(Object.keys(JSON.parse(repositories!)), [`${registry.host}/shr/app`]);
  assert.equal(rest, '');
});

test('a commit of a running container has what it changed, and nothing that the engine put there', async () => {
  await engine.docker([
    'run',
    '-d',
    '--name',
    'busy',
    'busybox',
    'sh',
    '-c',
    'mkdir /d; echo x > /d/x; rm /bin/[; sleep 100',
  ]);
  await engine.docker(['run', '-d', '--name', 'idle', 'busybox', 'sleep', '100']);
  const isDone = async () => (await engine.docker(['diff', 'busy'])).stdout.includes('D /bin/[');
  await until('the container has changed its files', isDone);
  await engine.docker(['commit', 'busy', 'busy:1']);
  await engine.docker(['commit', 'idle', 'idle:1']);
  const layersOf = async (name: string) =>
    JSON.parse((await engine.docker(['image', 'inspect', '-f', '{{json .RootFS.Layers}}', name])).stdout) as string[];
  const base = await layersOf('busybox');
  assert.deepEqual(await layersOf('idle:1'), base);
  const [top = ''] = (await layersOf('busy:1')).slice(base.length);
  const archive = join(engine.work, 'busy.tar');
  await engine.docker(['save', '-o', archive, 'busy:1']);
  const script = `tar -xOf ${archive} blobs/sha256/${top.slice(7)} | tar -t`;
  assert.deepEqual((await execute('sh', ['-c', script])).stdout.split('\n'), ['bin/', 'bin/.wh.[', 'd/', 'd/x', '']);
  await engine.docker(['rm', '-f', 'busy', 'idle']);
});

test('an image tells which Docker made it', async () => {
  const config = {
    architecture: 'amd64',
    os: 'linux',
    docker_version: '28.5.2',
    rootfs: { type: 'layers', diff_ids: [] },
  };
  const folder = join(engine.work, 'old');
  mkdirSync(folder);
  writeFileSync(join(folder, 'config.json'), JSON.stringify(config));
  writeFileSync(
    join(folder, 'manifest.json'),
    JSON.stringify([{ Config: 'config.json', RepoTags: ['old:1'], Layers: [] }]),
  );
  await execute('tar', ['-C', folder, '-cf', join(engine.work, 'old.tar'), 'config.json', 'manifest.json']);
  await engine.docker(['load', '-i', join(engine.work, 'old.tar')]);
  assert.equal((await engine.docker(['image', 'inspect', '-f', '{{.DockerVersion}}', 'old:1'])).stdout, '28.5.2\n');
});
