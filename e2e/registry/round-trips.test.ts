/**
 * Images that travel between this engine and other programs, and run where they arrive. `STRATA_PEERS` names a program
 * that runs its arguments where those are installed; archives go through pipes.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fromNewerDebian } from '../../scripts/newer-debian.ts';
import { registryTools } from '../../scripts/supplies.ts';
import { startEngine, type TestEngine } from '../harness/engine.ts';
import { startRegistry, type TestRegistry } from './fixtures/docker-registry.ts';

const enter = (process.env['STRATA_PEERS'] ?? '').split(' ').filter((word) => word !== '');
/** Where podman keeps the images of this test: vfs works everywhere. */
const podmanRoot = '/tmp/strata-round-trips';
const podman = ['podman', '--root', podmanRoot, '--runroot', `${podmanRoot}-run`, '--storage-driver', 'vfs'];

let engine: TestEngine;
let registry: TestRegistry;

before(async () => {
  [engine, registry] = await Promise.all([startEngine({ bases: ['busybox'] }), startRegistry()]);
});
after(async () => {
  if (has('docker')) peer(['docker', 'rmi', '-f', 'ours:1', 'theirs:1', name('ours'), name('theirs')], { any: true });
  if (has('podman')) peer(['rm', '-rf', podmanRoot, `${podmanRoot}-run`]);
  await engine?.stop();
  await registry?.close();
});

interface PeerOptions {
  readonly input?: Buffer;
  readonly any?: boolean;
}

/** Crane is a package of a newer Debian, and runs here as it is. */
function words(command: readonly string[]): readonly string[] {
  if (enter.length > 0) return [...enter, ...command];
  const tools = join(fromNewerDebian(registryTools), 'usr/bin');
  return ['env', `PATH=${process.env['PATH']}:${tools}`, ...command];
}

function peer(command: readonly string[], options: PeerOptions = {}): Buffer {
  const [program, ...args] = words(command);
  const input = options.input ?? Buffer.alloc(0);
  const result = spawnSync(program!, args, { timeout: 120_000, maxBuffer: 256 << 20, input });
  if (!options.any) assert.equal(result.status, 0, `${command.join(' ')}: ${result.stderr}${result.error ?? ''}`);
  return result.stdout;
}

function has(program: string): boolean {
  const [first, ...rest] = words([program, program === 'docker' || program === 'crane' ? 'version' : '--version']);
  return spawnSync(first!, rest, { timeout: 60_000 }).status === 0;
}

const skip = (program: string) => (has(program) ? false : `${program} is not here`);
const name = (image: string) => `${registry.host}/trip/${image}:1`;
const idHere = async (image: string) =>
  (await engine.strata(['image', 'inspect', '-f', '{{.Id}}', image])).stdout.trim();

/** One archive is a docker archive and an OCI layout. */
async function saved(image: string): Promise<Buffer> {
  const file = join(engine.work, 'saved.tar');
  await engine.strata(['save', '-o', file, image]);
  return spawnSync('cat', [file], { maxBuffer: 256 << 20 }).stdout;
}

async function load(archive: Buffer): Promise<string> {
  return (await engine.strata(['load'], { input: archive })).stdout;
}

/** Files with modes, links, deletions and an odd name, in several layers. */
const dockerfile = `FROM busybox
COPY given /etc/given
RUN mkdir -p /data/deep && echo first > /data/one && ln -s one /data/two && ln /data/one /data/three && chmod 4750 /data/one
RUN rm /data/one && echo 'ä ö' > '/data/ü b' && chown 7:8 /data/deep
ENV KIND=tree
CMD ["sh", "-c", "cat /etc/given; stat -c '%a %u %g %n' /data /data/*; cat /data/ü*; echo $KIND"]
`;
const said = (given: string) =>
  [given, '755 0 0 /data', '755 7 8 /data/deep', '4750 0 0 /data/three', '777 0 0 /data/two', '644 0 0 /data/ü b']
    .concat('ä ö', 'tree', '')
    .join('\n');

async function buildHere(): Promise<string> {
  const folder = join(engine.work, 'context');
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'Dockerfile'), dockerfile);
  writeFileSync(join(folder, 'given'), 'from here\n');
  await engine.strata(['build', '-q', '-t', 'ours:1', '-t', name('ours'), folder]);
  return await idHere('ours:1');
}

/** Docker's classic builder takes the context as a tar on its input. */
function buildThere(): string {
  const tar = spawnSync(
    'sh',
    ['-c', 'cd "$(mktemp -d)" && cat > Dockerfile && echo "from there" > given && tar -c .'],
    {
      input: dockerfile,
    },
  ).stdout;
  peer(['docker', 'build', '-q', '-t', 'theirs:1', '-t', name('theirs'), '-'], { input: tar });
  return peer(['docker', 'image', 'inspect', '-f', '{{.Id}}', 'theirs:1']).toString().trim();
}

