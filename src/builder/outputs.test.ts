import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { Descriptor, Index, Manifest } from '../oci/index.ts';
import type { BuildRequest } from '../wire/build.ts';
import { type BuildHost, startBuildHost } from './testing/host.ts';

let host: BuildHost;
before(async () => {
  host = await startBuildHost();
});
after(async () => await host.stop());

let outputs = 0;
/** An OCI layout of the build, as a folder. */
async function layoutOf(
  files: Record<string, string>,
  attributes: Record<string, string> = {},
  request: Partial<BuildRequest> = {},
): Promise<{ dir: string; entries: readonly Descriptor[]; read: <T>(of: Descriptor) => T }> {
  const dir = join(host.top, `layout-${++outputs}`);
  const output = { type: 'oci' as const, dest: dir, attributes: { tar: 'false', ...attributes } };
  await host.build(host.context(files), { ...request, outputs: [output] });
  const blob = ({ digest }: Descriptor) => readFileSync(join(dir, 'blobs', digest.replace(':', '/')), 'utf8');
  const { manifests } = JSON.parse(readFileSync(join(dir, 'index.json'), 'utf8')) as Index;
  return { dir, entries: manifests, read: (of) => JSON.parse(blob(of)) };
}

const scratch = { Dockerfile: 'FROM scratch\nCOPY f /f\n', f: 'file' };

test('an OCI archive holds a compressed layer and leaves no image in the store', async () => {
  const dest = join(host.top, 'out.tar');
  const before = (await host.images.list()).length;
  const { result } = await host.build(host.context(scratch), {
    outputs: [{ type: 'oci', dest, attributes: { name: 'one:1,two:2' } }],
  });
  assert.equal((await host.images.list()).length, before);
  const folder = join(host.top, 'out');
  mkdirSync(folder);
  spawnSync('tar', ['-xf', dest, '-C', folder]);
  const { manifests } = JSON.parse(readFileSync(join(folder, 'index.json'), 'utf8')) as Index;
  assert.deepEqual(
    manifests.map(({ digest, annotations }) => [digest, annotations?.['io.containerd.image.name']]),
    [
      [result.digest, 'docker.io/library/one:1'],
      [result.digest, 'docker.io/library/two:2'],
    ],
  );
  assert.equal(result.metadata?.['containerimage.digest'], result.digest);
  const inspected = spawnSync('skopeo', ['inspect', `oci:${folder}:1`], { encoding: 'utf8' });
  assert.equal(JSON.parse(inspected.stdout).Digest, result.digest, inspected.stderr);
  const manifest = JSON.parse(
    readFileSync(join(folder, 'blobs', result.digest!.replace(':', '/')), 'utf8'),
  ) as Manifest;
  assert.deepEqual(
    manifest.layers.map(({ mediaType }) => mediaType),
    ['application/vnd.oci.image.layer.v1.tar+gzip'],
  );
});

test('the compression of layers can be chosen, and forced on those of the base', async () => {
  await host.build(host.context(scratch), {
    tags: ['gzipped'],
    outputs: [{ type: 'image', attributes: { compression: 'gzip' } }],
  });
  const more = { Dockerfile: 'FROM gzipped\nCOPY g /g\n', g: 'more' };
  const sorts = async (attributes: Record<string, string>) => {
    const { entries, read } = await layoutOf(more, attributes);
    return read<Manifest>(entries[0]!).layers.map(({ mediaType }) => mediaType.split('.').at(-1));
  };
  assert.deepEqual(await sorts({ compression: 'zstd' }), ['tar+gzip', 'tar+zstd']);
  assert.deepEqual(await sorts({ compression: 'zstd', 'force-compression': 'true' }), ['tar+zstd', 'tar+zstd']);
  assert.deepEqual(
    await sorts({ compression: 'uncompressed', 'force-compression': 'true' }),
    ['v1.tar', 'v1.tar'].map((s) => s.slice(3)),
  );
  await assert.rejects(sorts({ compression: 'lha' }), { message: 'unsupported compression type lha' });
});

