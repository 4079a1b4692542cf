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
  const seen = { packed: [] as number[], given: 0, busy: false };
  const left = new Set(sizes);
  const packing = createLayoutPacking({
    config,
    isBusy: () => seen.busy,
    log: assert.fail,
    images: {
      async completeLayout({ mayPack, signal }: Completing) {
        for (const size of left) {
          if (!(await mayPack(size))) continue;
          if (options.slow && !signal?.aborted) {
            await new Promise((resolve) => signal?.addEventListener('abort', resolve, { once: true }));
            seen.given++;
            signal?.throwIfAborted();
          }
          left.delete(size);
          seen.packed.push(size);
        }
      },
    },
  });
  return { packing, seen };
}

test('little is packed soon, more when nothing was built for a while, and nothing while something is', async () => {
  const { packing, seen } = fixture([1000, 1e9]);
  seen.busy = true;
  packing.soon();
  await sleep(260);
  assert.deepEqual(seen.packed, []);
  seen.busy = false;
  packing.soon();
  await sleep(230);
  assert.deepEqual(seen.packed, [1000]);
  await sleep(100);
  assert.deepEqual(seen.packed, [1000, 1e9]);
  await packing.stop();
});

test('a build that begins ends the packing, which is done later', async () => {
  const { packing, seen } = fixture([1e9], { slow: true });
  packing.soon();
  await sleep(330);
  packing.giveWay();
  await sleep(10);
  assert.equal(seen.given, 1);
  packing.soon();
  await sleep(330);
  await packing.stop();
  assert.equal(seen.given, 2, 'it was tried again');
});

test('large layers are left alone on a full disk, and all where the settings say so', async () => {
  const full = fixture([1000, 1e9], { minFreeBytes: 1e18 });
  const off = fixture([1000, 1e9], { layout: { pack: false } });
  full.packing.soon();
  off.packing.soon();
  await sleep(360);
  await Promise.all([full.packing.stop(), off.packing.stop()]);
  assert.deepEqual(full.seen.packed, [1000]);
  assert.deepEqual(off.seen.packed, []);
});
