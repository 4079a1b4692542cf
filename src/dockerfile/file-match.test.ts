import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hasWildcards, matchPattern } from './file-match.ts';

test('patterns match whole paths, stars and question marks within a folder', () => {
  const table: readonly (readonly [string, string, boolean])[] = [
    ['*', 'a', true],
    ['*', 'a/b', false],
    ['*/*', 'a/b', true],
    ['**', 'a/b', false],
    ['a*/b', 'a/c/b', false],
    ['a*b?c*x', 'abxbbxdbxebxczzx', true],
    ['a*b?c*x', 'abxbbxdbxebxczzy', false],
    ['a?c', 'a/c', false],
    ['a[^b]c', 'a☺c', true],
    ['a[b-d]', 'ac', true],
    ['[\\]a]', ']', true],
    ['a\\*b', 'a*b', true],
    ['a\\*b', 'axb', false],
    ['', '', true],
    ['a', '', false],
  ];
  for (const [pattern, path, expected] of table)
    assert.equal(matchPattern(pattern, path), expected, `${pattern} ${path}`);
});

test('broken patterns are an error', () => {
  for (const pattern of ['[', '[a', '[]a]', '[-]', '[a-]', '[^', 'a\\', '[\\']) {
    assert.throws(() => matchPattern(pattern, 'a'), /syntax error in pattern/, pattern);
  }
});

test('a path without special characters is no pattern', () => {
  assert.deepEqual(['a/b.c', 'a*', 'a?', '[a]', 'a\\b'].map(hasWildcards), [false, true, true, true, true]);
});
