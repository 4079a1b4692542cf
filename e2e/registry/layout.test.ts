/** The store is an OCI image layout that other programs read in place, while the daemon writes to it. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fromNewerDebian } from '../../scripts/newer-debian.ts';
import { registryTools } from '../../scripts/supplies.ts';
import { makeContext } from '../harness/context.ts';
import { execute, startEngine, type TestEngine } from '../harness/engine.ts';
import { until } from '../harness/until.ts';
import { startRegistry, type TestRegistry } from './fixtures/docker-registry.ts';

let engine: TestEngine;
let registry: TestRegistry;
before(async () => {
  registry = await startRegistry();
  engine = await startEngine();
});
after(async () => {
  await engine?.stop();
  await registry?.close();
});

interface Named {
  readonly digest: string;
  readonly size: number;
  readonly annotations?: Readonly<Record<string, string>>;
}

const layout = () => join(engine.dataRoot, 'oci');

/** A file of the layout as a reader finds it; a blob must be what its name says. */
function blob({ digest, size }: Named): Buffer {
  const [algorithm, hex] = digest.split(':') as [string, string];
  const bytes = readFileSync(join(layout(), 'blobs', algorithm, hex));
  assert.equal(bytes.length, size);
  assert.equal(createHash(algorithm).update(bytes).digest('hex'), hex);
  return bytes;
}

/** Everything that image-layout.md asks for; returns the names that the index has. */
function validLayout(): string[] {
  assert.deepEqual(JSON.parse(readFileSync(join(layout(), 'oci-layout'), 'utf8')), { imageLayoutVersion: '1.0.0' });
  const index = JSON.parse(readFileSync(join(layout(), 'index.json'), 'utf8')) as {
    readonly manifests: readonly Named[];
  };
  for (const entry of index.manifests) {
    const manifest = JSON.parse(blob(entry).toString()) as {
      readonly config: Named;
      readonly layers: readonly Named[];
    };
    for (const part of [manifest.config, ...manifest.layers]) blob(part);
  }
  return index.manifests.flatMap(({ annotations }) => annotations?.['org.opencontainers.image.ref.name'] ?? []);
}

async function pushed(name: string): Promise<void> {
  const context = makeContext(engine.work, {
    Dockerfile: `FROM scratch\nCOPY f /${name}\nCMD ["/${name}"]\n`,
    f: name,
  });
  await engine.strata(['build', '-t', `${registry.host}/${name}:1`, context]);
  await engine.strata(['push', `${registry.host}/${name}:1`]);
}

const missing = spawnSync('skopeo', ['--version']).status === 0 ? false : 'skopeo is not here';

test('what was pushed or pulled can be read in place and copied by skopeo', { skip: missing }, async () => {
  await pushed('one');
  assert.deepEqual(validLayout(), [`${registry.host}/one:1`]);
  const source = `oci:${layout()}:${registry.host}/one:1`;
  const { stdout } = await execute('skopeo', ['inspect', '--config', source]);
  assert.deepEqual(JSON.parse(stdout).config.Cmd, ['/one']);
  const copy = join(engine.work, 'copied.tar');
  await execute('skopeo', ['--insecure-policy', 'copy', source, `docker-archive:${copy}:copied/one:2`]);
  const id = (await engine.strata(['images', '-q', '--no-trunc', `${registry.host}/one:1`])).stdout;
  assert.match((await engine.strata(['load', '-i', copy])).stdout, /Loaded image: copied\/one:2/);
  assert.equal((await engine.strata(['images', '-q', '--no-trunc', 'copied/one:2'])).stdout, id);
});

