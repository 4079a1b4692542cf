import assert from 'node:assert/strict';
import { test } from 'node:test';
import { classifySource } from '../sources/classify.ts';
import { destinationPath, sourcePath, workingDirectory } from './paths.ts';

test('a destination is relative to the working directory, and what says that it is a folder is kept', () => {
  const cases = [
    ['/w', 'f', '/w/f'],
    ['/w', 'd/', '/w/d/'],
    ['/w', '.', '/w/'],
    ['/w', '', '/w/'],
    ['/w', './', '/w/'],
    ['/w', '..', '/'],
    ['/w', '/a/../b/', '/b/'],
    ['/w', '/a/.', '/a/.'],
    ['/', '.', '/'],
    ['/', '/', '/'],
  ] as const;
  for (const [workdir, written, expected] of cases) assert.equal(destinationPath(workdir, written), expected, written);
});

test('an absolute working directory stays as it is written, a relative one is joined to the one before', () => {
  const cases = [
    ['/', '/app/', '/app/'],
    ['/', '/x/../y//z', '/x/../y//z'],
    ['/app/', 'sub/', '/app/sub'],
    ['/app/', '..', '/'],
    ['', '', '/'],
  ] as const;
  for (const [before, path, expected] of cases) assert.equal(workingDirectory(before, path), expected, path);
});

test('a source never leaves its root', () => {
  assert.deepEqual(['../../etc', '/a//b/', './.', 'a/../../b'].map(sourcePath), ['/etc', '/a/b', '/', '/b']);
});

test('what ADD is given is a path, a download or a repository', () => {
  const kinds = (texts: readonly string[]) => texts.map((text) => classifySource(text).kind);
  assert.deepEqual(kinds(['a.tar', 'http', './https:/x', 'dir/x.git', 'user@host']), Array(5).fill('path'));
  assert.deepEqual(kinds(['http://h/a', 'HTTPS://h/a.git/x', 'https://h/']), Array(3).fill('http'));
  assert.deepEqual(
    kinds(['https://h/a.git', 'https://h/a.git#main:sub', 'git://h/a', 'ssh://h/a', 'git@h:me/a.git#v1']),
    Array(5).fill('git'),
  );
});

test('a download is called by the last part of its path', () => {
  const names = ['http://h/a/b.tgz?x=/y', 'http://h/a%20b', 'http://h/', 'http://h', 'http://h/a/..%2f'].map((url) => {
    const source = classifySource(url);
    return source.kind === 'http' && source.filename;
  });
  assert.deepEqual(names, ['b.tgz', 'a b', '__unnamed__', '__unnamed__', '__unnamed__']);
});
