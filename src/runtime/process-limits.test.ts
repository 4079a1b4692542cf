import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openFiles } from './process-limits.ts';

test('the soft limit of open files is what the launcher noted, at most the hard one', () => {
  const cases: readonly (readonly [string | undefined, number, number])[] = [
    ['1024', 4096, 1024],
    ['4096', 4096, 4096],
    ['9999', 4096, 4096],
    ['unlimited', 4096, 4096],
    [undefined, 4096, 4096],
    ['', 4096, 4096],
    ['-1', 4096, 4096],
    ['ten', 4096, 4096],
  ];
  for (const [noted, hard, soft] of cases)
    assert.deepEqual(openFiles(noted, new Map([['nofile', hard]])), { soft, hard }, String(noted));
});
