import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { startEngine, type TestEngine } from '../harness/engine.ts';
import { startRegistry, type TestRegistry } from '../registry/fixtures/docker-registry.ts';

let registry: TestRegistry;
let here: TestEngine;
let there: TestEngine;
let dir: string;

before(async () => {
  [registry, here, there] = await Promise.all([
    startRegistry(),
    startEngine({ bases: ['busybox'] }),
    startEngine({ bases: ['busybox'] }),
  ]);
  dir = join(here.work, 'context');
  mkdirSync(dir);
  writeFileSync(
    join(dir, 'Dockerfile'),
    'FROM busybox AS make\nRUN cat /proc/sys/kernel/random/uuid > /made\nFROM busybox\nCOPY --from=make /made /made\nCOPY f /f\nRUN cat /proc/sys/kernel/random/uuid > /last\n',
  );
  writeFileSync(join(dir, 'f'), 'file');
});
after(async () => {
  await Promise.all([here?.stop(), there?.stop()]);
  await registry?.close();
});

/** The steps that ran although their results could have come from a cache. */
async function ran(engine: TestEngine, ...args: readonly string[]): Promise<string[]> {
  const { stderr } = await engine.strata(['build', '--progress=plain', ...args, dir]);
  const steps = [...stderr.matchAll(/^#(\d+) \[[^\]]*\d\/\d\] (?:RUN|COPY).*$/gm)];
  return steps.filter(([, id]) => !stderr.includes(`#${id} CACHED`)).map(([line]) => line);
}

async function imageID(engine: TestEngine, ...args: readonly string[]): Promise<string> {
  return (await engine.strata(['build', '-q', ...args, dir])).stdout.trim();
}

async function forget(engine: TestEngine): Promise<void> {
  await engine.strata(['builder', 'prune', '-af']);
}

async function images(engine: TestEngine): Promise<Set<string>> {
  return new Set((await engine.strata(['images', '-aq', '--no-trunc'])).stdout.trim().split('\n'));
}

for (const mode of ['min', 'max']) {
  test(`a cache in a registry with mode=${mode} gives another engine the same image`, async () => {
    const ref = `${registry.host}/team/cache:${mode}`;
    await forget(there);
    const first = await imageID(here, '--cache-to', `type=registry,ref=${ref},mode=${mode}`);
    const before = await images(there);
    const again = await ran(there, '--cache-from', ref);
    assert.deepEqual(again, []);
    assert.equal(await imageID(there), first);
    assert.deepEqual([...(await images(there))].toSorted(), [...before.add(first)].toSorted(), 'the cache is no image');
    // The layers of the first stage stayed where they are. With mode=min its step runs once its files are wanted.
    const stage = await ran(there, '--target', 'make', '--cache-from', ref);
    assert.equal(stage.length, mode === 'min' ? 1 : 0, stage.join('\n'));
  });
}

test('a cache in a folder is an OCI layout that another engine builds from', async () => {
  const dest = join(here.work, 'cache');
  await forget(there);
  const first = await imageID(here, '--cache-to', `type=local,dest=${dest},mode=max`);
  assert.deepEqual(readdirSync(dest).sort(), ['blobs', 'index.json', 'oci-layout']);
  assert.deepEqual(await ran(there, '--cache-from', `type=local,src=${dest}`), []);
  assert.equal(await imageID(there), first);
});

test('an inline cache comes back with the image that was pushed', async () => {
  const ref = `${registry.host}/team/inline:1`;
  writeFileSync(
    join(dir, 'one.Dockerfile'),
    'FROM busybox\nRUN cat /proc/sys/kernel/random/uuid > /n\nCOPY f /f\nRUN cat /proc/sys/kernel/random/uuid > /last\n',
  );
  const file = ['-f', join(dir, 'one.Dockerfile')];
  await here.strata(['build', ...file, '--cache-to', 'type=inline', '--push', '-t', ref, dir]);
  assert.deepEqual(await ran(there, ...file, '--cache-from', ref), []);
});

test('a cache that is not there is a warning, a kind of cache that is none an error', async () => {
  const { stderr } = await there.strata([
    'build',
    '--progress=plain',
    '--cache-from',
    'type=local,src=/no/such/folder',
    '--cache-from',
    `${registry.host}/no/such`,
    dir,
  ]);
  assert.equal(stderr.match(/cache source is not used/g)?.length, 2, stderr);
  for (const [option, message] of [
    ['--cache-to=type=local', 'local cache exporter requires dest'],
    ['--cache-to=type=cloud', 'unknown cache exporter: "cloud"'],
    ['--cache-from=type=inline', 'unknown cache importer: "inline"'],
    [`--cache-to=type=registry,ref=${'x'},mode=most`, 'invalid cache export mode: most'],
  ] as const) {
    const { code, stderr: told } = await there.strata(['build', option, dir], { accept: 'any' });
    assert.equal(code, 1);
    assert.ok(told.includes(message), told);
  }
});
