import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { makeContext } from '../harness/context.ts';
import { startEngine, type TestEngine } from '../harness/engine.ts';
import { until } from '../harness/until.ts';

let engine: TestEngine;
before(async () => {
  engine = await startEngine({ bases: ['busybox'] });
});
after(async () => await engine?.stop());

const dockerfile = [
  'FROM busybox',
  'WORKDIR /zone',
  'ENV KIND=kept',
  'RUN --mount=type=secret,id=token --mount=type=secret,id=token,env=TOKEN --mount=type=cache,target=/cache --mount=target=/ctx,rw touch /cache/c /zone/made; exit 7',
  '',
].join('\n');

/** Nothing of a failed step is left: no container, no image, no mount of a step. */
async function leftovers(): Promise<string[]> {
  const containers = (await engine.strata(['ps', '-aq'])).stdout.trim();
  const images = (await engine.strata(['images', '-aq', '--filter', 'label=strata.failed-step'])).stdout.trim();
  const mounts = readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .filter((line) => line.includes(`${engine.stateRoot}/build/step-`));
  return [containers, images, ...mounts].filter((text) => text !== '');
}

async function untilGone(): Promise<void> {
  await until('nothing of the step is left', async () => (await leftovers()).length === 0);
}

const asked = 'pwd; echo kind=$KIND token=$TOKEN file=$(cat /run/secrets/token); ls /zone /cache /ctx; exit 0\n';

test('a shell in a failed step has its files, mounts, secrets, environment and folder', async () => {
  const dir = makeContext(engine.work, { Dockerfile: dockerfile, f: 'context' });
  const { code, stdout, stderr } = await engine.strata(
    ['build', '--progress=plain', '--on-error=shell', '--secret', 'id=token,env=SECRET', dir],
    { input: asked, accept: 'any', env: { SECRET: 'hush' }, timeoutMs: 60_000 },
  );
  assert.equal(code, 1);
  assert.match(stderr, /did not complete successfully: exit code: 7/);
  assert.equal(
    stdout.replace(/\r/g, ''),
    '/zone\nkind=kept token=hush file=hush\n/cache:\nc\n\n/ctx:\nDockerfile\nf\n\n/zone:\nmade\n',
  );
  await untilGone();
});

test('on a terminal the shell has one', async () => {
  const dir = makeContext(engine.work, { Dockerfile: dockerfile, f: 'context' });
  const strata = `${process.execPath} --disable-warning=ExperimentalWarning src/cli/main.ts`;
  const command = `${strata} build --progress=plain --on-error=shell --secret id=token,env=SECRET ${dir}`;
  const child = spawn('script', ['-qec', command, '/dev/null'], {
    env: { ...process.env, STRATA_HOST: `unix://${engine.socket}`, SECRET: 'hush' },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => (output += chunk));
  const ended = new Promise((resolve) => child.on('close', resolve));
  try {
    await until('the shell asks', () => /zone # /.test(output));
    child.stdin.write('tty; pwd\n');
    await sleep(500);
    child.stdin.write('exit\n');
    await Promise.race([ended, sleep(20_000)]);
  } finally {
    child.kill('SIGKILL');
  }
  assert.match(output, /\/dev\/pts\/0\r+\n\/zone\r+\n/);
  await untilGone();
});

test('a client that dies in the shell leaves nothing, and neither does a daemon', async () => {
  const dir = makeContext(engine.work, { Dockerfile: dockerfile, f: 'context' });
  for (const victim of ['client', 'daemon'] as const) {
    const stop = new AbortController();
    const args = ['build', '--progress=plain', '--on-error=shell', '--secret', 'id=token,env=SECRET', dir];
    const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', 'src/cli/main.ts', ...args], {
      env: { ...process.env, STRATA_HOST: `unix://${engine.socket}`, SECRET: 'hush' },
      stdio: ['pipe', 'pipe', 'ignore'],
      signal: stop.signal,
    });
    child.on('error', () => {});
    const ended = new Promise((resolve) => child.on('close', resolve));
    child.stdin.on('error', () => {});
    child.stdin.write('echo ready\n');
    await new Promise((resolve) => child.stdout.once('data', resolve));
    assert.notDeepEqual(await leftovers(), []);
    if (victim === 'client') child.kill('SIGKILL');
    else await engine.restart('SIGKILL');
    child.kill('SIGKILL');
    await ended;
    await untilGone();
  }
});
