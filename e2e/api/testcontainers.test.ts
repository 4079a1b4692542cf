/** Testcontainers for Node.js against a real engine: what test suites of applications do with Docker. */
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { after, before, test } from 'node:test';
import type { StartedTestContainer } from 'testcontainers';
import { startEngine, type TestEngine } from '../harness/engine.ts';

let engine: TestEngine;
let library: typeof import('testcontainers');

before(async () => {
  engine = await startEngine({ bases: ['busybox'] });
  // The library reads these when it first speaks to an engine. Ryuk, its collector, is an image that is not here.
  process.env['DOCKER_HOST'] = `unix://${engine.socket}`;
  process.env['TESTCONTAINERS_RYUK_DISABLED'] = 'true';
  library = await import('testcontainers');
});
after(() => engine?.stop());

function context(name: string, files: Readonly<Record<string, string>>): string {
  const folder = join(engine.work, name);
  mkdirSync(folder, { recursive: true });
  for (const [path, data] of Object.entries(files)) writeFileSync(join(folder, path), data);
  return folder;
}

const site = {
  Dockerfile: [
    'FROM busybox',
    'ARG GREETING=hello',
    'RUN mkdir /www && echo "$GREETING" > /www/index.html',
    'COPY secret.tx[t] page.html /www/',
    'EXPOSE 8080',
    'CMD ["sh", "-c", "echo serving on 8080; exec httpd -f -vv -p 8080 -h /www"]',
    '',
  ].join('\n'),
  '.dockerignore': 'secret.txt\n',
  'page.html': 'a page\n',
  'secret.txt': 'not in the image\n',
};

/** Runs `body` with a container that is gone afterwards. */
async function using(
  started: Promise<StartedTestContainer>,
  body: (container: StartedTestContainer) => Promise<void>,
): Promise<void> {
  const container = await started;
  try {
    await body(container);
  } finally {
    await container.stop({ timeout: 0 });
  }
}

const page = async (container: StartedTestContainer, path = '') =>
  await (await fetch(`http://${container.getHost()}:${container.getMappedPort(8080)}/${path}`)).text();

async function containers(): Promise<string[]> {
  const { stdout } = await engine.docker(['ps', '-aq']);
  return stdout.split('\n').filter((line) => line !== '');
}

test('an image is built from a folder, run with a port, asked, and leaves nothing when it is stopped', async () => {
  const { GenericContainer, Wait } = library;
  const built = await GenericContainer.fromDockerfile(context('site', site))
    .withBuildArgs({ GREETING: 'good day' })
    .build('site:test', { deleteOnExit: false });
  assert.match((await engine.docker(['images', '-q', 'site:test'])).stdout, /^[0-9a-f]{12}\n$/);
  const started = built
    .withExposedPorts(8080)
    .withEnvironment({ COLOR: 'green' })
    .withLabels({ purpose: 'test' })
    .withWaitStrategy(Wait.forLogMessage(/serving on \d+/))
    .start();
  await using(started, async (container) => {
    assert.equal(await page(container), 'good day\n');
    assert.equal(await page(container, 'page.html'), 'a page\n');
    assert.equal(
      (await fetch(`http://${container.getHost()}:${container.getMappedPort(8080)}/secret.txt`)).status,
      404,
    );

    const said = await container.exec(['sh', '-c', 'echo $COLOR $WORD; pwd; echo wrong >&2; exit 3'], {
      env: { WORD: 'leaf' },
      workingDir: '/www',
    });
    assert.deepEqual(
      { ...said, output: said.output.split('\n').sort() },
      { output: ['', '/www', 'green leaf', 'wrong'], stdout: 'green leaf\n/www\n', stderr: 'wrong\n', exitCode: 3 },
    );
    assert.equal(container.getLabels()['purpose'], 'test');
    assert.equal((await containers()).length, 1);

    const logs = await container.logs();
    const lines: string[] = [];
    await new Promise<void>((resolve) => {
      logs.on('data', (line: string) => {
        lines.push(String(line));
        if (lines.join('').includes('/page.html')) resolve();
      });
    });
    assert.match(lines.join(''), /^serving on 8080/);
    logs.destroy();
  });
  assert.deepEqual(await containers(), []);
});

test('an image is built by BuildKit, and a build that fails says why', async () => {
  const { GenericContainer } = library;
  const built = await GenericContainer.fromDockerfile(
    context('by-buildkit', {
      Dockerfile: 'FROM busybox\nRUN --mount=type=cache,target=/c echo made > /made\nCMD ["sleep", "100"]\n',
    }),
  )
    .withBuildkit()
    .build('by-buildkit:test', { deleteOnExit: false });
  await using(built.start(), async (container) =>
    assert.equal((await container.exec(['cat', '/made'])).output, 'made\n'),
  );
  const failing = context('failing', { Dockerfile: 'FROM busybox\nRUN exit 7\n' });
  await assert.rejects(GenericContainer.fromDockerfile(failing).withBuildkit().build());
});

