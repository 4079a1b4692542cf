import assert from 'node:assert/strict';
import { mkdtempSync, readlinkSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { createNetworkNamespace, removeNetworkNamespace } from './netns.ts';

test('a network namespace is made beside the process, which stays in its own', () => {
  const dir = mkdtempSync(join(tmpdir(), 'strata-netns-'));
  const before = readlinkSync('/proc/self/ns/net');
  createNetworkNamespace(join(dir, 'one'));
  assert.equal(readlinkSync('/proc/thread-self/ns/net'), before);
  assert.notEqual(`net:[${statSync(join(dir, 'one')).ino}]`, before);
  assert.throws(() => createNetworkNamespace(join(dir, 'one')), { code: 'EEXIST' });
  removeNetworkNamespace(join(dir, 'one'));
  assert.throws(() => statSync(join(dir, 'one')), { code: 'ENOENT' });
  rmSync(dir, { recursive: true });
});
