import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseCall } from './call.ts';

test('a call is a method with fields, of which the last of a name counts', () => {
  assert.deepEqual(parseCall('check', false), { method: 'check', json: false, ignoreStatus: false });
  assert.deepEqual(parseCall('outline,format=json', false), { method: 'outline', json: true, ignoreStatus: false });
  assert.deepEqual(parseCall('targets,format=json,format=text', false).json, false);
  assert.deepEqual(parseCall('check,ignorestatus=1', false).ignoreStatus, true);
  assert.equal(parseCall('lint', false).method, 'check');
  assert.equal(parseCall('', false).method, 'build');
});

test('--check is a check whatever --call says', () => {
  assert.equal(parseCall('build', true).method, 'check');
});

test('what nobody knows is refused', () => {
  assert.throws(() => parseCall('foo', false), { message: 'method "foo" is not supported' });
  assert.throws(() => parseCall('check,foo=bar', false), { message: 'invalid print field: foo=bar' });
  assert.throws(() => parseCall('check,json', false), { message: 'invalid print value: check,json' });
  assert.throws(() => parseCall('check,ignorestatus=so', false), /invalid print value/);
});
