/** `dist/strata` alone, copied somewhere else: command line and daemon need nothing beside them but a Node.js. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, test } from 'node:test';
import { busyboxBase } from '../../scripts/bases.ts';
import { buildProgram } from '../../scripts/build.ts';
import { makeContext } from '../harness/context.ts';
import { execute, type RunOptions } from '../harness/engine.ts';

const id = randomBytes(3);
const bridge = `sc${id.toString('hex')}`;
let top: string;
let program: string;
let daemon: ChildProcess | undefined;

before(async () => {
  top = mkdtempSync(join(tmpdir(), 'strata-copied-'));
  const folder = join(top, 'project');
  mkdirSync(folder);
  program = join(folder, 'strata');
  copyFileSync(process.env['STRATA_TEST_PROGRAM'] ?? (await buildProgram(join(top, 'built/strata'))), program);
  // A file without an ending is what the nearest package.json says.
  writeFileSync(join(top, 'package.json'), '{ "type": "module" }\n');
});
after(async () => {
  if (daemon && daemon.exitCode === null) {
    const gone = new Promise((resolve) => daemon?.once('exit', resolve));
    daemon.kill('SIGTERM');
    await gone;
  }
  spawnSync('ip', ['link', 'delete', bridge]);
  rmSync(top, { recursive: true, force: true });
});

const environment = (more: Readonly<Record<string, string>> = {}) => ({
  PATH: `${dirname(process.execPath)}:/usr/sbin:/usr/bin:/sbin:/bin`,
  HOME: top,
  STRATA_HOST: `unix://${join(top, 'run/strata.sock')}`,
  ...more,
});
const strata = (args: readonly string[], options: RunOptions = {}) =>
  execute(program, args, { cwd: '/', ...options, env: environment(options.env) });

test('the command line answers, and leaves nothing beside itself', async () => {
  const { stdout } = await strata(['version'], { accept: 'any' });
  assert.match(stdout, /^Client:\n/);
  assert.deepEqual(readdirSync(dirname(program)), ['strata']);
});

test('the daemon starts from it, builds with RUN and runs containers', async () => {
  const args = ['--data-root', join(top, 'data'), '--state-root', join(top, 'run'), '--bridge', bridge];
  daemon = spawn(program, ['daemon', ...args, '--subnet', `10.189.${id[0]}.0/24`], {
    cwd: '/',
    env: environment(),
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let log = '';
  await new Promise<void>((listening, failed) => {
    daemon!.stderr!.setEncoding('utf8').on('data', (text: string) => {
      log += text;
      if (log.includes('listening on')) listening();
    });
    daemon!.once('exit', () => failed(new Error(`the daemon ended:\n${log}`)));
  });
  await strata(['load', '-q', '-i', busyboxBase().archive]);
  const context = makeContext(top, {
    Dockerfile: 'FROM busybox\nCOPY word /\nRUN cat /word > /told\n',
    word: 'well\n',
  });
  await strata(['build', '-t', 'copied', context]);
  assert.equal((await strata(['run', '--rm', 'copied', 'cat', '/told'])).stdout, 'well\n');
  assert.deepEqual(readdirSync(dirname(program)), ['strata']);
});

test('where Node.js is missing or too old, it says which one it needs', async () => {
  const folder = join(top, 'path');
  mkdirSync(folder);
  const without = { HOME: join(top, 'nobody'), PATH: folder };
  const none = await strata(['version'], { accept: [1], env: without });
  assert.equal(none.stderr, 'strata: Node.js 26 or newer is needed, and none is on the PATH.\n');
  const node = join(folder, 'node');
  // As one from before the options that the launcher gives.
  writeFileSync(node, '#!/bin/sh\n[ "$1" = --version ] && echo v18.20.4 && exit\nexit 9\n');
  chmodSync(node, 0o755);
  const old = await strata(['version'], { accept: [1], env: without });
  assert.equal(old.stderr, `strata: Node.js 26 or newer is needed, and this is v18.20.4 (${node}).\n`);
});
