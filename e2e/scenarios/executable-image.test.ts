import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { makeContext } from '../harness/context.ts';
import { program, startEngine, type TestEngine } from '../harness/engine.ts';
import { until } from '../harness/until.ts';

let engine: TestEngine;
before(async () => {
  engine = await startEngine({ bases: ['busybox'] });
  const context = makeContext(engine.work, {
    Dockerfile: 'FROM busybox\nWORKDIR /zone\nCOPY rmbyext /usr/bin/\nENTRYPOINT ["rmbyext"]\n',
    rmbyext: [
      `#!/bin/sh
[ $# -gt 0 ] || { echo "usage: rmbyext EXTENSION..." >&2; exit 64; }
if [ "$1" = wait ]; then trap 'echo stopped; exit 7' TERM; echo ready; while :; do sleep 0.1; done; fi
for extension; do for file in *."$extension"; do [ -e "$file" ] && rm "$file" && echo "removed $file"; done; done
exit 0
`,
      0o755,
    ],
  });
  await engine.strata(['build', '-q', '-t', 'rmbyext', context]);
});
after(() => engine?.stop());

test('arguments go to the entry point, which works on the bind-mounted folder', async () => {
  const zone = join(engine.work, 'zone');
  mkdirSync(zone);
  for (const name of ['a.pdf', 'b.pdf', 'c.txt']) writeFileSync(join(zone, name), name);
  const { stdout } = await engine.strata(['run', '--rm', '-v', `${zone}:/zone`, 'rmbyext', 'pdf']);
  assert.deepEqual(stdout.trim().split('\n').sort(), ['removed a.pdf', 'removed b.pdf']);
  assert.equal(readFileSync(join(zone, 'c.txt'), 'utf8'), 'c.txt');
});

test('the exit code and standard error of the program are passed on', async () => {
  const { code, stderr, stdout } = await engine.strata(['run', '--rm', 'rmbyext'], { accept: [64] });
  assert.equal(code, 64);
  assert.equal(stdout, '');
  assert.match(stderr, /usage: rmbyext/);
});

for (const resident of ['on', 'off'])
  test(`a signal to the client reaches the program, with STRATA_RESIDENT=${resident}`, async () => {
    const [command, ...words] = program;
    const child = spawn(command, [...words, 'run', '--rm', 'rmbyext', 'wait'], {
      env: { ...process.env, STRATA_HOST: `unix://${engine.socket}`, STRATA_RESIDENT: resident },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let seen = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      seen += text;
    });
    await until('it is ready', () => seen.includes('ready'));
    child.kill('SIGTERM');
    const code = await new Promise((resolve) => child.on('close', resolve));
    assert.equal(code, 7);
    assert.match(seen, /stopped/);
  });

test('a command that is not in the image ends with 127, one that cannot be executed with 126', async () => {
  const absent = await engine.strata(['run', '--rm', '--entrypoint', 'no-such-program', 'rmbyext'], { accept: [127] });
  assert.match(absent.stderr, /"no-such-program": executable file not found in \$PATH/);
  await engine.strata(['run', '--rm', '--entrypoint', '/etc/passwd', 'rmbyext'], { accept: [126] });
  assert.equal((await engine.strata(['ps', '-aq'])).stdout, '', 'nothing is left behind');
});