test('what is built here runs in docker, over a registry and as an archive, under the same id', {
  skip: skip('docker'),
}, async () => {
  const id = await buildHere();
  const { stdout } = await engine.strata(['push', name('ours')]);
  const [digest = ''] = /sha256:[0-9a-f]{64}/.exec(stdout) ?? [];
  assert.ok(
    peer(['docker', 'pull', name('ours')])
      .toString()
      .includes(`Digest: ${digest}`),
  );
  assert.equal(peer(['docker', 'run', '--rm', name('ours')]).toString(), said('from here'));
  peer(['docker', 'rmi', '-f', name('ours')]);
  const archive = await saved('ours:1');
  assert.match(peer(['docker', 'load'], { input: archive }).toString(), /Loaded image: ours:1/);
  assert.equal(peer(['docker', 'image', 'inspect', '-f', '{{.Id}}', 'ours:1']).toString().trim(), id);
  assert.equal(peer(['docker', 'run', '--rm', 'ours:1']).toString(), said('from here'));
});

test('what docker builds runs here, over a registry and as an archive, under the same id', {
  skip: skip('docker'),
}, async () => {
  const id = buildThere();
  const pushed = peer(['docker', 'push', name('theirs')]).toString();
  const [digest = ''] = /sha256:[0-9a-f]{64}/.exec(pushed) ?? [];
  assert.match((await engine.strata(['pull', name('theirs')])).stdout, new RegExp(`Digest: ${digest}`));
  assert.equal(await idHere(name('theirs')), id);
  assert.equal((await engine.strata(['run', '--rm', name('theirs')])).stdout, said('from there'));
  const again = await engine.strata(['push', name('theirs')]);
  assert.match(again.stdout, new RegExp(`1: digest: ${digest} size`));
  await engine.strata(['rmi', '-f', name('theirs')]);
  assert.equal(await load(peer(['docker', 'save', 'theirs:1'])), 'Loaded image: theirs:1\n');
  assert.equal(await idHere('theirs:1'), id);
  assert.equal((await engine.strata(['run', '--rm', 'theirs:1'])).stdout, said('from there'));
});

test('skopeo reads our archives, and writes some that run here', { skip: skip('skopeo') }, async () => {
  const id = await buildHere();
  const archive = await saved('ours:1');
  for (const kind of ['docker-archive', 'oci-archive']) {
    // Another program's archive of the same image, through a file since skopeo seeks in some.
    const script = `f=$(mktemp); cat > $f; skopeo copy -q ${kind}:$f ${kind}:$f.out${kind === 'docker-archive' ? ':again:1' : ''} && cat $f.out; rm -f $f $f.out`;
    const theirs = peer(['sh', '-c', script], { input: archive });
    const loaded = await load(theirs);
    const known = /(sha256:[0-9a-f]{64}|again:1)/.exec(loaded)?.[0] ?? '';
    assert.equal(await idHere(known), id, loaded);
    assert.equal((await engine.strata(['run', '--rm', known])).stdout, said('from here'));
  }
});

test('podman loads our archives, and saves some that run here', { skip: skip('podman') }, async () => {
  const id = await buildHere();
  peer([...podman, 'load', '-q'], { input: await saved('ours:1') });
  const there = peer([...podman, 'image', 'inspect', '-f', '{{.Id}}', 'docker.io/library/ours:1']);
  assert.equal(`sha256:${there.toString().trim()}`, id);
  for (const format of ['docker-archive', 'oci-archive']) {
    peer([...podman, 'tag', 'docker.io/library/ours:1', 'localhost/back:1']);
    const loaded = await load(peer([...podman, 'save', '-q', '--format', format, 'localhost/back:1']));
    assert.match(loaded, /Loaded image: localhost\/back:1/);
    assert.equal(await idHere('localhost/back:1'), id);
    assert.equal((await engine.strata(['run', '--rm', 'localhost/back:1'])).stdout, said('from here'));
    await engine.strata(['rmi', 'localhost/back:1']);
  }
});

test('crane pushes our archives, which come back under the same id', { skip: skip('crane') }, async () => {
  const id = await buildHere();
  const target = name('by-crane');
  peer(['sh', '-c', `f=$(mktemp); cat > $f; crane push --insecure $f ${target}; rm -f $f`], {
    input: await saved('ours:1'),
  });
  await engine.strata(['pull', target]);
  assert.equal(await idHere(target), id);
  assert.equal((await engine.strata(['run', '--rm', target])).stdout, said('from here'));
});

test('crane pulls our pushes into archives that load here', { skip: skip('crane') }, async () => {
  const id = await buildHere();
  await engine.strata(['push', name('ours')]);
  const archive = peer(['sh', '-c', `f=$(mktemp); crane pull --insecure ${name('ours')} $f && cat $f; rm -f $f`]);
  await engine.strata(['rmi', name('ours')]);
  assert.match(await load(archive), new RegExp(`Loaded image: ${name('ours')}`));
  assert.equal(await idHere(name('ours')), id);
});