test('annotations go to the manifest, or where they are sent', async () => {
  const request = {
    annotations: { a: '1', 'manifest-descriptor,manifest:b': '2', 'index:c': '3', 'manifest[linux/arm64]:d': '4' },
  };
  const platforms = ['linux/amd64', 'linux/arm64'];
  const { entries, read } = await layoutOf(
    scratch,
    { 'annotation.e': '5', 'annotation-index-descriptor.f': '6' },
    { ...request, platforms },
  );
  assert.deepEqual(entries[0]?.annotations, { f: '6' });
  const index = read<Index>(entries[0]!);
  assert.deepEqual(index.annotations, { c: '3' });
  assert.deepEqual(
    index.manifests.map(({ annotations }) => annotations),
    [{ b: '2' }, { b: '2' }],
  );
  const [amd64, arm64] = index.manifests.map((entry) => read<Manifest>(entry).annotations);
  assert.deepEqual(amd64, { a: '1', b: '2', e: '5' });
  assert.deepEqual(arm64, { a: '1', b: '2', d: '4', e: '5' });
  await assert.rejects(layoutOf(scratch, {}, request), {
    message: 'index annotations not supported for single platform export',
  });
});

test('several platforms make an index of images, each with its own arguments', async () => {
  const files = {
    Dockerfile:
      'FROM scratch\nARG TARGETARCH\nARG TARGETVARIANT\nCOPY f /f-$TARGETARCH$TARGETVARIANT\nENV ARCH=$TARGETARCH\n',
    f: 'file',
  };
  const { entries, read, dir } = await layoutOf(files, {}, { platforms: ['linux/amd64', 'linux/arm/v7'] });
  assert.equal(entries.length, 1);
  const { manifests } = read<Index>(entries[0]!);
  assert.deepEqual(
    manifests.map(({ platform }) => platform),
    [
      { os: 'linux', architecture: 'amd64' },
      { os: 'linux', architecture: 'arm', variant: 'v7' },
    ],
  );
  const configs = manifests.map((entry) =>
    read<{ architecture: string; variant?: string; config: { Env: string[] } }>(read<Manifest>(entry).config),
  );
  assert.deepEqual(
    configs.map(({ architecture, variant, config }) => [architecture, variant, config.Env.at(-1)]),
    [
      ['amd64', undefined, 'ARCH=amd64'],
      ['arm', 'v7', 'ARCH=arm'],
    ],
  );
  for (const [arch, variant] of [
    ['amd64', ''],
    ['arm', 'v7'],
  ] as const) {
    const args = [
      'inspect',
      '--override-arch',
      arch,
      ...(variant ? ['--override-variant', variant] : []),
      `oci:${dir}`,
    ];
    const inspected = spawnSync('skopeo', args, { encoding: 'utf8' });
    assert.equal(JSON.parse(inspected.stdout).Architecture, arch, inspected.stderr);
  }
});

test('the name of an image of several platforms is that of this machine’s', async () => {
  const { result } = await host.build(host.context(scratch), {
    platforms: ['linux/arm64', 'linux/amd64'],
    tags: ['both:1'],
  });
  const named = await host.images.get('both:1');
  assert.equal(named.id, result.imageID);
  assert.equal(named.config.architecture, 'amd64');
  await assert.rejects(
    host.build(host.context(scratch), {
      platforms: ['linux/arm64', 'linux/amd64'],
      outputs: [{ type: 'docker', dest: join(host.top, 'x'), attributes: {} }],
    }),
    { message: 'docker exporter does not currently support exporting manifest lists' },
  );
});

test('folders and tars take the files of each platform', async () => {
  const platforms = ['linux/amd64', 'linux/arm64'];
  const files = { Dockerfile: 'FROM scratch\nARG TARGETARCH\nCOPY f /$TARGETARCH\n', f: 'file' };
  const dir = host.context(files);
  const dest = (name: string) => join(host.top, name);
  await host.build(dir, { platforms, outputs: [{ type: 'local', dest: dest('split'), attributes: {} }] });
  assert.deepEqual(readdirSync(dest('split')).sort(), ['linux_amd64', 'linux_arm64']);
  await host.build(dir, {
    platforms,
    outputs: [{ type: 'local', dest: dest('flat'), attributes: { 'platform-split': 'false' } }],
  });
  assert.deepEqual(readdirSync(dest('flat')).sort(), ['amd64', 'arm64']);
  await host.build(dir, { platforms, outputs: [{ type: 'tar', dest: dest('both.tar'), attributes: {} }] });
  const listed = spawnSync('tar', ['-tf', dest('both.tar')], { encoding: 'utf8' }).stdout;
  assert.deepEqual(
    listed
      .split('\n')
      .filter((line) => /64$/.test(line))
      .sort(),
    ['linux_amd64/amd64', 'linux_arm64/arm64'],
  );
});

