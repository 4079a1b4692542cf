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
  assert.deepEqual(parts('https://h/a.git?tag=v1#refs/tags/v1'), ['https://h/a.git', 'refs/tags/v1', '', ...plain]);
  assert.deepEqual(parts('https://h/a.git?branch=refs/heads/b'), ['https://h/a.git', 'refs/heads/b', '', ...plain]);
  assert.deepEqual(parts('https://h/a.git?ref=v1&subdir=s#v1:s'), ['https://h/a.git', 'v1', 's', ...plain]);
  assert.deepEqual(parts('git@h:me/a.git?ref=v1'), ['git@h:me/a.git?ref=v1', '', '', ...plain]);
  const all = 'ssh://h/a.git?ref=pull/4/head&commit=0123&keep-git-dir=1&submodules=false';
  assert.deepEqual(parts(all), ['ssh://h/a.git', 'pull/4/head', '', false, '0123', true]);
});

test('a query that says two things, nothing, or something unknown, is refused in the words of BuildKit', () => {
  const refused = [
    ['?ref=a&tag=b', 'ref conflicts: "a" vs "refs/tags/b"'],
    ['?subdir=a#:b', 'subdir conflicts: "b" vs "a"'],
    ['?branch=b#c', 'ref conflicts: "c" vs "refs/heads/b"'],
    ['?tag=v1#v1', 'ref conflicts: "v1" vs "refs/tags/v1"'],
    ['?branch=b&tag=b', 'branch conflicts with tag'],
    ['?checksum=ab&commit=cd', 'checksum conflicts: "ab" vs "cd"'],
    ['?ref=a&ref=a', 'query "ref" has multiple values'],
    ['?tag=', 'query "tag" has no value'],
    ['?subdir', 'query "subdir" has no value'],
    ['?depth=1', 'unexpected query "depth"'],
    ['?toString=1', 'unexpected query "toString"'],
    ['?submodules=2', 'invalid submodules value: "2"'],
    ['?keep-git-dir=maybe', 'invalid keep-git-dir value: "maybe"'],
  ] as const;
  for (const [query, message] of refused) assert.throws(() => parseGitUrl(`https://h/a.git${query}`), { message });
});
