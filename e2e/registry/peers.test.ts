import assert from 'node:assert/strict';
import { type SpawnSyncReturns, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fromNewerDebian } from '../../scripts/newer-debian.ts';
import { registryTools } from '../../scripts/supplies.ts';
import { parseReference } from '../../src/oci/index.ts';
import { startRegistry, type TestRegistry } from './fixtures/docker-registry.ts';
import { noise, openStore, type TestStore } from './fixtures/test-store.ts';

/**
 * Round trips with other programs, where they are here. `STRATA_PEERS` names a program that runs its arguments where those
 * are installed; they share the network, and the folder `/tmp` is theirs.
 */
const enter = (process.env['STRATA_PEERS'] ?? '').split(' ').filter((word) => word !== '');

let registry: TestRegistry;
let store: TestStore;

before(async () => {
  registry = await startRegistry();
  store = await openStore();
});
after(async () => {
  for (const name of ['here/app:1', 'there/app:1'])
    if (has('docker')) run('docker', 'rmi', '-f', `${registry.host}/${name}`);
  await store?.close();
  await registry?.close();
});

/** Crane and oras are packages of a newer Debian, and run here as they are. */
function words(command: readonly string[]): readonly string[] {
  if (enter.length > 0) return [...enter, ...command];
  const tools = join(fromNewerDebian(registryTools), 'usr/bin');
  return ['env', `PATH=${process.env['PATH']}:${tools}`, ...command];
}

function run(...command: readonly string[]): SpawnSyncReturns<string> {
  const [program, ...args] = words(command);
  return spawnSync(program!, args, { encoding: 'utf8', timeout: 120_000 });
}

function has(program: string): boolean {
  return run(program, program === 'skopeo' ? '--version' : 'version').status === 0;
}

const skip = (program: string) => (has(program) ? false : `${program} is not here`);
const ref = (name: string) => parseReference(`${registry.host}/${name}`);

function ok(result: SpawnSyncReturns<string>): string {
  assert.equal(result.status, 0, `${result.stdout}${result.stderr}`);
  return result.stdout;
}

async function pushOurs(): Promise<{ readonly digest: string; readonly id: string }> {
  const { id } = await store.build(`${registry.host}/here/app:1`, { 'etc/one': '1' }, { data: noise(200_000) });
  const { digest } = await store.transfers.push(ref('here/app:1'), {});
  return { digest, id };
}

test('docker pulls what we pushed, and pushes it on unchanged', { skip: skip('docker') }, async () => {
  const { digest, id } = await pushOurs();
  const said = ok(run('docker', 'pull', `${registry.host}/here/app:1`));
  assert.ok(said.includes(`Digest: ${digest}`), said);
  assert.equal(ok(run('docker', 'image', 'inspect', '-f', '{{.Id}}', `${registry.host}/here/app:1`)).trim(), id);
  ok(run('docker', 'tag', `${registry.host}/here/app:1`, `${registry.host}/there/app:1`));
  ok(run('docker', 'push', `${registry.host}/there/app:1`));
  const back = await openStore();
  const pulled = await back.transfers.pull(ref('there/app:1'), {});
  assert.equal(pulled.id, id);
  const again = await back.transfers.push(ref('there/app:1'), {});
  assert.equal(again.digest, pulled.digest, 'what was pulled is pushed with the same bytes');
  await back.close();
});

for (const [program, ...arguments_] of [
  ['skopeo', 'copy', '--src-tls-verify=false', '--dest-tls-verify=false', '--preserve-digests'],
  ['crane', 'copy', '--insecure'],
  ['oras', 'cp', '--from-plain-http', '--to-plain-http'],
] as const) {
  test(`${program} copies what we pushed, and we pull the copy with the same digest`, {
    skip: skip(program),
  }, async () => {
    const { digest, id } = await pushOurs();
    const scheme = program === 'skopeo' ? 'docker://' : '';
    const target = `${registry.host}/copied/${program}:1`;
    ok(run(program, ...arguments_, `${scheme}${registry.host}/here/app:1`, `${scheme}${target}`));
    const back = await openStore();
    const pulled = await back.transfers.pull(parseReference(target), {});
    assert.deepEqual({ digest: pulled.digest, id: pulled.id }, { digest, id });
    await back.close();
  });
}

for (const format of ['oci', 'v2s2']) {
  test(`skopeo pushes ${format}${format === 'oci' ? ' with zstd layers' : ''}, and we pull it and push it on unchanged`, {
    skip: skip('skopeo'),
  }, async () => {
    await pushOurs();
    const target = `${registry.host}/made/${format}:1`;
    const compress = format === 'oci' ? ['--dest-compress-format=zstd'] : [];
    ok(
      run(
        'skopeo',
        'copy',
        '--src-tls-verify=false',
        '--dest-tls-verify=false',
        '--format',
        format,
        ...compress,
        `docker://${registry.host}/here/app:1`,
        `docker://${target}`,
      ),
    );
    const back = await openStore();
    const pulled = await back.transfers.pull(parseReference(target), {});
    await back.images.tag(target, ref(`on/${format}:1`));
    const pushed = await back.transfers.push(ref(`on/${format}:1`), {});
    assert.equal(pushed.digest, pulled.digest);
    const image = await back.images.get(target);
    const [bottom] = back.snapshots.stack(image.snapshot!);
    assert.equal(readFileSync(join(bottom!.diffDir, 'etc/one'), 'utf8'), '1');
    await back.close();
  });
}

test('skopeo reads the store as the OCI layout that it is', { skip: skip('skopeo') }, async () => {
  const { digest } = await pushOurs();
  const layout = join(store.content.root);
  assert.ok(existsSync(join(layout, 'index.json')));
  const shared = enter.length > 0 ? process.env['STRATA_PEERS_SHARED'] : undefined;
  if (enter.length > 0 && shared === undefined) return;
  const [outside = layout, inside = layout] = shared?.split(':') ?? [];
  if (outside !== layout) {
    rmSync(join(outside, 'layout'), { recursive: true, force: true });
    mkdirSync(outside, { recursive: true });
    spawnSync('cp', ['-r', layout, join(outside, 'layout')]);
  }
  const path = outside === layout ? layout : join(inside, 'layout');
  const said = ok(run('skopeo', 'inspect', '--raw', `oci:${path}:${registry.host}/here/app:1`));
  assert.ok(said.includes(digest) || said.includes('"layers"'));
});
