import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { makeContext } from '../harness/context.ts';
import { fetchText, startEngine, type TestEngine } from '../harness/engine.ts';
import { freePort } from '../harness/ports.ts';

let engine: TestEngine;
before(async () => {
  engine = await startEngine({ bases: ['busybox'] });
});
after(() => engine?.stop());

for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
  test(`a detached container survives the daemon's end by ${signal}, with its port, its logs and its exit code`, async () => {
    const port = await freePort();
    const name = `server-${signal.toLowerCase()}`;
    await engine.strata([
      'run',
      '-d',
      '--name',
      name,
      '-p',
      `${port}:80`,
      'busybox',
      'sh',
      '-c',
      'echo before; mkdir /www; echo page > /www/index.html; httpd -p 80 -h /www; while [ ! -e /end ]; do sleep 0.1; done; echo after; exit 5',
    ]);
    assert.equal(await fetchText(`http://127.0.0.1:${port}/`), 'page\n');
    await engine.restart(signal);
    assert.equal(await fetchText(`http://127.0.0.1:${port}/`), 'page\n');
    await engine.strata(['exec', name, 'touch', '/end']);
    assert.equal((await engine.strata(['wait', name])).stdout, '5\n');
    assert.equal((await engine.strata(['logs', name])).stdout, 'before\nafter\n');
    await engine.strata(['rm', name]);
  });
}

test('what a container does while no daemon runs is known to the next one', async () => {
  await engine.strata(['run', '-d', '--name', 'alone', 'busybox', 'sh', '-c', 'sleep 1; echo done; exit 3']);
  await engine.restart('SIGKILL');
  assert.equal((await engine.strata(['wait', 'alone'])).stdout, '3\n');
  assert.equal((await engine.strata(['logs', 'alone'])).stdout, 'done\n');
});

test('after kill -9 in the middle of a build, the next build resumes and the store is whole', async () => {
  const context = makeContext(engine.work, {
    Dockerfile: 'FROM busybox\nRUN echo one > /one\nRUN sleep 5; echo two > /two\n',
  });
  const build = engine.strata(['build', '--progress=plain', '-t', 'killed', context], { accept: 'any' });
  while (processes('sleep 5; echo two') === 0) await new Promise((resolve) => setTimeout(resolve, 50));
  await engine.restart('SIGKILL');
  assert.notEqual((await build).code, 0);
  const again = await engine.strata(['build', '--progress=classic', '-t', 'killed', context]);
  assert.equal(again.output.match(/Using cache/g)?.length, 1, again.output);
  assert.equal((await engine.strata(['run', '--rm', 'killed', 'cat', '/one', '/two'])).stdout, 'one\ntwo\n');
});

test('the daemon ends at once, and in peace, while an exec and a health check are under way', async () => {
  const script = (mark: string) => `touch /${mark}; sleep 60; true`;
  const health = ['--health-cmd', script('checking'), '--health-interval', '50ms'];
  await engine.strata(['run', '-d', '--name', 'busy', ...health, 'busybox', 'sleep', '600']);
  const exec = engine.strata(['exec', 'busy', 'sh', '-c', script('executing')], { accept: 'any' });
  const marks = 'while [ ! -e /checking ] || [ ! -e /executing ]; do sleep 0.1; done';
  await engine.strata(['exec', 'busy', 'sh', '-c', marks], { timeoutMs: 20_000 });
  const begun = performance.now();
  await engine.restart('SIGTERM');
  assert.ok(performance.now() - begun < 15_000);
  await exec;
  assert.doesNotMatch(engine.log(), /error|\n {4}at /i);
  assert.match((await engine.strata(['ps'])).stdout, /busy/);
  await engine.strata(['rm', '-f', 'busy']);
});

for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
  test(`the steps of builds end with the daemon, or at the next start after ${signal}: processes, mounts, groups`, async () => {
    const seconds = signal === 'SIGTERM' ? '41001' : '41002';
    const context = makeContext(engine.work, {
      Dockerfile: `FROM busybox\nRUN --mount=type=tmpfs,target=/t sleep ${seconds} & sleep ${seconds}; true\n`,
    });
    const build = engine.strata(['build', '--no-cache', context], { accept: 'any' });
    while (processes(`sleep ${seconds}`) < 2) await new Promise((resolve) => setTimeout(resolve, 50));
    const ids = readdirSync(join(engine.stateRoot, 'steps'));
    assert.equal(ids.length, 1);
    await engine.restart(signal);
    assert.equal(processes(`sleep ${seconds}`), 0);
    assert.notEqual((await build).code, 0);
    assert.deepEqual(readdirSync(join(engine.stateRoot, 'steps')), []);
    const mounts = readFileSync('/proc/mounts', 'utf8').split('\n');
    assert.deepEqual(
      mounts.filter(
        (line) => line.includes(`${engine.stateRoot}/build`) || line.includes(`${engine.stateRoot}/mounts/`),
      ),
      [],
    );
    assert.deepEqual(
      ids.filter((id) => existsSync(`/sys/fs/cgroup/strata/${id}`) || existsSync(`/sys/fs/cgroup/pids/strata/${id}`)),
      [],
    );
  });
}

/** How many processes of the machine have this text in their arguments. */
function processes(text: string): number {
  return readdirSync('/proc').filter((name) => {
    if (!/^\d+$/.test(name)) return false;
    try {
      return readFileSync(`/proc/${name}/cmdline`, 'latin1').replaceAll('\0', ' ').includes(text);
    } catch {
      return false;
    }
  }).length;
}
