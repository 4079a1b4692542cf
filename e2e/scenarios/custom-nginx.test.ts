import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fetchText, startEngine, type TestEngine } from '../harness/engine.ts';
import { freePort } from '../harness/ports.ts';

const example = join(import.meta.dirname, '../../examples/custom-nginx');
let engine: TestEngine;
before(async () => {
  engine = await startEngine({ bases: ['debian'] });
});
after(() => engine?.stop());

test('nginx from packages is built, and its page is reached over a published port', async () => {
  const built = await engine.strata(['image', 'build', '--progress=classic', '-t', 'custom-nginx:packaged', example]);
  assert.match(built.output, /^Step 1\/4 : FROM debian:bookworm$/m);
  assert.match(
    built.output,
    /^Step 3\/4 : RUN apt-get update && {5}apt-get install nginx -y && {5}apt-get clean && rm -rf \/var\/lib\/apt\/lists\/\*$/m,
  );
  assert.match(built.output, /^ ---> Running in [0-9a-f]{12}$/m);
  assert.match(built.output, /^Successfully built [0-9a-f]{12}$/m);
  assert.match(built.output, /^Successfully tagged custom-nginx:packaged$/m);

  const port = await freePort();
  const run = await engine.strata([
    'container',
    'run',
    '-d',
    '--rm',
    '--name',
    'web',
    '-p',
    `${port}:80`,
    'custom-nginx:packaged',
  ]);
  assert.match(run.stdout, /^[0-9a-f]{64}\n$/);
  assert.match(await fetchText(`http://127.0.0.1:${port}/`), /Welcome to nginx!/);
  const listed = await engine.strata(['container', 'ls']);
  assert.match(
    listed.stdout,
    new RegExp(`custom-nginx:packaged +"nginx -g 'daemon of…" +.*Up .*0\\.0\\.0\\.0:${port}->80/tcp.* web$`, 'm'),
  );
  await engine.strata(['container', 'stop', '-t', '2', 'web']);
  assert.equal((await engine.strata(['container', 'ls', '-aq'])).stdout, '');
});

test('building again takes every step from the cache', async () => {
  const again = await engine.strata(['build', '--progress=classic', '-t', 'custom-nginx:packaged', example]);
  assert.equal(again.output.match(/^ ---> Using cache$/gm)?.length, 3, again.output);
  assert.doesNotMatch(again.output, /Running in/);
});

test('history shows the base, the metadata rows without size, and where the bytes are', async () => {
  const { stdout } = await engine.strata([
    'image',
    'history',
    '--no-trunc',
    '--format',
    '{{.Size}}\t{{.CreatedBy}}',
    'custom-nginx:packaged',
  ]);
  const rows = stdout
    .trimEnd()
    .split('\n')
    .map((line) => line.split('\t'));
  assert.deepEqual(
    rows.map(([, by]) => by!.split(' ')[0]),
    ['CMD', 'RUN', 'EXPOSE', 'debian'],
  );
  assert.deepEqual([rows[0]![0], rows[2]![0]], ['0B', '0B']);
  assert.match(rows[1]![0]!, /^\d+(\.\d+)?MB$/);
});
