import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readNamedContexts } from './named-contexts.ts';

test('a named context is a folder, an address, an image or an image of an OCI layout', () => {
  const digest = `sha256:${'0'.repeat(64)}`;
  const contexts = readNamedContexts(
    [
      'folder=builder',
      'web=https://example.com/x.tar',
      'git=git@example.com:a/b.git#v1',
      'image=docker-image://alpine:3',
      'layout=oci-layout:///lay/out',
      'tagged=oci-layout://out:v1',
      `exact=oci-layout:///lay/out@${digest}`,
    ],
    `${import.meta.dirname}/..`,
  );
  assert.deepEqual(contexts, {
    folder: { kind: 'local', dir: import.meta.dirname },
    web: { kind: 'url', url: 'https://example.com/x.tar' },
    git: { kind: 'url', url: 'git@example.com:a/b.git#v1' },
    image: { kind: 'image', name: 'alpine:3' },
    layout: { kind: 'oci-layout', dir: '/lay/out' },
    tagged: { kind: 'oci-layout', dir: `${import.meta.dirname.replace(/\/builder$/, '')}/out`, reference: 'v1' },
    exact: { kind: 'oci-layout', dir: '/lay/out', reference: digest },
  });
});

test('a named context that is not there is told in Docker’s words', () => {
  assert.throws(() => readNamedContexts(['q=no/such'], '/'), {
    message: 'failed to get build context q: stat no/such: no such file or directory',
  });
  assert.throws(() => readNamedContexts(['q'], '/'), { message: 'invalid context value: q, expected key=value' });
});
