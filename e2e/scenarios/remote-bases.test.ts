import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { startEngine, type TestEngine } from '../harness/engine.ts';
import { startRegistry, type TestRegistry } from '../registry/fixtures/docker-registry.ts';

let registry: TestRegistry;
let engine: TestEngine;
let base: string;

before(async () => {
  [registry, engine] = await Promise.all([startRegistry(), startEngine({ bases: ['busybox'] })]);
  base = `${registry.host}/base:1`;
  await strata('FROM busybox\nENV TOOL=1.2\n', ['-q', '-t', base]);
  await engine.strata(['push', '-q', base]);
  await engine.strata(['image', 'rm', base]);
});
after(async () => {
  await engine?.stop();
  await registry?.close();
});

async function strata(text: string, args: readonly string[], accept: readonly number[] = [0]) {
  const dir = join(engine.work, 'context');
  mkdirSync(dir, { recursive: true });
  writeFileSync(join(dir, 'Dockerfile'), text);
  return await engine.strata(['build', ...args, dir], { accept });
}

test('checks know the variables of a base that only its registry has, and fetch no layer of it', async () => {
  const { stdout } = await strata(`FROM ${base}\nLABEL a=$TOOL b=$TOOLL\n`, ['--check'], [1]);
  assert.match(stdout, /Usage of undefined variable '\$TOOLL' \(did you mean \$TOOL\?\)/);
  assert.doesNotMatch(stdout, /'\$TOOL'/);
  assert.doesNotMatch((await engine.strata(['images'])).stdout, /base/);
});

test('an outline fills defaults in with the variables of its base', async () => {
  const { stdout } = await strata(`FROM ${base} AS a\nENV B=x\nFROM a\nARG V=$TOOL-$B\n`, ['--call=outline']);
  assert.match(stdout, /^V +1\.2-x/m);
});

test('a base that its registry does not have fails the checks at its FROM', async () => {
  const { output } = await strata(`FROM busybox\nFROM ${registry.host}/base:2\nCMD a\n`, ['--check'], [1]);
  assert.match(output, /failed to resolve source metadata for .*base:2: .*base:2: not found\n.*Dockerfile:2\n/);
  assert.doesNotMatch(output, /JSONArgsRecommended/);
});

test('a build shows the layers of a base that it pulls', async () => {
  const { output } = await strata(`FROM ${base}\n`, ['--progress=plain']);
  assert.match(
    output,
    /^#(\d+) \[internal\] load metadata for .*\n(?:#\1 .*\n)*#\1 Already exists [0-9a-f]{12} done$/m,
  );
});
