import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { Index } from '../../src/oci/index.ts';
import { makeContext } from '../harness/context.ts';
import { startEngine, type TestEngine } from '../harness/engine.ts';
import { startRegistry, type TestRegistry } from '../registry/fixtures/docker-registry.ts';

let registry: TestRegistry;
let engine: TestEngine;
before(async () => {
  [registry, engine] = await Promise.all([startRegistry(), startEngine()]);
});
after(async () => {
  await engine?.stop();
  await registry?.close();
});

async function manifestOf(name: string, tag: string): Promise<Record<string, unknown>> {
  const accept = ['index', 'manifest'].map((kind) => `application/vnd.oci.image.${kind}.v1+json`).join(', ');
  const answer = await fetch(`${registry.url}/v2/${name}/manifests/${tag}`, { headers: { accept } });
  assert.equal(answer.status, 200);
  return { ...((await answer.json()) as object), digest: answer.headers.get('docker-content-digest') };
}

test('a build for several platforms is pushed as an index, each pulls its own', async () => {
  const ref = `${registry.host}/team/multi:1`;
  const dir = makeContext(engine.work, {
    Dockerfile: 'FROM scratch\nARG TARGETARCH\nENV ARCH=$TARGETARCH\nCOPY f /f\n',
    f: 'file',
  });
  const metadata = join(engine.work, 'metadata.json');
  await engine.strata([
    'build',
    '--platform=linux/amd64,linux/arm64',
    '--annotation=index:org.example.kind=both',
    '--annotation=org.example.each=yes',
    `--metadata-file=${metadata}`,
    '--push',
    '-t',
    ref,
    dir,
  ]);
  const index = (await manifestOf('team/multi', '1')) as unknown as Index & { digest: string };
  assert.deepEqual(index.annotations, { 'org.example.kind': 'both' });
  assert.deepEqual(
    index.manifests.map(({ platform }) => platform?.architecture),
    ['amd64', 'arm64'],
  );
  for (const { digest } of index.manifests) {
    const { annotations } = await manifestOf('team/multi', digest);
    assert.deepEqual(annotations, { 'org.example.each': 'yes' });
  }
  const told = JSON.parse(readFileSync(metadata, 'utf8'));
  assert.equal(told['containerimage.digest'], index.digest);
  assert.equal(told['image.name'], ref);

  await engine.strata(['rmi', '-f', ref]);
  for (const arch of ['arm64', 'amd64']) {
    await engine.strata(['pull', '-q', `--platform=linux/${arch}`, ref]);
    const { stdout } = await engine.strata(['inspect', '--format', '{{.Architecture}} {{.Config.Env}}', ref]);
    assert.match(stdout, new RegExp(`^${arch} .*ARCH=${arch}`));
  }
});

test('machines push by digest, and one of them joins what they pushed under a tag', async () => {
  const repository = `${registry.host}/team/joined`;
  const dir = makeContext(engine.work, {
    Dockerfile: 'FROM scratch\nARG TARGETARCH\nENV ARCH=$TARGETARCH\nCOPY f /f\n',
    f: 'file',
  });
  const byDigest = (name: string) => `type=image,name=${name},push-by-digest=true,name-canonical=true,push=true`;
  const digests: string[] = [];
  for (const arch of ['amd64', 'arm64']) {
    const metadata = join(engine.work, `${arch}.json`);
    await engine.strata([
      'build',
      `--platform=linux/${arch}`,
      `--metadata-file=${metadata}`,
      '-o',
      byDigest(repository),
      dir,
    ]);
    const told = JSON.parse(readFileSync(metadata, 'utf8'));
    assert.equal(told['image.name'], repository);
    digests.push(told['containerimage.digest']);
    const { digest } = await manifestOf('team/joined', digests.at(-1)!);
    assert.equal(digest, digests.at(-1));
    const { stdout } = await engine.strata(['images', '--digests', '--format', '{{.Tag}} {{.Digest}}', repository]);
    assert.ok(stdout.split('\n').includes(`<none> ${digest}`), stdout);
  }
  const tags = await fetch(`${registry.url}/v2/team/joined/tags/list`);
  assert.deepEqual(((await tags.json()) as { tags?: unknown }).tags ?? [], [], 'nothing has a tag');

  const names = digests.map((digest) => `${repository}@${digest}`);
  await engine.strata(['manifest', 'create', `${repository}:1`, ...names]);
  await engine.strata(['manifest', 'push', `${repository}:1`]);
  const { manifests } = (await manifestOf('team/joined', '1')) as unknown as Index;
  assert.deepEqual(manifests.map(({ digest, platform }) => `${platform?.architecture} ${digest}`).toSorted(), [
    `amd64 ${digests[0]}`,
    `arm64 ${digests[1]}`,
  ]);

  const both = join(engine.work, 'both.json');
  await engine.strata([
    'build',
    '--platform=linux/amd64,linux/arm64',
    `--metadata-file=${both}`,
    '-o',
    byDigest(`${repository}2`),
    dir,
  ]);
  const root = JSON.parse(readFileSync(both, 'utf8'))['containerimage.digest'];
  assert.equal((await manifestOf('team/joined2', root)).digest, root);

  const { code, stderr } = await engine.strata(['build', '-o', byDigest(`${repository}:1`), dir], { accept: 'any' });
  assert.equal(code, 1);
  assert.match(stderr, /can't push tagged ref .*\/team\/joined:1 by digest/);
});

test('annotations and a compression go with an image that is pushed', async () => {
  const ref = `${registry.host}/team/one:1`;
  const dir = makeContext(engine.work, { Dockerfile: 'FROM scratch\nCOPY f /f\n', f: 'one' });
  await engine.strata([
    'build',
    '--annotation=a=b',
    '-o',
    `type=image,name=${ref},push=true,compression=zstd,force-compression=true`,
    dir,
  ]);
  const { annotations, layers } = await manifestOf('team/one', '1');
  assert.deepEqual(annotations, { a: 'b' });
  assert.match((layers as { mediaType: string }[])[0]!.mediaType, /tar\+zstd$/);
});
