import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { mount, mountsBelow, mountTable, unmount } from './index.ts';

test('mounts are told by their targets, blanks and all, the innermost first', (t) => {
  const top = mkdtempSync(join(tmpdir(), 'strata mounts \\ '));
  const outer = join(top, 'outer');
  const inner = join(outer, 'inner');
  mkdirSync(outer);
  t.after(() => {
    for (const target of [inner, outer]) unmount(target);
    rmSync(top, { recursive: true });
  });
  mount('tmpfs', outer, 'tmpfs', []);
  mkdirSync(inner);
  mount('tmpfs', inner, 'tmpfs', []);
  assert.deepEqual(mountsBelow(top), [inner, outer]);
  assert.deepEqual(mountsBelow(outer), [inner]);
  assert.equal(mountTable().find(({ target }) => target === outer)?.type, 'tmpfs');
});
