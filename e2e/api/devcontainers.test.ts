/**
 * The command line of dev containers, which VS Code uses, too, drives the program that it is told: docker's client and
 * Strata's command line in its place. It hangs for ever where it does not hear the event of its container.
 */
import assert from 'node:assert/strict';
import { chmodSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { after, before, test } from 'node:test';
import { makeContext } from '../harness/context.ts';
import { execute, program, type Result, startEngine, type TestEngine } from '../harness/engine.ts';

let engine: TestEngine;
before(async () => {
  engine = await startEngine({ bases: ['busybox'] });
});
after(async () => await engine?.stop());

const cli = join(dirname(createRequire(import.meta.url).resolve('@devcontainers/cli/package.json')), 'devcontainer.js');

const clients: readonly { readonly name: string; path(): string }[] = [
  { name: 'docker', path: () => 'docker' },
  { name: 'strata', path: strataPath },
];

/** `--docker-path` takes one word. */
function strataPath(): string {
  if (program.length === 1) return program[0];
  const path = join(engine.work, 'strata');
  rmSync(path, { force: true });
  writeFileSync(path, `#!/bin/sh\nexec ${program.map((word) => `'${word}'`).join(' ')} "$@"\n`);
  chmodSync(path, 0o755);
  return path;
}

const configurations: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  'an image': {
    '.devcontainer/devcontainer.json': JSON.stringify({
      image: 'busybox',
      overrideCommand: true,
      containerEnv: { FROM_CONTAINER: 'one two' },
      remoteEnv: { FROM_REMOTE: 'three' },
      postCreateCommand: 'echo created > /created',
    }),
  },
  'a Dockerfile with a feature of its own': {
    '.devcontainer/devcontainer.json': JSON.stringify({
      build: { dockerfile: 'Dockerfile', context: '..', args: { WHO: 'ann' } },
      features: { './hello': { greeting: 'good day' } },
      containerEnv: { FROM_CONTAINER: 'one two' },
      remoteEnv: { FROM_REMOTE: 'three' },
      mounts: ['type=volume,source=ME-cache,target=/cache'],
      runArgs: ['--init', '--label=of=ME'],
      postCreateCommand: { one: 'echo created > /created', two: ['touch', '/cache/two'] },
    }),
    '.devcontainer/Dockerfile': 'FROM busybox\nARG WHO\nCOPY file /built\nRUN echo "$WHO" >> /built\nLABEL a=b\n',
    '.devcontainer/hello/devcontainer-feature.json': JSON.stringify({
      id: 'hello',
      version: '1.0.0',
      name: 'hello',
      options: { greeting: { type: 'string', default: 'hello' } },
    }),
    '.devcontainer/hello/install.sh': '#!/bin/sh\necho "$GREETING" > /greeting\n',
    file: 'copied\n',
  },
};

for (const { name, path } of clients)
  for (const [what, files] of Object.entries(configurations))
    test(`devcontainer with ${name} brings up ${what}, runs commands in it and builds it`, async () => {
      const me = `${name}-${Object.keys(configurations).indexOf(what)}`;
      const folder = makeContext(
        engine.work,
        Object.fromEntries(Object.entries(files).map(([file, text]) => [file, text.replaceAll('ME', me)])),
      );
      const run = (command: string, ...words: string[]) => devcontainer(path(), [command, ...words]);
      const place = ['--workspace-folder', folder];

      const up = answer(await run('up', ...place));
      assert.equal(up['outcome'], 'success');
      const id = String(up['containerId']);
      const shell = 'cat /created; echo "$FROM_CONTAINER $FROM_REMOTE"; cat /built /greeting 2>/dev/null; pwd; exit 3';
      const told = await devcontainer(path(), ['exec', ...place, 'sh', '-c', shell], 'any');
      assert.equal(told.code, 3, told.output);
      const built = what === 'an image' ? '' : 'copied\nann\ngood day\n';
      const folderThere = String(up['remoteWorkspaceFolder']);
      assert.equal(told.stdout.replaceAll('\r', ''), `created\none two three\n${built}${folderThere}\n`);

      if (what === 'an image') {
        await engine.docker(['stop', '-t', '0', id]);
        assert.equal(answer(await run('up', ...place))['containerId'], id, 'the stopped container is started again');
      }

      const done = answer(await run('build', ...place, '--image-name', `${me}:built`));
      assert.deepEqual([done['outcome'], done['imageName']], ['success', [`${me}:built`]]);
      await engine.docker(['image', 'inspect', `${me}:built`]);
      await engine.docker(['rm', '-f', '-v', id]);
    });

/** Its answer is the last line, as JSON. */
function answer({ stdout }: Result): Record<string, unknown> {
  return JSON.parse(stdout.trimEnd().split('\n').at(-1)!) as Record<string, unknown>;
}

async function devcontainer(path: string, words: readonly string[], accept: readonly number[] | 'any' = [0]) {
  const [command = '', ...rest] = words;
  const where = ['--docker-path', path];
  const options = command === 'up' ? ['--no-lockfile'] : [];
  return await execute(process.execPath, [cli, command, ...where, ...options, ...rest], {
    accept,
    timeoutMs: 60_000,
    env: {
      PATH: process.env['PATH'] ?? '',
      HOME: engine.work,
      DOCKER_HOST: `unix://${engine.socket}`,
      STRATA_HOST: `unix://${engine.socket}`,
      DOCKER_CONFIG: join(engine.work, 'docker'),
      DOCKER_CLI_HINTS: 'false',
    },
  });
}
