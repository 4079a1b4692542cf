import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseGitUrl } from './git-url.ts';

const parts = (url: string) => {
  const { remote, ref, subdir, submodules, checksum, keepGitDir } = parseGitUrl(url);
  return [remote, ref, subdir, submodules, checksum, keepGitDir];
};

test('what of a repository is wanted stands behind a hash or in a query', () => {
  const plain = [true, undefined, undefined];
  assert.deepEqual(parts('https://h/a.git'), ['https://h/a.git', '', '', ...plain]);
  assert.deepEqual(parts('https://h/a.git#v1:sub/x'), ['https://h/a.git', 'v1', 'sub/x', ...plain]);
  assert.deepEqual(parts('git@h:me/a.git#:sub'), ['git@h:me/a.git', '', 'sub', ...plain]);
  assert.deepEqual(parts('https://h/a.git?branch=b&subdir=s'), ['https://h/a.git', 'refs/heads/b', 's', ...plain]);
  assert.deepEqual(parts('https://h/a.git?tag=t#:s'), ['https://h/a.git', 'refs/tags/t', 's', ...plain]);
  const all = 'ssh://h/a.git?ref=pull/4/head&commit=0123&keep-git-dir=1&submodules=false';
  assert.deepEqual(parts(all), ['ssh://h/a.git', 'pull/4/head', '', false, '0123', true]);
});

test('a query that says two things, or something unknown, is refused', () => {
  const refused = ['?ref=a&tag=b', '?subdir=a#:b', '?branch=b#c', '?depth=1', '?submodules=2'];
  for (const query of refused)
    assert.throws(() => parseGitUrl(`https://h/a.git${query}`), /conflicts|unexpected|invalid/);
});
