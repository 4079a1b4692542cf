import assert from 'node:assert/strict';
import { test } from 'node:test';
import { unreachable } from './garbage.ts';

const graph: Readonly<Record<string, readonly string[]>> = { a: ['b', 'c'], b: ['d'], c: ['d'], e: ['f'], f: ['e'] };
const references = (node: string) => graph[node] ?? [];

test('what no root reaches is garbage, rings included', () => {
  assert.deepEqual(unreachable('abcdefg', ['a'], references), ['e', 'f', 'g']);
  assert.deepEqual(unreachable('abcdefg', ['b', 'e', 'g'], references), ['a', 'c']);
  assert.deepEqual(unreachable('ab', [], references), ['a', 'b']);
});

test('a root that is not there keeps nothing and harms nothing', () => {
  assert.deepEqual(unreachable('d', ['x'], references), ['d']);
});