test('a container is ready when its ports listen, over http or by its health', async () => {
  const { GenericContainer, Wait } = library;
  const serve = ['sh', '-c', 'mkdir /www; sleep 0.3; echo up > /www/index.html; exec httpd -f -p 8080 -h /www'];
  const base = () => new GenericContainer('busybox').withExposedPorts(8080).withCommand(serve);
  await using(base().start(), async (container) => assert.equal(await page(container), 'up\n'));
  await using(base().withWaitStrategy(Wait.forHttp('/', 8080).forStatusCode(200)).start(), async (container) =>
    assert.equal(await page(container), 'up\n'),
  );
  const check = { test: ['CMD', 'test', '-e', '/www/index.html'] as ['CMD', ...string[]], interval: 100, retries: 50 };
  await using(base().withHealthCheck(check).withWaitStrategy(Wait.forHealthCheck()).start(), async (container) =>
    assert.equal(await page(container), 'up\n'),
  );
});

test('a container that never gets ready is told, and taken away', async () => {
  const { GenericContainer, Wait } = library;
  const never = new GenericContainer('busybox')
    .withCommand(['sleep', '60'])
    .withStartupTimeout(500)
    .withWaitStrategy(Wait.forLogMessage('ready'));
  await assert.rejects(never.start(), /Log message "ready" not received after 500ms/);
  assert.deepEqual(await containers(), []);
});

test('files go in and come out', async () => {
  const { GenericContainer } = library;
  const folder = context('files', { one: 'first\n', two: 'second\n' });
  const started = new GenericContainer('busybox')
    .withCommand(['sleep', '60'])
    .withCopyContentToContainer([{ content: 'given\n', target: '/etc/given', mode: 0o640 }])
    .withCopyFilesToContainer([{ source: join(folder, 'one'), target: '/data/one' }])
    .withCopyDirectoriesToContainer([{ source: folder, target: '/all' }])
    .withTmpFs({ '/scratch': 'rw,size=1m' })
    .start();
  await using(started, async (container) => {
    const { output } = await container.exec('cat /etc/given /data/one /all/two'.split(' '));
    assert.equal(output, 'given\nfirst\nsecond\n');
    assert.equal((await container.exec(['stat', '-c', '%a', '/etc/given'])).output.trim(), '640');
    await container.copyContentToContainer([{ content: 'later\n', target: '/etc/later' }]);
    const archive = await text(await container.copyArchiveFromContainer('/etc/later'));
    assert.ok(archive.includes('later\n'));
    assert.match((await container.exec(['df', '/scratch'])).output, /tmpfs/);
  });
});

test('a container restarts with what it had', async () => {
  const { GenericContainer } = library;
  const started = new GenericContainer('busybox')
    .withCommand(['sh', '-c', 'mkdir -p /www; echo inside >> /www/index.html; exec httpd -f -p 8080 -h /www'])
    .withExposedPorts(8080)
    .start();
  await using(started, async (container) => {
    await container.restart();
    assert.equal(await page(container), 'inside\ninside\n');
  });
});

test('containers of a network call each other by name', async () => {
  const { GenericContainer, Network } = library;
  const network = await new Network().start();
  try {
    const server = new GenericContainer('busybox')
      .withCommand(['sh', '-c', 'mkdir -p /www; echo inside >> /www/index.html; exec httpd -f -p 8080 -h /www'])
      .withExposedPorts(8080)
      .withNetwork(network)
      .withNetworkAliases('server')
      .start();
    await using(server, async (container) => {
      const client = new GenericContainer('busybox').withCommand(['sleep', '60']).withNetwork(network).start();
      await using(client, async (other) => {
        assert.equal((await other.exec(['wget', '-qO-', 'http://server:8080/'])).output, 'inside\n');
      });
      assert.equal(await page(container), 'inside\n');
    });
  } finally {
    await network.stop();
  }
});

test('a running container becomes an image, and a reused one is found again', async () => {
  const { GenericContainer } = library;
  const started = new GenericContainer('busybox').withCommand(['sleep', '60']).start();
  await using(started, async (container) => {
    await container.exec(['sh', '-c', 'echo kept > /kept']);
    const image = await container.commit({ repo: 'kept', tag: '1', deleteOnExit: false });
    assert.match(image, /^(sha256:)?[0-9a-f]{64}$/);
    const { stdout } = await engine.docker(['run', '--rm', 'kept:1', 'cat', '/kept']);
    assert.equal(stdout, 'kept\n');
  });
  process.env['TESTCONTAINERS_REUSE_ENABLE'] = 'true';
  const reused = () => new GenericContainer('busybox').withCommand(['sleep', '60']).withReuse().start();
  const first = await reused();
  assert.equal((await reused()).getId(), first.getId());
  await first.stop({ timeout: 0 });
});

test('a build that fails makes no image', async () => {
  const { GenericContainer } = library;
  const folder = context('broken', { Dockerfile: 'FROM busybox\nRUN echo so far; exit 7\n' });
  // The library tells the step's words only in its debug log.
  await assert.rejects(GenericContainer.fromDockerfile(folder).build('broken:1'), /Failed to build image/);
  assert.equal((await engine.docker(['images', '-q', 'broken:1'])).stdout, '');
});