test('with SOURCE_DATE_EPOCH all files of a folder or a tar have that time', async () => {
  const dir = host.context({ Dockerfile: 'FROM busybox\nCOPY f /d/f\nRUN echo > /d/new\n', f: 'file' });
  utimesSync(join(dir, 'f'), 1_500_000_000, 1_500_000_000);
  const buildArgs = { SOURCE_DATE_EPOCH: '1600000000' };
  const dest = join(host.top, 'dated');
  await host.build(dir, { buildArgs, outputs: [{ type: 'local', dest, attributes: {} }] });
  await host.build(dir, { buildArgs, outputs: [{ type: 'tar', dest: `${dest}.tar`, attributes: {} }] });
  for (const name of ['f', 'new']) assert.equal(statSync(join(dest, 'd', name)).mtimeMs, 1_600_000_000_000, name);
  const listed = spawnSync('tar', ['--utc', '--full-time', '-tvf', `${dest}.tar`], { encoding: 'utf8' }).stdout;
  for (const line of listed.trim().split('\n')) assert.match(line, / 2020-09-13 12:26:40 /);
});

test('with SOURCE_DATE_EPOCH and rewrite-timestamp two builders make the same bytes', async () => {
  const other = await startBuildHost();
  try {
    const files = { Dockerfile: 'FROM scratch\nCOPY f /d/f\nCOPY f /e\n', f: 'file' };
    const digests = [];
    for (const builder of [host, other]) {
      const dest = join(builder.top, 'epoch.tar');
      const { result } = await builder.build(builder.context(files), {
        buildArgs: { SOURCE_DATE_EPOCH: '1600000000' },
        noCache: true,
        outputs: [{ type: 'oci', dest, attributes: { 'rewrite-timestamp': 'true' } }],
      });
      digests.push(result.digest);
      await new Promise((resolve) => setTimeout(resolve, 1100));
    }
    assert.equal(digests[0], digests[1]);
  } finally {
    await other.stop();
  }
});

test('a step of a platform that this machine cannot run says what is missing', async () => {
  const elf = Buffer.alloc(64);
  elf.set([0x7f, 0x45, 0x4c, 0x46, 2, 2, 1]);
  elf[17] = 2;
  elf[19] = 22;
  const dir = host.context({ Dockerfile: 'FROM scratch\nCOPY --chmod=755 sh /bin/sh\nRUN true\n' });
  writeFileSync(join(dir, 'sh'), elf);
  await assert.rejects(host.build(dir, { platforms: ['linux/s390x'] }), {
    code: 'step_failed',
    hint: /linux\/s390x.*binfmt/,
  });
});

test('an image is for the platform that was asked for, whatever its base was made for', async () => {
  const dir = host.context({ Dockerfile: 'FROM --platform=$BUILDPLATFORM busybox\nCOPY Dockerfile /\n' });
  const { result } = await host.build(dir, { platforms: ['linux/riscv64'] });
  const { os, architecture, variant } = (await host.images.get(result.imageID!)).config;
  assert.deepEqual([os, architecture, variant], ['linux', 'riscv64', undefined]);
});

test('builds at once that write the same image each have it, and the store keeps none', async () => {
  const dir = host.context({ Dockerfile: 'FROM busybox\nLABEL same=yes\nRUN echo same > /same\n' });
  const before = (await host.images.list()).length;
  const outputs = (i: number) => [{ type: 'oci' as const, dest: join(host.top, `same${i}.tar`), attributes: {} }];
  await Promise.all([1, 2, 3, 4].map((i) => host.build(dir, { outputs: outputs(i) })));
  for (const i of [1, 2, 3, 4]) assert.ok(existsSync(join(host.top, `same${i}.tar`)));
  assert.equal((await host.images.list()).length, before);
});

test('a folder that cannot be made ends the build', { timeout: 20_000 }, async () => {
  const dir = host.context({ Dockerfile: 'FROM busybox\n' });
  const outputs = [{ type: 'local' as const, dest: '/proc/nowhere/out', attributes: {} }];
  await assert.rejects(host.build(dir, { outputs }), /ENOENT.*\/proc\/nowhere/);
});

test('a switch of an output is read as Go reads it', async () => {
  const dir = host.context({ Dockerfile: 'FROM busybox\n' });
  const outputs = (text: string) => [{ type: 'image' as const, attributes: { name: 'a/b:1', 'push-by-digest': text } }];
  for (const text of ['', '1', 't', 'True'])
    await assert.rejects(
      host.build(dir, { outputs: outputs(text) }),
      /can't push tagged ref docker\.io\/a\/b:1 by digest/,
    );
  await assert.rejects(
    host.build(dir, { outputs: outputs('maybe') }),
    /non-bool value specified for push-by-digest: strconv\.ParseBool: parsing "maybe": invalid syntax/,
  );
  await host.build(dir, { outputs: outputs('0') });
});
