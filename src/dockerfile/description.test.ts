import assert from 'node:assert/strict';
import { test } from 'node:test';
import { descriptionOf, parseDockerfile } from './index.ts';

test('a comment that begins with the name describes a stage or an argument', () => {
  const file = parseDockerfile('# V the version\n# W other\nARG V=1 W X\n# base all files\nFROM a AS base\n');
  const { node } = file.metaArgs[0]!;
  assert.deepEqual(
    ['V', 'W', 'X'].map((name) => descriptionOf(node, name)),
    ['the version', 'other', ''],
  );
  assert.equal(descriptionOf(file.stages[0]!.from.node, 'base'), 'all files');
});
