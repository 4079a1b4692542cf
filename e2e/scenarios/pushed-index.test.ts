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

test('a base for another platform takes no name and no digest from the image of this machine', async () => {
  const ref = `${registry.host}/team/base:1`;
  const base = makeContext(engine.work, {
    Dockerfile: 'FROM scratch\nARG TARGETARCH\nENV ARCH=$TARGETARCH\nCOPY f /f\n',
    f: 'base',
  });
  await engine.strata(['build', '--platform=linux/amd64,linux/arm64', '--push', '-t', ref, base]);
  await engine.strata(['rmi', '-f', ref]);
  await engine.strata(['builder', 'prune', '-af']);
  const dir = makeContext(engine.work, { Dockerfile: `FROM ${ref}\nCOPY g /g\n`, g: 'more' });
  const listing = [
    'images',
    '-a',
    '--no-trunc',
    '--format',
    '{{.ID}} {{.Tag}} {{.Digest}}',
    `${registry.host}/team/base`,
  ];
  const images = async () => (await engine.docker(listing)).stdout;
  const archOf = async (name: string) =>
    (await engine.docker(['inspect', '-f', '{{.Architecture}} {{.Config.Env}}', name])).stdout
      .replace(/PATH=\S+ /, '')
      .trim();
  const build = async (...args: readonly string[]) => {
    await engine.strata(['build', '-q', '-t', 'made', ...args, dir]);
    return await archOf('made');
  };
  const nobody = await images();
  const all = (await engine.docker(['images', '-aq'])).stdout.split('\n').length;
  assert.equal(await build(), 'amd64 [ARCH=amd64]');
  assert.equal(await images(), nobody, 'a base that was fetched has no name');
  assert.equal((await engine.docker(['images', '-aq'])).stdout.split('\n').length, all + 1, 'and is no image');
  assert.match(
    (await engine.docker(['system', 'df', '-v', '--format', '{{json .}}'])).stdout,
    /pulled from [^"]*team\/base:1/,
  );

  await engine.docker(['pull', '-q', ref]);
  const own = await images();
  assert.equal(await build('--platform=linux/arm64'), 'arm64 [ARCH=arm64]');
  assert.equal(await images(), own);
  assert.equal(await build(), 'amd64 [ARCH=amd64]');
  assert.match((await engine.docker(['pull', ref])).stdout, /up to date/);
  const both = makeContext(engine.work, {
    Dockerfile: `FROM --platform=linux/arm64 ${ref} AS arm\nFROM ${ref}\nCOPY --from=arm /f /f2\n`,
  });
  await engine.strata(['build', '-q', '-t', 'made', both]);
  assert.match(await archOf('made'), /^amd64/);
  await engine.strata(['build', '-q', '--target=arm', '-t', 'made', both]);
  assert.equal(await images(), own);

  // Who asks for the other platform by name gets it; builds and pulls for this machine do not take it.
  await engine.docker(['pull', '-q', '--platform=linux/arm64', ref]);
  assert.match(await archOf(ref), /^arm64/);
  assert.equal(await build(), 'amd64 [ARCH=amd64]');
  const { stderr } = await engine.docker(['create', '--name=foreign', ref, '/f']);
  assert.match(
    stderr,
    /^WARNING: The requested image's platform \(linux\/arm64\) does not match the detected host platform \(linux\/amd64\/v\d\) and no specific platform was requested$/m,
  );
  await engine.docker(['rm', 'foreign']);
  assert.match((await engine.docker(['pull', ref])).stdout, /Downloaded newer image/);
  assert.match(await archOf(ref), /^amd64/);
  const created = await engine.docker(['create', '--name=foreign', '--platform=linux/arm64', ref, '/f']);
  assert.doesNotMatch(created.stderr, /WARNING/);
  assert.match(await archOf(ref), /^arm64/);
  await engine.docker(['rm', 'foreign']);
  await engine.docker(['pull', '-q', ref]);
  const digest = (await engine.docker(['inspect', '-f', '{{index .RepoDigests 0}}', ref])).stdout.trim();
  assert.match(await archOf(digest), /^amd64/, 'the digest of the index is of this machine');

  // Without the registry, what was fetched still serves.
  await engine.docker(['rmi', ref]);
  assert.equal(await build('--no-cache'), 'amd64 [ARCH=amd64]');
  // The same by the docker client's classic builder.
  await engine.docker(['build', '-q', '-t', 'made', dir]);
  assert.doesNotMatch(await images(), / 1 /, 'what lost its tag stays by its digest alone');
});

test('a base that is here for another platform alone is built on by who names none', async () => {
  const dir = makeContext(engine.work, { Dockerfile: 'FROM scratch\nCOPY f /f\n', f: 'x' });
  await engine.strata(['build', '-q', '--platform=linux/arm64', '-t', 'only-arm', dir]);
  const above = makeContext(engine.work, { Dockerfile: 'FROM only-arm\nLABEL a=b\n' });
  await engine.strata(['build', '-q', '-t', 'above', above]);
  const refused = await engine.strata(['build', '-q', '--platform=linux/amd64', above], { accept: 'any' });
  assert.notEqual(refused.code, 0);
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
