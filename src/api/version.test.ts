import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assertSupported, before, compareVersions, splitVersion } from './version.ts';

test('a version prefix is split off the path', () => {
  assert.deepEqual(splitVersion('/v1.44/containers/json?all=1'), { version: '1.44', url: '/containers/json?all=1' });
  assert.deepEqual(splitVersion('/info'), { version: '1.51', url: '/info' });
});

test('what only looks like a version stays a path', () => {
  for (const url of ['/v1.abc/info', '/v1/info', '/volumes', '/v1.44', '/v1.44444/info']) {
    assert.equal(splitVersion(url).url, url);
  }
});

test('versions compare by number, not by letter', () => {
  assert.ok(compareVersions('1.9', '1.24') < 0);
  assert.ok(compareVersions('2.0', '1.51') > 0);
  assert.equal(compareVersions('1.51', '1.51'), 0);
});

test('versions outside the range are refused in the words of Docker', () => {
  assertSupported('1.24');
  assertSupported('1.51');
  assert.throws(
    () => assertSupported('1.23'),
    /client version 1\.23 is too old\. Minimum supported API version is 1\.24/,
  );
  assert.throws(
    () => assertSupported('1.52'),
    /client version 1\.52 is too new\. Maximum supported API version is 1\.51/,
  );
});

test('what changed with a version is as it was before it', () => {
  assert.equal(before('1.43', 'noVirtualSize'), true);
  assert.equal(before('1.44', 'noVirtualSize'), false);
});
