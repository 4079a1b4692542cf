import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { getHeapStatistics } from 'node:v8';
import { clean } from '../sys/index.ts';
import { settleWhenIdle } from './settle-when-idle.ts';

test('when work is over its garbage is, too', async () => {
  settleWhenIdle(200);
  let made: object[] = [];
  for (let i = 0; i < 1_000_000; i++) made.push({ i });
  // As after each collection while they were in use: it is no young garbage.
  clean();
  assert.equal(made.length, 1_000_000);
  made = [];
  const held = getHeapStatistics().used_heap_size;
  for (const until = performance.now() + 400; performance.now() < until; );
  let given = 0;
  for (let tries = 0; tries < 60 && given < 20 * 2 ** 20; tries++) {
    await sleep(50);
    given = held - getHeapStatistics().used_heap_size;
  }
  assert.ok(given >= 20 * 2 ** 20, `${given} of ${held} bytes`);
});
