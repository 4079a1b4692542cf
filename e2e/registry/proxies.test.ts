/** What the daemon fetches goes through the proxies of its environment. */
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { makeContext } from '../harness/context.ts';
import { startEngine } from '../harness/engine.ts';
import { startRegistry } from './fixtures/docker-registry.ts';
import { startTunnel } from './fixtures/tunnel.ts';

test('HTTP_PROXY and NO_PROXY of the daemon count for registries and ADD; its mirrors for Docker Hub', async () => {
  const [registry, tunnel] = await Promise.all([startRegistry(), startTunnel()]);
  const files = createServer((_request, response) => response.end('fetched'));
  await new Promise<void>((resolve) => files.listen(0, '127.0.0.1', resolve));
  const filesPort = (files.address() as AddressInfo).port;
  const port = registry.host.split(':')[1];
  // Names that only the proxy knows.
  const [outside, direct] = [`registry.example:${port}`, `direct.example:${port}`];
  const engine = await startEngine({
    bases: ['busybox'],
    daemonArgs: [
      ...['--insecure-registry', outside, '--insecure-registry', direct],
      ...['--registry-mirror', 'http://127.0.0.1:1', '--registry-mirror', registry.url],
    ],
    env: { HTTP_PROXY: tunnel.url, https_proxy: tunnel.url, NO_PROXY: 'direct.example' },
  });
  try {
    await engine.strata(['tag', 'busybox', `${outside}/a/b:1`]);
    await engine.strata(['push', `${outside}/a/b:1`]);
    assert.ok(tunnel.connects.includes(outside), tunnel.connects.join(' '));
    await engine.strata(['rmi', `${outside}/a/b:1`]);
    await engine.strata(['pull', `${outside}/a/b:1`]);
    tunnel.connects.length = 0;
    await engine.strata(['pull', `${registry.host}/a/b:1`]);
    const { stderr } = await engine.strata(['pull', `${direct}/a/b:1`], { accept: [1] });
    assert.match(stderr, /lookup direct\.example.*no such host/);
    assert.equal(tunnel.connects.length, 0, tunnel.connects.join(' '));

    await engine.strata(['tag', 'busybox', `${registry.host}/library/mirrored:1`]);
    await engine.strata(['push', '-q', `${registry.host}/library/mirrored:1`]);
    const mirrored = await engine.docker(['pull', 'mirrored:1']);
    assert.match(mirrored.stdout, /Status: Downloaded newer image for mirrored:1\ndocker.io\/library\/mirrored:1\n$/);

    const url = `http://files.example:${filesPort}/f`;
    const context = makeContext(engine.work, { Dockerfile: `FROM busybox\nADD ${url} /f\nRUN cat /f > /g\n` });
    await engine.strata(['build', '-t', 'added', context]);
    assert.equal((await engine.strata(['run', '--rm', 'added', 'cat', '/g'])).stdout, 'fetched');
    assert.ok(tunnel.connects.includes(`files.example:${filesPort}`), tunnel.connects.join(' '));
  } finally {
    await engine.stop();
    files.close();
    await tunnel.close();
    await registry.close();
  }
});
