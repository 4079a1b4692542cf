/** Tagging, listing, removing and pruning, with the outputs compared to golden files. */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { makeContext } from '../harness/context.ts';
import { startEngine, type TestEngine } from '../harness/engine.ts';

let engine: TestEngine;
before(async () => {
  engine = await startEngine({ bases: ['busybox'] });
});
after(() => engine?.stop());

/** What differs from run to run becomes a word of the same meaning; columns fold to two blanks. */
function stable(text: string): string {
  return text
    .replace(/sha256:[0-9a-f]{64}/g, 'sha256:<digest>')
    .replace(/\b[0-9a-f]{64}\b/g, '<long id>')
    .replace(/\b[0-9a-f]{12}\b/g, '<id>')
    .replace(/(Less than a second|About an? \w+|\d+ \w+) ago/g, '<when>')
    .replace(/\b\d+(\.\d+)?(B|kB|MB)\b/g, '<size>')
    .replace(/ {2,}/g, '  ')
    .replace(/[ \t]+$/gm, '');
}

function golden(name: string, text: string): void {
  const file = join(import.meta.dirname, 'golden', `${name}.txt`);
  const got = stable(text);
  if (process.env['UPDATE_GOLDEN']) writeFileSync(file, got);
  assert.equal(got, readFileSync(file, 'utf8'), name);
}

test('tag, list, remove and prune print what people know', async () => {
  const strata = async (...args: string[]) => (await engine.strata(args, { accept: 'any' })).output;
  const context = makeContext(engine.work, {
    Dockerfile: 'FROM busybox\nLABEL tier=front\nRUN echo 1 > /one\nRUN echo 2 > /two\nCMD ["cat", "/one"]\n',
  });
  await strata('build', '-t', 'app:1', context);
  golden('tag', await strata('image', 'tag', 'app:1', 'registry.example:5000/team/app:stable'));
  await strata('tag', 'app:1', 'app');
  golden('ls', await strata('image', 'ls', 'app'));
  golden('ls-all', await strata('images', '--no-trunc', '--digests', '--filter', 'label=tier=front'));
  golden('ls-format', await strata('images', '--format', 'table {{.Repository}}\t{{.Tag}}', 'app'));
  golden('ls-quiet', await strata('images', '-q', 'app:1'));
  golden('history', await strata('history', 'app:1'));
  golden('tag-absent', await strata('tag', 'nothing:here', 'x'));
  golden('tag-invalid', await strata('tag', 'app:1', 'Bad'));
  const several = (await strata('images', '-q', 'app:1')).trim();
  golden('rm-several-names', await strata('rmi', several));
  golden('rm-one-name', await strata('image', 'rm', 'app:latest'));
  await strata('image', 'rm', 'registry.example:5000/team/app:stable');
  await strata('create', '--name', 'user', 'app:1');
  golden('rm-in-use', await strata('image', 'rm', 'app:1'));
  await strata('rm', 'user');
  golden('rm-last-name', await strata('rmi', 'app:1'));
  golden('rm-absent', await strata('rmi', 'app:1'));

  await strata('build', '-t', 'app:1', context);
  await strata('build', '--label', 'other=1', '-t', 'app:1', context);
  golden('ls-dangling', await strata('images', '-f', 'dangling=true'));
  golden('prune-refused', (await engine.strata(['image', 'prune'], { input: 'n\n', accept: 'any' })).output);
  golden('prune', await strata('image', 'prune', '-f'));
  golden('prune-again', await strata('image', 'prune', '-f'));
  golden(
    'prune-all',
    (await strata('image', 'prune', '-a', '-f'))
      .split('\n')
      .filter((line) => !line.startsWith('deleted:'))
      .join('\n'),
  );
  golden('ls-empty', await strata('image', 'ls'));
});

test('inspect prints the whole image, or the field that is asked for', async () => {
  await engine.load('busybox');
  const [image] = JSON.parse((await engine.strata(['image', 'inspect', 'busybox'])).stdout) as [
    Record<string, unknown>,
  ];
  for (const key of ['Id', 'RepoTags', 'Created', 'Size', 'RootFS', 'Config', 'Architecture', 'Os'])
    assert.ok(key in image, key);
  assert.equal(
    (await engine.strata(['image', 'inspect', '-f', '{{json .Config.Cmd}} {{.Os}}', 'busybox'])).stdout,
    '["sh"] linux\n',
  );
});

test('an archive that cannot be written is told of', async () => {
  const { code, output } = await engine.strata(['save', '-o', '/dev/full', 'busybox'], { accept: 'any' });
  assert.equal(output.trim(), 'write /dev/full: no space left on device');
  assert.equal(code, 1);
});
