import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkPool, formatSubnet, privatePools, subnetsIn } from './subnet.ts';

test('a pool is cut into subnets of its size, one pool after the other', () => {
  const pools = [
    { base: '10.90.64.0/23', size: 24 },
    { base: '172.30.0.0/16', size: 16 },
  ];
  assert.deepEqual([...subnetsIn(pools)].map(formatSubnet), ['10.90.64.0/24', '10.90.65.0/24', '172.30.0.0/16']);
  const usual = [...subnetsIn(privatePools)].map(formatSubnet);
  assert.deepEqual(
    [usual[0], usual[39], usual[40], usual.length],
    ['10.88.0.0/16', '10.127.0.0/16', '10.86.0.0/24', 296],
  );
});

for (const pool of [
  { base: '10.90.0.0/16', size: 15 },
  { base: '10.90.0.0/16', size: 31 },
  { base: '10.90.0.0', size: 24 },
])
  test(`no network fits into ${pool.base} by ${pool.size}`, () => {
    assert.throws(() => checkPool(pool), { kind: 'invalid_argument' });
  });
