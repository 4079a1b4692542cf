import assert from 'node:assert/strict';
import { test } from 'node:test';
import { keepBytes } from './keep-bytes.ts';
import { Ledger } from './ledger.ts';

const bottom = { name: 'bottom', bytes: 100 };
const parent = { holds: [bottom] };
const child = { holds: [bottom, { name: 'upper', bytes: 10 }] };
const twin = { holds: [bottom, { name: 'upper', bytes: 10 }] };

test('what several keep counts once, and is free when the last lets go', () => {
  const ledger = new Ledger([parent, child, twin]);
  assert.equal(ledger.total, 110);
  assert.equal(ledger.frees(child), 0);
  assert.deepEqual(ledger.release(child), { freed: 0, alone: [twin] });
  assert.deepEqual(ledger.release(twin), { freed: 10, alone: [parent] });
  assert.deepEqual(ledger.release(parent), { freed: 100, alone: [] });
  assert.equal(ledger.total, 0);
});

test('bounds on space mean what they mean to BuildKit', () => {
  assert.equal(keepBytes(100, 50, {}), undefined);
  assert.equal(keepBytes(100, 50, { reservedSpace: 30 }), 30);
  assert.equal(keepBytes(100, 50, { maxUsedSpace: 80 }), 80);
  assert.equal(keepBytes(100, 50, { minFreeSpace: 40 }), Number.POSITIVE_INFINITY);
  assert.equal(keepBytes(100, 50, { minFreeSpace: 70 }), 80);
  assert.equal(keepBytes(100, 50, { minFreeSpace: 70, maxUsedSpace: 60 }), 60);
  assert.equal(keepBytes(100, 0, { minFreeSpace: 500, reservedSpace: 20, maxUsedSpace: 60 }), 20);
});
