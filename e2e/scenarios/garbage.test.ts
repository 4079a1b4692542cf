/** The build cache keeps itself within what the settings allow, and says what it removed. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { makeContext } from '../harness/context.ts';
import { startEngine, type TestEngine } from '../harness/engine.ts';
import { until } from '../harness/until.ts';

const settings = mkdtempSync(join(tmpdir(), 'strata-settings-'));
let engine: TestEngine;
before(async () => {
  const file = join(settings, 'config.json');
  writeFileSync(file, JSON.stringify({ gc: { maxBytes: 3_000_000, minFreeBytes: 0, reservedBytes: 0 } }));
  engine = await startEngine({ daemonArgs: ['--config', file] });
});
after(async () => {
  await engine?.stop();
  rmSync(settings, { recursive: true, force: true });
});

/** Leaves a layer of so many bytes in the cache that no image has. */
async function fill(bytes: number): Promise<string> {
  const context = makeContext(engine.work, {
    Dockerfile: 'FROM scratch\nCOPY f /f\n',
    f: `${bytes}`.padEnd(bytes, '.'),
  });
  await engine.strata(['build', '-t', 'filler', context]);
  await engine.strata(['rmi', 'filler']);
  return context;
}

async function cached(context: string): Promise<boolean> {
  const { output } = await engine.strata(['build', '--progress=plain', '-t', 'filler', context]);
  await engine.strata(['rmi', 'filler']);
  return /COPY f \/f\n#\d+ CACHED/.test(output);
}

async function collected(): Promise<string> {
  const line = () => engine.log().match(/garbage collection .*/)?.[0];
  await until('something is collected', () => line() !== undefined);
  return line()!;
}

test('after a build the longest unused goes, told in the log and in an event', async () => {
  const old = await fill(1_000_000);
  const used = await fill(1_000_001);
  await sleep(1500);
  assert.doesNotMatch(engine.log(), /garbage/, 'as long as there is room nothing goes');
  assert.equal(await cached(used), true);
  const last = await fill(1_000_002);
  // The image was there when the build ended: the next look finds that the cache alone has it.
  await cached(last);
  assert.match(
    await collected(),
    /^garbage collection removed 1 record of the build cache \(1\.00MB\): the longest unused, to keep the cache below 3\.00MB$/,
  );
  await sleep(1100);
  const since = String(Math.floor(Date.now() / 1000) - 60);
  const events = await engine.docker(['events', '--since', since, '--until', '0s', '--filter', 'type=builder']);
  assert.match(events.stdout, /builder prune .*reclaimed=1000000/);
  assert.equal(await cached(used), true);
  assert.equal(await cached(old), false);
});

test('builder prune keeps what it is told to keep', async () => {
  await engine.strata(['builder', 'prune', '-af']);
  await fill(900_000);
  await fill(800_000);
  const kept = await engine.strata(['builder', 'prune', '-f', '--keep-storage', '850kB']);
  assert.match(kept.output, /Total reclaimed space: 900kB/);
  const young = await engine.strata(['builder', 'prune', '-f', '--filter', 'until=1h']);
  assert.match(young.output, /Total reclaimed space: 0B/);
  const rest = await engine.strata(['builder', 'prune', '-f', '--filter', 'until=1ms']);
  assert.match(rest.output, /Total reclaimed space: 800kB/);
});
