import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import { test } from 'node:test';
import { drained } from './index.ts';

function full(): PassThrough {
  const stream = new PassThrough({ highWaterMark: 1 });
  assert.equal(stream.write('much'), false);
  return stream;
}

const events = ['drain', 'close', 'error'] as const;

test('it waits until the stream can take more, and leaves no listener behind', async () => {
  const stream = full();
  const before = events.map((event) => stream.listenerCount(event));
  let done = false;
  const waiting = drained(stream).then(() => {
    done = true;
  });
  await new Promise(setImmediate);
  assert.equal(done, false);
  stream.resume();
  await waiting;
  assert.deepEqual(
    events.map((event) => stream.listenerCount(event)),
    before,
  );
});

test('a stream that is gone, or goes, is not waited for', async () => {
  const gone = full();
  gone.destroy();
  await drained(gone);
  const failing = full();
  const waiting = drained(failing);
  failing.destroy(new Error('reset'));
  await waiting;
  await drained(new PassThrough());
});