test('what is built, loaded, imported or committed can be read in place by skopeo, crane and oras', {
  skip: missing,
}, async () => {
  await engine.load('busybox');
  const context = makeContext(engine.work, { Dockerfile: 'FROM busybox\nRUN echo here > /made\n' });
  await engine.strata(['build', '-t', 'made/here:1', context]);
  await engine.strata(['run', '--name', 'made', 'made/here:1', 'touch', '/more']);
  await engine.strata(['commit', 'made', 'made/committed:1']);
  const tar = join(engine.work, 'root.tar');
  await engine.strata(['export', '-o', tar, 'made']);
  await engine.strata(['import', tar, 'made/imported:1']);
  const names = ['busybox:latest', 'alpine:latest', 'made/here:1', 'made/committed:1', 'made/imported:1'];
  await until('it comes about', () => names.every((name) => validLayout().includes(name)));

  const { stdout } = await execute('skopeo', ['inspect', '--config', '--raw', `oci:${layout()}:made/here:1`]);
  const id = (await engine.strata(['images', '-q', '--no-trunc', 'made/here:1'])).stdout.trim();
  assert.equal(`sha256:${createHash('sha256').update(stdout).digest('hex')}`, id);

  const tools = join(fromNewerDebian(registryTools), 'usr/bin');
  const fetched = await execute(join(tools, 'oras'), [
    ...['manifest', 'fetch', '--oci-layout-path', layout(), 'made/here:1'],
  ]);
  assert.equal(JSON.parse(fetched.stdout).config.digest, id);
  const all = `${registry.host}/layout/all:1`;
  await execute(join(tools, 'crane'), ['push', '--insecure', '--index', layout(), all]);
  const index = JSON.parse((await execute(join(tools, 'crane'), ['manifest', '--insecure', all])).stdout);
  assert.ok(
    index.manifests.some(
      (one: Named) => one.digest === `sha256:${createHash('sha256').update(fetched.stdout).digest('hex')}`,
    ),
  );

  // A push makes the manifest that registries get: layers that are plain here are packed there.
  const pushed = `${registry.host}/layout/here:1`;
  await engine.strata(['tag', 'made/here:1', pushed]);
  await engine.strata(['push', '-q', pushed]);
  const sent = JSON.parse((await execute(join(tools, 'crane'), ['manifest', '--insecure', pushed])).stdout);
  assert.ok(sent.layers.every(({ mediaType }: { mediaType: string }) => mediaType.endsWith('+gzip')));
  const before = validLayout();
  assert.ok(before.includes(pushed) && before.includes('made/here:1'));

  await engine.strata(['rm', 'made']);
  await engine.strata(['rmi', '-f', ...names, pushed]);
  assert.deepEqual(
    validLayout().filter((name) => names.includes(name)),
    [],
  );
});

test('it is whole at every moment while images come and go', { skip: missing }, async () => {
  await pushed('steady');
  let isOver = false;
  const changes = (async () => {
    for (const name of ['two', 'three']) {
      await pushed(name);
      await engine.strata(['tag', `${registry.host}/${name}:1`, `${name}:again`]);
      await engine.strata(['rmi', `${name}:again`, `${registry.host}/${name}:1`]);
      await engine.strata(['pull', '-q', `${registry.host}/${name}:1`]);
      await engine.strata(['builder', 'prune', '-af']);
    }
  })().finally(() => {
    isOver = true;
  });
  let looks = 0;
  for (; !isOver; looks++) {
    const { stdout } = await execute('skopeo', ['inspect', '--raw', `oci:${layout()}:${registry.host}/steady:1`]);
    assert.equal(JSON.parse(stdout).schemaVersion, 2);
  }
  await changes;
  assert.ok(looks > 3, `${looks} looks`);
  assert.deepEqual(
    validLayout().sort(),
    ['one', 'steady', 'three', 'two']
      .map((name) => `${registry.host}/${name}:1`)
      .concat('copied/one:2')
      .sort(),
  );
});

test('a daemon that is killed leaves it valid', async () => {
  await engine.restart('SIGKILL');
  const names = validLayout();
  await engine.strata(['rmi', '-f', `${registry.host}/two:1`]);
  assert.deepEqual(
    validLayout(),
    names.filter((name) => !name.includes('/two:')),
  );
  assert.equal(existsSync(join(layout(), 'blobs')), true);
});
