/** A daemon that runs out of descriptors fails what it cannot do, and lives. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { startEngine, type TestEngine } from '../harness/engine.ts';
import { freePort } from '../harness/ports.ts';

let engine: TestEngine;
before(async () => {
  engine = await startEngine({
    bases: ['busybox'],
    prefix: ['sh', '-c', 'ulimit -Sn 200; ulimit -Hn 256; exec "$@"', 'sh'],
  });
});
after(() => engine?.stop());

function hold(port: number, count: number): Socket[] {
  return Array.from({ length: count }, () => connect(port, '::1').on('error', () => {}));
}

test('300 connections to a published port leave the daemon the descriptors that it needs', async () => {
  const port = await freePort();
  await engine.strata(['run', '-d', '--name', 'server', '-p', `${port}:80`, 'busybox', 'httpd', '-f', '-p', '80']);
  const sockets = hold(port, 300);
  await sleep(500);
  assert.ok(openFiles() < 256 - 40, `${openFiles()} are open`);
  // The patrol has looked several times.
  await sleep(4500);
  assert.equal((await engine.strata(['run', '--rm', 'busybox', 'echo', 'fine'])).stdout, 'fine\n');
  for (const socket of sockets) socket.destroy();
  await engine.strata(['rm', '-f', 'server']);
});

test('without a descriptor left, it says so in its log, and works again when there are some', async () => {
  const pid = engine.pid();
  const limit = (files: number) => spawnSync('prlimit', ['--pid', String(pid), `--nofile=${files}:256`]);
  limit(Math.max(3, Math.min(...freeNumbers())));
  const calls = Array.from({ length: 20 }, () => connect(engine.socket).on('error', () => {}));
  await sleep(4500);
  limit(256);
  for (const call of calls) call.destroy();
  assert.equal((await engine.strata(['run', '--rm', 'busybox', 'echo', 'fine'])).stdout, 'fine\n');
  assert.equal(engine.pid(), pid);
  assert.match(engine.log(), /cannot look after the containers: EMFILE/);
});

test('containers and build steps may open what the daemon was started with, or what they ask for', async () => {
  const look = 'ulimit -Sn; ulimit -Hn';
  const said = async (...args: readonly string[]) => (await engine.strata(args)).stdout.split('\n').slice(0, 2);
  assert.deepEqual(await said('run', '--rm', 'busybox', 'sh', '-c', look), ['200', '256']);
  assert.deepEqual(await said('run', '--rm', '--ulimit', 'nofile=64:128', 'busybox', 'sh', '-c', look), ['64', '128']);
  await engine.strata(['run', '-d', '--name', 'open', 'busybox', 'sleep', '600']);
  assert.deepEqual(await said('exec', 'open', 'sh', '-c', look), ['200', '256']);
  await engine.strata(['rm', '-f', 'open']);
  const step = await engine.strata(['build', '--progress', 'plain', '--no-cache', '-'], {
    input: `FROM busybox\nRUN echo has $(${look})\n`,
  });
  assert.match(step.output, / has 200 256\n/);
});

test('SIGUSR1 opens no inspector, and does not end the daemon', async () => {
  process.kill(engine.pid(), 'SIGUSR1');
  await sleep(300);
  assert.equal((await engine.strata(['version'])).code, 0);
  assert.doesNotMatch(engine.log(), /Debugger listening/);
});

function openFiles(): number {
  return readdirSync(`/proc/${engine.pid()}/fd`).length;
}

/** The lowest number that the next descriptor would have. */
function freeNumbers(): number[] {
  const used = new Set(readdirSync(`/proc/${engine.pid()}/fd`).map(Number));
  return Array.from({ length: 256 }, (_, i) => i).filter((number) => !used.has(number));
}
