import assert from 'node:assert/strict';
import { test } from 'node:test';
import { wantedPaths } from './wanted-paths.ts';

for (const [reads, wanted] of [
  [['/a'], ['a']],
  [
    ['/b/c.txt', '/a', '/a'],
    ['a', 'b/c.txt'],
  ],
  [
    ['/a*.txt', '/b/?/x'],
    ['a*.txt', 'b/?/x'],
  ],
  [['/a/./b'], ['a/b']],
  [['/src/**/*.go'], ['src']],
  [['/**/x'], undefined],
  [['/a', '/'], undefined],
  [['/.'], undefined],
] as const)
  test(`${reads.join(' and ')} is read of a context: ${wanted?.join(' and ') ?? 'all'} is asked for`, () => {
    assert.deepEqual(wantedPaths(reads), wanted);
  });
