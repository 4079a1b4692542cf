import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createContainerFilter } from './container-filter.ts';
import { readFilters } from './filters.ts';
import { createQuery } from './query.ts';
import { createTestBackend } from './testing/backend.ts';

async function keeps(pattern: string, name: string): Promise<boolean> {
  const backend = createTestBackend();
  const { container } = await backend.containers.create({ name, config: {}, host: {}, image: async () => null });
  const query = createQuery(new URLSearchParams({ filters: JSON.stringify({ name: [pattern] }) }));
  const keep = await createContainerFilter(readFilters(query, ['name']), backend);
  return keep(container);
}

test('a name is asked for by a pattern', async () => {
  for (const pattern of ['web', '^/web', 'w.*1$', '[a-z]+_1', 'db|web', '(db|web)_[0-9]', '^web_1$'])
    assert.equal(await keeps(pattern, 'web_1'), true, pattern);
  for (const pattern of ['^eb', 'w$', 'db|cache', '(db|cache)_1']) assert.equal(await keeps(pattern, 'web_1'), false);
});

for (const pattern of ['a*a*a*a*a*b', '(a|a)(a|a)(a|a)(a|a)b', `${'a?'.repeat(20)}b`, '(a*)*b', '(a+)+b']) {
  test(`${pattern.slice(0, 12)}… cannot hold the engine up`, async () => {
    const { user } = process.threadCpuUsage();
    assert.equal(await keeps(pattern, 'a'.repeat(64)), false);
    assert.ok(process.threadCpuUsage().user - user < 500_000);
  });
}
