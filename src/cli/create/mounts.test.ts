import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseMount } from './mounts.ts';

const bind = (more: string) => parseMount(`type=bind,src=/a,dst=/b,${more}`, '/');

test('a recursion stands on what it needs', () => {
  const rows: readonly (readonly [string, string])[] = [
    ['bind-recursive=readonly', "'bind-recursive=readonly' requires 'readonly'"],
    ['bind-recursive=readonly,readonly', "'bind-recursive=readonly' requires 'bind-propagation=rprivate'"],
    [
      'bind-recursive=readonly,readonly=false,bind-propagation=rprivate',
      "'bind-recursive=readonly' requires 'readonly'",
    ],
    ['bind-recursive=writable', "'bind-recursive=writable' requires 'readonly'"],
  ];
  for (const [given, needs] of rows)
    assert.throws(() => bind(given), {
      message: `invalid argument "type=bind,src=/a,dst=/b,${given}" for "--mount" flag: option ${needs} to be specified in conjunction`,
    });
  assert.deepEqual(bind('bind-recursive=readonly,readonly,bind-propagation=rprivate').BindOptions, {
    ReadOnlyForceRecursive: true,
    Propagation: 'rprivate',
  });
  assert.deepEqual(bind('bind-recursive=writable,readonly').BindOptions, { ReadOnlyNonRecursive: true });
  assert.deepEqual(bind('bind-recursive=disabled').BindOptions, { NonRecursive: true });
  assert.equal(bind('bind-recursive=enabled').BindOptions, undefined);
});
