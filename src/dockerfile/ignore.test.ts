import assert from 'node:assert/strict';
import { test } from 'node:test';
import { StrataError } from '../errors/index.ts';
import { createIgnore, readIgnoreFile } from './ignore.ts';

const paths = ['a', 'b.txt', 'd/a', 'd/b.txt', 'd/e/a', 'd/e/f/b.txt', 'dd/e/a', '.hid', 'x1'];

function kept(...patterns: string[]): string[] {
  const ignore = createIgnore(patterns);
  return paths.filter((path) => !ignore(path));
}

const without = (...gone: string[]): string[] => paths.filter((path) => !gone.includes(path));

test('a file of patterns is cleaned: comments, blanks, slashes in front, dots', () => {
  const text = '\ufeff# no\n  a/../b/ \n\n/c\n! /d/./e\n  # yes\n!\n';
  assert.deepEqual(readIgnoreFile(text), ['b', 'c', '!d/e', '# yes', '!']);
});

test('a pattern covers a path and all below it, and is anchored at the root', () => {
  assert.deepEqual(kept('d'), without('d/a', 'd/b.txt', 'd/e/a', 'd/e/f/b.txt'));
  assert.deepEqual(kept('e'), paths);
  assert.deepEqual(kept('d/e'), without('d/e/a', 'd/e/f/b.txt'));
  assert.deepEqual(kept(' a/ '), without('a'));
});

test('a star stays in its folder, two stars cross folders', () => {
  assert.deepEqual(kept('*.txt'), without('b.txt'));
  assert.deepEqual(kept('*/*.txt'), without('d/b.txt'));
  assert.deepEqual(kept('**/*.txt'), without('b.txt', 'd/b.txt', 'd/e/f/b.txt'));
  assert.deepEqual(kept('**/e'), without('d/e/a', 'd/e/f/b.txt', 'dd/e/a'));
  assert.deepEqual(kept('d/**'), without('d/a', 'd/b.txt', 'd/e/a', 'd/e/f/b.txt'));
  assert.deepEqual(kept('d/**/b.txt'), without('d/b.txt', 'd/e/f/b.txt'));
  assert.deepEqual(kept('**'), []);
});

test('classes, question marks and escapes work as in the shell', () => {
  assert.deepEqual(kept('x[0-9]'), without('x1'));
  assert.deepEqual(kept('x[^0-9]'), paths);
  assert.deepEqual(kept('?.txt'), without('b.txt'));
  assert.deepEqual(kept('\\a'), paths, 'an escaped letter has the meaning of a regular expression');
  assert.deepEqual(kept('\\.hid'), without('.hid'));
});

test('the last pattern that matches a path or its parents decides', () => {
  assert.deepEqual(kept('*', '!d'), ['d/a', 'd/b.txt', 'd/e/a', 'd/e/f/b.txt']);
  assert.deepEqual(kept('*', '!d', 'd/e'), ['d/a', 'd/b.txt']);
  assert.deepEqual(kept('*', '!d/e/f'), ['d/e/f/b.txt']);
  assert.deepEqual(kept('!a', 'a'), without('a'));
});

test('an ignored folder is skipped unless an exception may want something in it', () => {
  assert.equal(createIgnore(['d']).skipsDirectory('d'), true);
  assert.equal(createIgnore(['d']).skipsDirectory('dd'), false);
  assert.equal(createIgnore(['*', '!d/e/f']).skipsDirectory('d'), false);
  assert.equal(createIgnore(['*', '!d/e/f']).skipsDirectory('dd'), true);
  assert.equal(createIgnore(['*', '!**/x']).skipsDirectory('dd'), false);
});

test('the pattern that decided is named', () => {
  const ignore = createIgnore('*\n!d\nd/e\n');
  assert.deepEqual([ignore.decidedBy('d/a'), ignore.decidedBy('d/e/a'), ignore.decidedBy('q')], ['!d', 'd/e', '*']);
  assert.equal(createIgnore('x').decidedBy('y'), undefined);
  assert.deepEqual([ignore.hasExceptions, ignore.patterns], [true, ['*', '!d', 'd/e']]);
});

test('broken patterns are refused when they are read or when they are compared', () => {
  const message = (work: () => unknown): string => {
    try {
      work();
    } catch (error) {
      assert.ok(error instanceof StrataError);
      return error.message;
    }
    return 'none';
  };
  assert.equal(
    message(() => createIgnore('!')),
    'illegal exclusion pattern: "!"',
  );
  assert.equal(
    message(() => createIgnore('[a')),
    'syntax error in pattern',
  );
  assert.equal(
    message(() => createIgnore('a\\')),
    'syntax error in pattern',
  );
  assert.equal(
    message(() => createIgnore('q**[a')),
    'none',
  );
  assert.equal(
    message(() => createIgnore('q**[a')('x')),
    'syntax error in pattern',
  );
});

test('hostile patterns are not slow', () => {
  const ignore = createIgnore(`${'**/'.repeat(200)}x*${'*a'.repeat(200)}b`);
  const { user } = process.threadCpuUsage();
  ignore(`${'a/'.repeat(100)}y`);
  assert.ok(process.threadCpuUsage().user - user < 2_000_000);
});
