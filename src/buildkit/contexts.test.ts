import assert from 'node:assert/strict';
import { test } from 'node:test';
import { taskOf } from './attributes.ts';
import { type ContextParts, fetchContexts } from './contexts.ts';

const asked = (options: Readonly<Record<string, string>>) => ({
  options,
  exporters: [],
  cacheImports: [],
  cacheExports: [],
  entitlements: [],
  policies: [],
});

test('a folder of a context that is fetched is the context; of the client’s own it is warned of', async () => {
  const git = { context: 'https://a.example/b.git', contextsubdir: 'c/d' };
  const { request } = await fetchContexts({} as ContextParts, { options: git });
  assert.deepEqual(request.context, { kind: 'url', url: 'https://a.example/b.git', subdir: 'c/d' });
  assert.equal(taskOf(asked(git)).wanted.ignored, undefined);
  for (const options of [{ contextsubdir: 'c' }, { contextsubdir: 'c', context: 'local:other' }])
    assert.deepEqual(taskOf(asked(options)).wanted.ignored, ['option contextsubdir of the frontend has no effect']);
});
