import assert from 'node:assert/strict';
import { tmpdir } from 'node:os';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Images } from '../image/index.ts';
import { defaultConfig } from './config.ts';
import { createLayoutPacking } from './layout-packing.ts';

type Completing = Parameters<Images['completeLayout']>[0];

/** Images of these sizes wait to be packed; `slow` ones until they are told to stop. */
function fixture(sizes: readonly number[], options: { layout?: object; minFreeBytes?: number; slow?: boolean } = {}) {
  const base = defaultConfig();
  const config = {
    dataRoot: tmpdir(),
    gc: { ...base.gc, minFreeBytes: options.minFreeBytes ?? 0 },
    layout: { ...base.layout, idleSeconds: 0.05, ...options.layout },
  };
  const seen = { packed: [] as number[], asked: 0, answered: 0, begun: 0, given: 0, busy: false };
  const left = new Set(sizes);
  const packing = createLayoutPacking({
    config,
    isBusy: () => seen.busy,
    log: assert.fail,
    images: {
      async completeLayout({ mayPack, signal }: Completing) {
        seen.asked++;
        for (const size of left) {
          if (!(await mayPack(size))) continue;
          if (options.slow && !signal?.aborted) {
            seen.begun++;
            await new Promise((resolve) => signal?.addEventListener('abort', resolve, { once: true }));
            seen.given++;
            signal?.throwIfAborted();
          }
          left.delete(size);
          seen.packed.push(size);
        }
        // What follows from the answer is set off in the turn after it.
        setImmediate(() => seen.answered++);
      },
    },
  });
  return { packing, seen };
}

/** What a timer has set off is done in turns of the loop, and asks the disk. */
async function until(holds: () => boolean): Promise<void> {
  for (const giveUp = performance.now() + 5000; !holds(); await new Promise(setImmediate))
    assert.ok(performance.now() < giveUp, 'it never came');
}

test('little is packed soon, more when nothing was built for a while, and nothing while something is', async ({
  mock: { timers },
}) => {
  timers.enable({ apis: ['setTimeout'] });
  const { packing, seen } = fixture([1000, 1e9]);
  seen.busy = true;
  packing.soon();
  timers.tick(1000);
  assert.equal(seen.asked, 0);
  seen.busy = false;
  packing.soon();
  timers.tick(200);
  await until(() => seen.answered === 1);
  assert.deepEqual(seen.packed, [1000]);
  timers.tick(49);
  assert.equal(seen.asked, 1);
  timers.tick(1);
  await until(() => seen.answered === 2);
  assert.deepEqual(seen.packed, [1000, 1e9]);
  await packing.stop();
});

test('a build that begins ends the packing, which is done later', async ({ mock: { timers } }) => {
  timers.enable({ apis: ['setTimeout'] });
  const { packing, seen } = fixture([1e9], { slow: true });
  packing.soon();
  timers.tick(200);
  await until(() => seen.answered === 1);
  timers.tick(50);
  await until(() => seen.begun === 1);
  packing.giveWay();
  await until(() => seen.given === 1);
  packing.soon();
  timers.tick(200);
  await until(() => seen.answered === 2);
  timers.tick(50);
  await until(() => seen.begun === 2);
  await packing.stop();
  assert.equal(seen.given, 2, 'it was tried again');
});

test('large layers are left alone on a full disk, and all where the settings say so', async ({ mock: { timers } }) => {
  timers.enable({ apis: ['setTimeout'] });
  const full = fixture([1000, 1e9], { minFreeBytes: 1e18 });
  const off = fixture([1000, 1e9], { layout: { pack: false } });
  full.packing.soon();
  off.packing.soon();
  timers.tick(200);
  await until(() => full.seen.answered === 1);
  timers.tick(50);
  await until(() => full.seen.answered === 2);
  assert.deepEqual(full.seen.packed, [1000]);
  assert.equal(off.seen.asked, 0);
  await Promise.all([full.packing.stop(), off.packing.stop()]);
});

test('an idle time of months is months, not the shortest time that a timer has', async () => {
  const { packing, seen } = fixture([1e9], { layout: { idleSeconds: 90 * 86_400 } });
  packing.soon();
  await until(() => seen.answered === 1);
  await sleep(30);
  assert.equal(seen.asked, 1);
  await packing.stop();
});
