import assert from 'node:assert/strict';
import { test } from 'node:test';
import { diskFullText, StrataError } from './index.ts';

test('a full disk is known by whoever met it, however deep it is the cause', () => {
  const kernel = Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' });
  const database = Object.assign(new Error('database or disk is full'), { code: 'ERR_SQLITE_ERROR', errcode: 13 });
  const quota = Object.assign(new Error('EDQUOT'), { code: 'EDQUOT' });
  for (const error of [kernel, database, new StrataError('internal', 'outer', { cause: kernel })])
    assert.equal(diskFullText(error), 'no space left on device');
  assert.equal(diskFullText(quota), 'disk quota exceeded');
  const layer = new StrataError('unavailable', 'write /big: no space left on device', { code: 'no_space' });
  assert.equal(diskFullText(layer), 'write /big: no space left on device');
  for (const other of [undefined, 'ENOSPC', new Error('x', { cause: new Error('y') }), { code: 'ENOSPC' }])
    assert.equal(diskFullText(other), undefined);
});
