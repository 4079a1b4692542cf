/**
 * Archives between programs: what docker, podman and skopeo save is loaded here, and what we save is loaded there, as the
 * same image. `STRATA_PEERS` names a program that runs its arguments where those are installed.
 */
import assert from 'node:assert/strict';
import { type SpawnSyncReturns, spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { makeContext } from '../harness/context.ts';
import { startEngine, type TestEngine } from '../harness/engine.ts';

const enter = (process.env['STRATA_PEERS'] ?? '').split(' ').filter((word) => word !== '');
const folder = `/tmp/strata-archives-${process.pid}`;

let engine: TestEngine;
/** Image ids by name. */
const ids = new Map<string, string>();

before(async () => {
  engine = await startEngine({ bases: ['busybox'] });
  const base = 'FROM busybox\nRUN mkdir /d && echo one > /d/one && ln -s one /d/link && ln /d/one /d/hard\n';
  await build('arch/one:1', base);
  await build('arch/two:2', `${base}RUN rm -r /d && mkdir /d && touch /d/two\nCMD ["ls","/d"]\n`);
  peer('mkdir', '-p', folder);
});
after(async () => {
  await engine?.stop();
  if (has('docker')) peer('docker', 'rmi', '-f', ...ids.keys());
  if (has('podman')) peer('podman', ...store, 'rmi', '-f', ...ids.keys());
  peer('rm', '-rf', folder);
});

async function build(name: string, Dockerfile: string): Promise<void> {
  await engine.strata(['build', '-t', name, makeContext(engine.work, { Dockerfile })]);
  ids.set(name, await idOf(name));
}

async function idOf(name: string): Promise<string> {
  return (await engine.strata(['image', 'inspect', '-f', '{{.Id}}', name])).stdout.trim();
}

/** podman keeps its images in a folder of the test. */
const store = ['--root', `${folder}/podman`, '--runroot', `${folder}/run`, '--storage-driver', 'vfs'];

function peerWith(input: Buffer | undefined, ...command: readonly string[]): SpawnSyncReturns<Buffer> {
  const [program, ...args] = [...enter, ...command];
  return spawnSync(program!, args, { timeout: 120_000, maxBuffer: 2 ** 28, ...(input && { input }) });
}

const peer = (...command: readonly string[]) => peerWith(undefined, ...command);
/** A docker client alone is no docker: it needs its daemon. */
const has = (program: string) => peer(program, program === 'docker' ? 'version' : '--version').status === 0;
const skip = (program: string) => (has(program) ? false : `${program} is not here`);

function ok({ status, stdout, stderr }: SpawnSyncReturns<Buffer>): Buffer {
  assert.equal(status, 0, `${stdout.subarray(0, 500)}${stderr}`);
  return stdout;
}

/** Takes our images away and loads the archive over standard input. */
async function loadHere(archive: Uint8Array): Promise<string> {
  await engine.strata(['rmi', '-f', ...ids.keys()], { accept: 'any' });
  return (await engine.strata(['load'], { input: archive })).stdout;
}

const layersOf = async (name: string) =>
  (await engine.strata(['image', 'inspect', '-f', '{{json .RootFS.Layers}}', name])).stdout;

async function allHere(): Promise<void> {
  for (const [name, id] of ids) assert.equal(await idOf(name), id, name);
  const { stdout } = await engine.strata(['run', '--rm', 'arch/two:2']);
  assert.equal(stdout, 'two\n');
}

let ours: Buffer;

test('several images are saved to standard output and loaded from standard input, plain and compressed', async () => {
  const file = join(engine.work, 'all.tar');
  await engine.strata(['save', '-o', file, ...ids.keys()]);
  ours = readFileSync(file);
  const piped = spawnSync('sh', ['-c', `docker -H unix://${engine.socket} save ${[...ids.keys()].join(' ')}`], {
    maxBuffer: 2 ** 28,
  });
  assert.deepEqual(piped.stdout, ours, 'equal images give equal bytes');
  for (const packed of [ours, gzipSync(ours), zstdCompressSync(ours)]) {
    assert.equal(await loadHere(packed), 'Loaded image: arch/one:1\nLoaded image: arch/two:2\n');
    await allHere();
  }
});

test('docker loads what we saved, and we load what docker saves', { skip: skip('docker') }, async () => {
  ok(peerWith(ours, 'docker', 'load'));
  for (const [name, id] of ids)
    assert.equal(
      ok(peer('docker', 'image', 'inspect', '-f', '{{.Id}}', name))
        .toString()
        .trim(),
      id,
    );
  const theirs = ok(peer('docker', 'save', ...ids.keys()));
  // Docker writes several images in no order.
  const said = (await loadHere(theirs)).split('\n').sort();
  assert.deepEqual(said, ['', 'Loaded image: arch/one:1', 'Loaded image: arch/two:2']);
  await allHere();
});

test('podman loads what we saved, and we load what podman saves in both formats', {
  skip: skip('podman'),
}, async () => {
  ok(peerWith(ours, 'podman', ...store, 'load'));
  for (const [name, id] of ids) {
    // podman gives short names a host of its own.
    const loaded = `localhost/${name}`;
    const there = ok(peer('podman', ...store, 'image', 'inspect', '-f', '{{.Id}}', loaded));
    assert.equal(`sha256:${there.toString().trim()}`, id);
    ok(peer('podman', ...store, 'tag', loaded, `docker.io/${name}`));
    ok(peer('podman', ...store, 'untag', loaded, loaded));
  }
  const both = ok(peer('podman', ...store, 'save', '-m', ...[...ids.keys()].map((name) => `docker.io/${name}`)));
  assert.equal(await loadHere(both), 'Loaded image: arch/one:1\nLoaded image: arch/two:2\n');
  await allHere();
  const oci = ok(peer('podman', ...store, 'save', '--format', 'oci-archive', 'docker.io/arch/two:2'));
  await engine.strata(['rmi', '-f', 'arch/two:2']);
  await engine.strata(['load'], { input: oci });
  assert.equal((await engine.strata(['run', '--rm', 'arch/two:2'])).stdout, 'two\n');
});

for (const kind of ['docker-archive', 'oci-archive']) {
  test(`skopeo reads what we saved, and we load the ${kind} that it makes of it`, {
    skip: skip('skopeo'),
  }, async () => {
    ok(peerWith(ours, 'sh', '-c', `cat > ${folder}/ours.tar`));
    const target = `${kind}:${folder}/${kind}.tar:docker.io/arch/two:2`;
    const source = `docker-archive:${folder}/ours.tar:arch/two:2`;
    ok(peer('skopeo', '--insecure-policy', 'copy', source, target));
    const theirs = ok(peer('cat', `${folder}/${kind}.tar`));
    const layers = await layersOf('arch/two:2');
    await engine.strata(['rmi', '-f', 'arch/two:2']);
    const { stdout } = await engine.strata(['load'], { input: theirs });
    assert.equal(stdout, 'Loaded image: arch/two:2\n');
    // On the way to OCI's format skopeo writes a configuration of its own.
    if (kind === 'docker-archive') assert.equal(await idOf('arch/two:2'), ids.get('arch/two:2'));
    assert.equal(await layersOf('arch/two:2'), layers);
    assert.equal((await engine.strata(['run', '--rm', 'arch/two:2'])).stdout, 'two\n');
  });
}

test('a folder that is an OCI layout loads from a tar made by tar itself', { skip: skip('skopeo') }, async () => {
  const copy = `skopeo --insecure-policy copy docker-archive:${folder}/ours.tar:arch/one:1 oci:${folder}/layout:docker.io/arch/one:1`;
  ok(peer('sh', '-c', `${copy} >&2`));
  const theirs = ok(peer('tar', '-C', `${folder}/layout`, '-cf', '-', '.'));
  const layers = await layersOf('arch/one:1');
  await engine.strata(['rmi', '-f', 'arch/one:1']);
  await engine.strata(['load'], { input: theirs });
  assert.equal(await layersOf('arch/one:1'), layers);
  assert.equal((await engine.strata(['run', '--rm', 'arch/one:1', 'cat', '/d/link'])).stdout, 'one\n');
});

test('a truncated or foreign stream is refused in words, and nothing changes', async () => {
  const images = async () =>
    (await engine.strata(['images', '-a', '--no-trunc', '--format', '{{.Repository}}:{{.Tag}} {{.ID}}'])).stdout;
  const before = await images();
  const file = join(engine.work, 'cut.tar');
  writeFileSync(file, ours.subarray(0, ours.length / 2));
  for (const args of [
    ['load', '-i', file],
    ['load', '-i', '/etc/passwd'],
  ]) {
    const { code, output } = await engine.strata(args, { accept: 'any' });
    assert.equal(code, 1);
    assert.match(output, /unexpected EOF|archive|tar/i);
    assert.doesNotMatch(output, /\n\s+at /, 'no stack trace');
  }
  assert.equal(await images(), before);
});
