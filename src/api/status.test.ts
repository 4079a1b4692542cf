import assert from 'node:assert/strict';
import { test } from 'node:test';
import { StrataError } from '../errors/index.ts';
import { errorReply } from './status.ts';

test('a registry that cannot be reached is no unavailable engine', () => {
  const lookup = new StrataError('unavailable', 'dial tcp: lookup registry.test: no such host', {
    code: 'no_such_host',
  });
  assert.deepEqual(errorReply(lookup), { status: 500, message: lookup.message });
  assert.equal(errorReply(new StrataError('unavailable', 'the engine is stopping')).status, 503);
});
