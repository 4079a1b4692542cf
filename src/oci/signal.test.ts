import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isSignal, parseSignal } from './signal.ts';

test('signals have numbers, names and real-time names', () => {
  assert.deepEqual(
    ['9', 'SIGTERM', 'term', 'sigrtmin+3', 'RTMAX-14', 'RTMIN', '99', 'CLD', '-1', '+5'].map(parseSignal),
    [9, 15, 15, 37, 50, 34, 99, 17, -1, 5],
  );
  for (const text of ['', '0', 'FOO', 'RTMIN+16', 'RTMAX-15', 'RTMIN+0', ' 5', '0x3'])
    assert.throws(() => parseSignal(text), { kind: 'invalid_argument', message: `invalid signal: ${text}` });
});

test('Linux has the signals 1 to 31 and 34 to 64', () => {
  assert.deepEqual([-1, 0, 1, 31, 32, 33, 34, 64, 65].map(isSignal), [
    ...[false, false, true, true, false],
    ...[false, true, true, false],
  ]);
});
