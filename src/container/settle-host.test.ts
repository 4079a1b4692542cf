import assert from 'node:assert/strict';
import { test } from 'node:test';
import { settleHost } from './settle-host.ts';

const facts = { cgroups: 'v2' as const, controllers: new Set(['memory']), swapLimit: true };

test('a memory limit alone allows as much swap again', () => {
  assert.equal(settleHost({ Memory: 64 }, facts).MemorySwap, 128);
  assert.equal(settleHost({ Memory: 64, MemorySwap: -1 }, facts).MemorySwap, -1);
  assert.equal(settleHost({ Memory: 64 }, { ...facts, swapLimit: false }).MemorySwap, -1);
  assert.equal(settleHost({}, facts).MemorySwap, undefined);
});

test('what clients send for "no value" is none', () => {
  assert.deepEqual(settleHost({ MemorySwappiness: -1, PidsLimit: 0, CgroupnsMode: '' }, facts), {
    CgroupnsMode: 'private',
  });
  assert.equal(settleHost({ PidsLimit: 5 }, facts).PidsLimit, 5);
  assert.equal(settleHost({}, { ...facts, cgroups: 'v1' }).CgroupnsMode, 'host');
});

test('options of a log without a driver are those of the default one', () => {
  assert.deepEqual(settleHost({ LogConfig: { Type: '', Config: { 'max-size': '1k' } } }, facts).LogConfig, {
    Type: 'json-file',
    Config: { 'max-size': '1k' },
  });
});
