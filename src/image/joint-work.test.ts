import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createJointWork } from './joint-work.ts';

test('work that two want is done once, and both get the result', async () => {
  const jobs = createJointWork<number>();
  const { promise, resolve } = Promise.withResolvers<number>();
  let runs = 0;
  const work = async () => {
    runs++;
    return await promise;
  };
  const both = [jobs.join('layer', undefined, work), jobs.join('layer', undefined, work)];
  resolve(7);
  assert.deepEqual(await Promise.all(both), [7, 7]);
  assert.equal(runs, 1);
  assert.equal(await jobs.join('layer', undefined, async () => ++runs), 2, 'what is over is not joined');
});

test('one who gives up leaves the work to the other; the last one stops it and waits for its end', async () => {
  const jobs = createJointWork<string>();
  const ended: string[] = [];
  const work = (signal: AbortSignal) =>
    new Promise<string>((_, reject) => {
      signal.addEventListener('abort', () => setTimeout(() => reject(ended.push('stopped')), 20));
    });
  const [first, second] = [new AbortController(), new AbortController()];
  const one = jobs.join('layer', first.signal, work);
  const other = jobs.join('layer', second.signal, work);
  first.abort();
  await assert.rejects(one, { kind: 'cancelled' });
  assert.deepEqual(ended, [], 'the other still wants it');
  second.abort();
  await assert.rejects(other, { kind: 'cancelled' });
  assert.deepEqual(ended, ['stopped'], 'nothing is being written any more');
});

test('a failure is everybody’s, and does not stay', async () => {
  const jobs = createJointWork<number>();
  const fail = async () => {
    throw new Error('disk');
  };
  const both = [jobs.join('layer', undefined, fail), jobs.join('layer', undefined, fail)];
  for (const { status } of await Promise.allSettled(both)) assert.equal(status, 'rejected');
  assert.equal(await jobs.join('layer', undefined, async () => 1), 1);
});

test('who comes with a signal that has gone off does no work', async () => {
  const jobs = createJointWork<number>();
  await assert.rejects(
    jobs.join('layer', AbortSignal.abort(), () => assert.fail('no work')),
    { kind: 'cancelled' },
  );
});
