import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { SourceRule } from '../wire/build.ts';
import { allowedBy, allowedImage, allowedRepository, allowedUrl, gitSource } from './source-policy.ts';

const rule = (
  action: SourceRule['action'],
  identifier: string,
  matchType: SourceRule['selector']['matchType'] = 'WILDCARD',
  to?: string,
): SourceRule => ({
  action,
  selector: { identifier, matchType },
  ...(to !== undefined && { updates: { identifier: to } }),
});
const policy = (...rules: SourceRule[]) => allowedBy([{ rules }]);
const busybox = 'docker-image://docker.io/library/busybox:latest';

test('the last rule of allow and deny counts, by each way to match', () => {
  const rows: readonly (readonly [readonly SourceRule[], boolean])[] = [
    [[], true],
    [[rule('DENY', busybox)], false],
    [[rule('DENY', 'docker-image://busybox', 'EXACT')], false],
    [[rule('DENY', 'docker-image://docker.io/library/*')], false],
    [[rule('DENY', '*')], false],
    [[rule('DENY', 'busybox', 'REGEX')], false],
    [[rule('DENY', '^busybox', 'REGEX')], true],
    [[rule('DENY', '*busybox*', 'EXACT')], true],
    [[rule('DENY', 'docker-image://docker.io/*'), rule('ALLOW', 'docker-image://docker.io/library/*')], true],
    [[rule('ALLOW', 'docker-image://docker.io/library/*'), rule('DENY', 'docker-image://docker.io/*')], false],
    [[rule('DENY', 'https://*')], true],
  ];
  for (const [rules, isAllowed] of rows) {
    const ask = () => policy(...rules)(busybox);
    if (isAllowed) assert.equal(ask(), busybox);
    else
      assert.throws(ask, {
        message: `source "${busybox}" denied by policy: source denied by policy`,
        kind: 'permission_denied',
      });
  }
});

test('a source is replaced, by parts of its name too, and what replaces it is judged anew', () => {
  const mirror = rule('CONVERT', 'docker-image://docker.io/library/*', 'WILDCARD', 'docker-image://mirror.test/$1');
  assert.equal(allowedImage(policy(mirror), 'docker.io/library/busybox:latest'), 'mirror.test/busybox:latest');
  const pinned = rule('CONVERT', '^(docker-image://[^:]+):.*$', 'REGEX', '${1}:1.0');
  assert.equal(policy(pinned)(busybox), 'docker-image://docker.io/library/busybox:1.0');
  assert.throws(() => policy(mirror, rule('DENY', 'docker-image://mirror.test/*'))(busybox), { code: 'source_denied' });
  const both = [
    rule('CONVERT', 'https://a/', 'EXACT', 'https://b/'),
    rule('CONVERT', 'https://b/', 'EXACT', 'https://a/'),
  ];
  assert.throws(() => policy(...both)('https://a/'), { message: /too many conversions/ });
  assert.throws(() => allowedImage(policy(rule('CONVERT', busybox, 'EXACT', 'https://a/')), busybox.slice(15)), {
    kind: 'unsupported',
  });
  assert.throws(() => policy(rule('DENY', '[', 'REGEX')), { kind: 'invalid_argument' });
});

test('downloads and repositories are sources by names of their own', () => {
  assert.throws(() => allowedUrl(policy(rule('DENY', 'https://a.test/*')), 'https://a.test/x'), {
    message:
      'failed to load LLB: error evaluating the source policy: source "https://a.test/x" denied by policy: source denied by policy',
  });
  assert.equal(gitSource('https://user:pw@a.test:8080/x.git#main:sub'), 'git://a.test:8080/x.git#main:sub');
  assert.equal(gitSource('git@a.test:owner/x.git'), 'git://a.test/owner/x.git');
  const moved = policy(rule('CONVERT', 'git://a.test/*', 'WILDCARD', 'git://b.test/$1'));
  assert.equal(allowedRepository(moved, 'https://a.test/x.git#main'), 'https://b.test/x.git#main');
  assert.equal(allowedRepository(moved, 'git@c.test:x.git'), 'git@c.test:x.git');
});
