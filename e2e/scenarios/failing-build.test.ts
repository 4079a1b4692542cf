import assert from 'node:assert/strict';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { makeContext } from '../harness/context.ts';
import { startEngine, type TestEngine } from '../harness/engine.ts';
import { until } from '../harness/until.ts';

let engine: TestEngine;
before(async () => {
  engine = await startEngine({ bases: ['busybox'] });
});
after(() => engine?.stop());

const good = 'FROM busybox\nRUN echo one > /one && cat /proc/sys/kernel/random/uuid > /id\nRUN echo two > /two\n';

test('a failing step names its line, its command and its exit code; the repaired build goes on behind the last good step', async () => {
  const context = makeContext(engine.work, {
    Dockerfile: `${good}RUN echo "about to fail" && cat /nothing-there\nRUN echo four > /four\n`,
  });
  const failed = await engine.strata(['build', '--progress=plain', '-t', 'repair', context], { accept: [1] });
  assert.match(failed.stderr, /about to fail/);
  assert.match(failed.stderr, /cat: can't open '\/nothing-there'/);
  assert.match(
    failed.stderr,
    /process "\/bin\/sh -c echo \\"about to fail\\" && cat \/nothing-there" did not complete successfully: exit code: 1/,
  );
  assert.match(failed.stderr, /Dockerfile:4/);
  assert.match(failed.stderr, />>> RUN echo "about to fail"/);
  assert.equal((await engine.strata(['image', 'ls', '-q', 'repair'])).stdout, '');

  writeFileSync(join(context, 'Dockerfile'), `${good}RUN echo three > /three\nRUN echo four > /four\n`);
  const repaired = await engine.strata(['build', '--progress=classic', '-t', 'repair', context]);
  assert.equal(repaired.output.match(/Using cache/g)?.length, 2, repaired.output);
  assert.equal(repaired.output.match(/Running in/g)?.length, 2, repaired.output);
  assert.equal(
    (await engine.strata(['run', '--rm', 'repair', 'cat', '/one', '/two', '/three', '/four'])).stdout,
    'one\ntwo\nthree\nfour\n',
  );
});

test('a step added at the end runs alone, and a touched file keeps the cache', async () => {
  const context = makeContext(engine.work, {
    Dockerfile: 'FROM busybox\nCOPY file /file\nRUN cat /file > /copy\n',
    file: 'content',
  });
  await engine.strata(['build', '-t', 'grow', context]);
  writeFileSync(join(context, 'file'), 'content');
  writeFileSync(join(context, 'Dockerfile'), 'FROM busybox\nCOPY file /file\nRUN cat /file > /copy\nRUN echo more\n');
  const again = await engine.strata(['build', '--progress=classic', '-t', 'grow', context]);
  assert.equal(again.output.match(/Using cache/g)?.length, 2, again.output);
  assert.equal(again.output.match(/Running in/g)?.length, 1, again.output);
});

test('--explain says which file made a step miss the cache', async () => {
  const context = makeContext(engine.work, {
    Dockerfile: 'FROM busybox\nCOPY . /app/\nRUN ls /app\n',
    'one.txt': '1',
    'two.txt': '2',
  });
  await engine.strata(['build', '-t', 'why', context]);
  writeFileSync(join(context, 'two.txt'), 'other');
  const explained = await engine.strata(['build', '--explain', '--progress=plain', '-t', 'why', context]);
  assert.match(explained.output, /COPY \. \/app\/[\s\S]*two\.txt/);
  assert.doesNotMatch(explained.output, /one\.txt.*changed/);
});

test('a build cancelled with Ctrl-C leaves nothing running and nothing half-made', async () => {
  const context = makeContext(engine.work, { Dockerfile: 'FROM busybox\nRUN echo started && sleep 987 & sleep 986\n' });
  const images = (await engine.strata(['image', 'ls', '-aq'])).stdout;
  const stop = new AbortController();
  const build = engine.strata(['build', '--progress=plain', '-t', 'never', context], {
    signal: stop.signal,
    accept: 'any',
  });
  await until('the step runs', () => processes('sleep 98').length === 2);
  stop.abort();
  const { code, output } = await build;
  assert.equal(code, 130);
  assert.match(output, /^#\d+ CANCELED\nERROR: failed to build: failed to solve: Canceled: context canceled$/m);
  await until('its processes are gone', () => processes('sleep 98').length === 0);
  assert.equal((await engine.strata(['image', 'ls', '-aq'])).stdout, images);
  await until(
    'its mounts are gone',
    () =>
      !readFileSync('/proc/self/mountinfo', 'utf8')
        .split('\n')
        .some((line) => line.includes(engine.stateRoot) && line.includes(' overlay ')),
  );
});

test('a broken Dockerfile ends with 1 and one clear message', async () => {
  const cases: readonly (readonly [string, RegExp])[] = [
    [
      'FROM busybox\nCPOY a b\n',
      /unknown instruction: CPOY[\s\S]*did you mean COPY\?[\s\S]*Dockerfile:2|Dockerfile:2[\s\S]*unknown instruction: CPOY[\s\S]*did you mean COPY\?/,
    ],
    ['FROM busybox\nCOPY absent /there\n', /"\/absent": not found/],
    ['FROM busybox\nRUN --nope=1 true\n', /unknown flag: --?nope/],
    ['FROM Bad:Name:Here\n', /invalid reference format|failed to parse/],
  ];
  for (const [text, message] of cases) {
    const context = makeContext(engine.work, { Dockerfile: text });
    const { output } = await engine.strata(['build', '--progress=plain', context], { accept: [1] });
    assert.match(output, message);
    assert.doesNotMatch(output, /^\s+at .*\.ts:\d+/m, 'no stack trace');
  }
  const empty = makeContext(engine.work, { 'file.txt': '' });
  assert.match(
    (await engine.strata(['build', empty], { accept: [1] })).output,
    /failed to read dockerfile: open Dockerfile: no such file or directory/,
  );
});

function processes(pattern: string): string[] {
  return readdirSync('/proc')
    .filter((pid) => /^\d+$/.test(pid))
    .filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').startsWith(pattern);
      } catch {
        return false;
      }
    });
}
