import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { defaultConfig } from './config.ts';
import { createGarbageCollection, garbagePolicy } from './garbage.ts';
import type { EngineEvent } from './types.ts';

const settings = { ...defaultConfig().gc, maxBytes: 5e9, minFreeBytes: 1e9, reservedBytes: 2e8, maxAgeSeconds: 7200 };

interface Fixture {
  readonly calls: object[];
  readonly events: Pick<EngineEvent, 'Type' | 'Action' | 'Actor'>[];
  readonly lines: string[];
  busy: boolean;
}

/** A collection over a cache that lets go of one record for each rule about age. */
function fixture(gc = settings, fail = false) {
  const seen: Fixture = { calls: [], events: [], lines: [], busy: false };
  const prune = async (options: { readonly unusedFor?: number }) => {
    seen.calls.push(options);
    if (fail) throw new Error('disk');
    return options.unusedFor === gc.maxAgeSeconds
      ? { deleted: ['a', 'b'], reclaimed: 1_500_000 }
      : { deleted: [], reclaimed: 0 };
  };
  const collection = createGarbageCollection({
    gc,
    builder: { cache: { prune, list: async () => [] } },
    images: { collect: async () => void seen.calls.push({ collect: true }) },
    events: { publish: (event) => void seen.events.push(event) },
    isBusy: () => seen.busy,
    log: (line) => void seen.lines.push(line),
  });
  return { collection, seen };
}

test('the settings become rules: cheap things first, then age, then space', () => {
  const rules = garbagePolicy(settings).map(({ options }) => options);
  assert.deepEqual(rules[0]?.filters?.['type'], ['source.local', 'exec.cachemount', 'source.git.checkout']);
  assert.deepEqual(rules[1], { all: false, unusedFor: 7200 });
  assert.deepEqual(rules[2], { all: false, maxUsedSpace: 5e9, minFreeSpace: 1e9, reservedSpace: 2e8 });
  const [, , space] = garbagePolicy({ ...settings, minFreeBytes: 0, reservedBytes: 0 });
  assert.deepEqual(space?.options, { all: false, maxUsedSpace: 5e9 });
  assert.doesNotMatch(space!.why, /free/);
});

test('what was removed is told in a line and an event, with the reason; nothing is told of nothing', async () => {
  const { collection, seen } = fixture();
  await collection.run();
  assert.equal(seen.calls.length, 4, 'three rules and the blobs');
  assert.deepEqual(seen.lines, [
    'garbage collection removed 2 records of the build cache (1.50MB): unused for 2 hours',
  ]);
  assert.deepEqual(seen.events, [
    {
      Type: 'builder',
      Action: 'prune',
      Actor: { ID: '', Attributes: { reclaimed: '1500000', deleted: '2', reason: 'unused for 2 hours' } },
    },
  ]);
  await collection.stop();
});

test('a failure is told and does no more harm', async () => {
  const { collection, seen } = fixture(settings, true);
  await collection.run();
  assert.deepEqual(seen.lines, ['garbage collection failed: disk']);
  await collection.stop();
});

test('it looks from time to time, but not under a build, and not when it is off', async () => {
  const often = fixture({ ...settings, intervalSeconds: 0.02 });
  const off = fixture({ ...settings, enabled: false, intervalSeconds: 0.02 });
  off.collection.soon();
  often.seen.busy = true;
  await sleep(100);
  assert.equal(often.seen.calls.length, 0);
  often.seen.busy = false;
  await sleep(100);
  await Promise.all([often.collection.stop(), off.collection.stop()]);
  assert.ok(often.seen.calls.length >= 4);
  assert.equal(off.seen.calls.length, 0);
  const { length } = often.seen.calls;
  await sleep(60);
  assert.equal(often.seen.calls.length, length, 'stopped');
});

test('two at a time are one', async () => {
  const { collection, seen } = fixture();
  await Promise.all([collection.run(), collection.run()]);
  assert.equal(seen.calls.length, 4);
  await collection.stop();
});

test('an interval of months is months, not the shortest time that a timer has', async () => {
  const { collection, seen } = fixture({ ...settings, intervalSeconds: 90 * 86_400 });
  await sleep(50);
  await collection.stop();
  assert.equal(seen.calls.length, 0);
});

test('a build that ends while the engine shuts down does not wake it', async ({ mock }) => {
  mock.timers.enable({ apis: ['setTimeout'] });
  const { collection, seen } = fixture();
  await collection.stop();
  collection.soon();
  mock.timers.tick(60_000);
  assert.equal(seen.calls.length, 0);
});
