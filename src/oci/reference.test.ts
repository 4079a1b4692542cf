import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseReference } from './index.ts';

test('a name in capitals is told before a tag that cannot be, and without what follows its first colon', () => {
  const faults = {
    'Busybox:UPPER:x': 'invalid reference format: repository name (library/Busybox) must be lowercase',
    'busybox:a:b': 'invalid reference format',
    'foo:bar/Baz': 'invalid reference format: repository name (Baz) must be lowercase',
    'Foo:!': 'invalid reference format: repository name (library/Foo) must be lowercase',
    'foo:!': 'invalid reference format',
  };
  for (const [text, message] of Object.entries(faults)) assert.throws(() => parseReference(text), { message }, text);
});
