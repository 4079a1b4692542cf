import assert from 'node:assert/strict';
import { test } from 'node:test';
import { getHeapStatistics } from 'node:v8';
import { clean, lend, release, releaseBuffer, sweep } from './index.ts';

test('buffers that are let go of are gone while their loop still runs', () => {
  const kept = () => process.memoryUsage().arrayBuffers / 2 ** 20;
  const before = kept();
  let most = 0;
  for (let i = 0; i < 400; i++) {
    sweep(new Uint8Array(2 ** 20).fill(i).length);
    most = Math.max(most, kept() - before);
  }
  // Without it 128 MiB pile up before anything is collected.
  assert.ok(most <= 64, `${most.toFixed(1)} MiB`);
});

test('a thread that has done much gives the room of it back', () => {
  let made: object[] = [];
  for (let i = 0; i < 1_000_000; i++) made.push({ i });
  const held = getHeapStatistics().total_heap_size;
  assert.equal(made.length, 1_000_000);
  made = [];
  clean();
  const left = getHeapStatistics().total_heap_size;
  assert.ok(held - left > 20 * 2 ** 20, `${held} bytes before, ${left} after`);
  made = Array.from({ length: 50_000 }, (_, i) => ({ i }));
  const used = getHeapStatistics().used_heap_size;
  made = [];
  clean();
  assert.ok(getHeapStatistics().used_heap_size >= used, 'a heap that has hardly grown is left alone');
});

test('a buffer whose end was read takes no memory any more, one that others have parts of does', async () => {
  const whole = Buffer.alloc(100_000);
  release(whole.subarray(0, 50_000));
  assert.equal(whole.length, 100_000);
  release(whole.subarray(50_000));
  assert.equal(whole.buffer.byteLength, 0);
  const pooled = Buffer.from('small ones lie side by side');
  releaseBuffer(pooled.buffer);
  assert.equal(pooled.toString(), 'small ones lie side by side');
  const shared = new Uint8Array(new SharedArrayBuffer(8));
  release(shared);
  assert.equal(shared.length, 8);
});

test('what is lent is there until the next is asked for', async () => {
  const chunks = [new Uint8Array(10), new Uint8Array(20)];
  async function* source() {
    yield* chunks;
  }
  const seen: number[][] = [];
  for await (const _ of lend(source())) seen.push(chunks.map(({ length }) => length));
  assert.deepEqual(seen, [
    [10, 20],
    [0, 20],
  ]);
});
