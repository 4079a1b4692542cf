import assert from 'node:assert/strict';
import { test } from 'node:test';
import { settleHost } from './settle-host.ts';

const facts = { cgroups: 'v2' as const, controllers: new Set(['memory']), features: new Set<never>(), swapLimit: true };

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

test('what is discarded is not kept', () => {
  const given = { CpuPercent: 5, KernelMemory: 1e7, BlkioWeight: 100, CpuCount: 2 };
  assert.deepEqual(settleHost(given, facts), { CpuCount: 2, CgroupnsMode: 'private' });
  assert.equal(settleHost(given, { ...facts, features: new Set(['block weight'] as const) }).BlkioWeight, 100);
  const weights = { BlkioWeightDevice: [{ Path: '/dev/zero', Weight: 10 }] };
  assert.deepEqual(settleHost(weights, facts).BlkioWeightDevice, []);
  const able = { ...facts, features: new Set(['block weight of a device'] as const) };
  assert.deepEqual(settleHost(weights, able).BlkioWeightDevice, weights.BlkioWeightDevice);
});

test('what shares processes or memory with the host has no label of its own', () => {
  for (const given of [{ Privileged: true }, { IpcMode: 'host' }, { PidMode: 'host' }]) {
    assert.deepEqual(settleHost(given, facts).SecurityOpt, ['label=disable']);
    const named = { ...given, SecurityOpt: ['label=type:x'] };
    assert.deepEqual(settleHost(named, facts).SecurityOpt, ['label=type:x']);
  }
  assert.equal(settleHost({ IpcMode: 'private' }, facts).SecurityOpt, undefined);
});
