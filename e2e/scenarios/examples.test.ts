import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { startEngine, type TestEngine } from '../harness/engine.ts';
import { freePort } from '../harness/ports.ts';

const examples = join(import.meta.dirname, '../../examples');
/** Lets npm in a step believe whom this machine believes. */
const certificates = '/etc/ssl/certs/ca-certificates.crt';

let engine: TestEngine;
before(async () => {
  engine = await startEngine({ bases: ['debian'] });
});
after(() => engine?.stop());

// The files of one engine share its cache mounts: what apt has downloaded for one is there for the next.
test('a static site is compressed at build time and served by a user without rights', async () => {
  await builtTwice('nginx-site');
  await running('nginx-site', [], async (url) => {
    const page = await fetch(url, { headers: { 'accept-encoding': 'gzip' } });
    assert.match(await page.text(), /<h1>A static site<\/h1>/);
    assert.equal(page.headers.get('content-encoding'), 'gzip');
    const absent = await fetch(`${url}nothing`);
    assert.equal(absent.status, 404);
    assert.match(await absent.text(), /no such page/);
  });
});

test('a C program is compiled in one stage and alone in an image from scratch', async () => {
  await builtTwice('c-scratch');
  await running('c-scratch', [], async (url) => {
    assert.deepEqual(await (await fetch(url)).json(), { service: 'c-scratch', uid: 10001 });
  });
  const { stdout } = await engine.strata([
    'image',
    'inspect',
    '--format',
    '{{.Size}} {{len .RootFS.Layers}}',
    'c-scratch',
  ]);
  const [size, layers] = stdout.trim().split(' ').map(Number);
  assert.equal(layers, 1);
  assert.ok(size! < 1_500_000, `the image has ${size} bytes`);
});

test('a Python app runs its tests in a stage of their own and counts words', async () => {
  await builtTwice('python-app');
  const tested = await build('python-app', ['--target', 'test', '-t', 'python-app:test']);
  assert.match(tested.output, /Ran 2 tests in .*\n(.*\n)*?.* OK/);
  await running('python-app', [], async (url) => {
    assert.deepEqual(await (await fetch(url)).json(), { service: 'python-app', uid: 10001 });
    const counted = await fetch(`${url}words`, { method: 'POST', body: 'One two, one.' });
    assert.deepEqual(await counted.json(), { one: 2, two: 1 });
  });
});

test('a PHP app keeps what it writes in a volume', async () => {
  await builtTwice('php-app');
  await engine.strata(['volume', 'create', 'visits']);
  for (const visits of [1, 2]) {
    await running('php-app', ['-v', 'visits:/data'], async (url) => {
      const { service, visits: counted } = (await (await fetch(url)).json()) as { service: string; visits: number };
      assert.deepEqual([service, counted], ['php-app', visits]);
    });
  }
});

test('a Node service gets its packages from the lock file, and its image holds no npm', async () => {
  const secret = existsSync(certificates) ? ['--secret', `id=ca,src=${certificates}`] : [];
  await builtTwice('node-service', secret);
  await running('node-service', [], async (url) => {
    const { service, uid } = (await (await fetch(url)).json()) as { service: string; uid: number };
    assert.deepEqual([service, uid], ['node-service', 10001]);
  });
  const { stdout } = await engine.strata([
    'run',
    '--rm',
    'node-service',
    'sh',
    '-c',
    'command -v npm; ls node_modules; ls -A /run',
  ]);
  assert.equal(stdout, '@hono\nhono\nlock\n', 'neither npm nor the mount of the secret is in the image');
});

test('no example breaks a rule', async () => {
  for (const name of ['nginx-site', 'c-scratch', 'python-app', 'php-app', 'node-service']) {
    const { output } = await engine.strata(['build', '--check', join(examples, name)]);
    assert.match(output, /^Check complete, no warnings found\.$/m, name);
  }
});

async function build(name: string, args: readonly string[]) {
  return await engine.strata(['build', '--progress=plain', ...args, join(examples, name)]);
}

/** Builds an example; the second build takes every step from the cache and gives the same image. */
async function builtTwice(name: string, args: readonly string[] = []): Promise<void> {
  const image = async () => (await engine.strata(['image', 'inspect', '--format', '{{.Id}}', name])).stdout;
  await build(name, ['-t', name, ...args]);
  const first = await image();
  const { output } = await build(name, ['-t', name, ...args]);
  const steps = [...output.matchAll(/^#(\d+) \[.*\d+\/\d+\] (?:RUN|COPY|ADD|WORKDIR)/gm)].map(([, step]) => step!);
  assert.ok(steps.length > 0, output);
  for (const step of steps) assert.match(output, new RegExp(`^#${step} CACHED$`, 'm'), output);
  assert.equal(await image(), first);
}

/** Runs the image until `visit` is through: it has to become healthy, and to end by itself when it is asked to. */
async function running(name: string, args: readonly string[], visit: (url: string) => Promise<void>): Promise<void> {
  const port = await freePort();
  await engine.strata(['run', '-d', '--name', name, '-p', `127.0.0.1:${port}:8080`, ...args, name]);
  try {
    await healthy(name);
    await visit(`http://127.0.0.1:${port}/`);
    await engine.strata(['stop', '-t', '20', name]);
    const { stdout } = await engine.strata(['inspect', '--format', '{{.State.ExitCode}}', name]);
    assert.notEqual(stdout, '137\n', `${name} did not end when it was asked to`);
  } finally {
    await engine.strata(['rm', '-f', name]);
  }
}

async function healthy(name: string): Promise<void> {
  const until = Date.now() + 60_000;
  for (;;) {
    const { stdout } = await engine.strata(['inspect', '--format', '{{.State.Health.Status}}', name]);
    if (stdout === 'healthy\n') return;
    if (Date.now() > until) {
      const { output } = await engine.strata(['logs', name], { accept: 'any' });
      assert.fail(`${name} is ${stdout.trim()} after a minute:\n${output}`);
    }
    await sleep(200);
  }
}
