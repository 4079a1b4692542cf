import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import packages from './packages.json' with { type: 'json' };

const readme = readFileSync(join(import.meta.dirname, '../README.md'), 'utf8');

test('README names every package that the set-up installs, and no other', () => {
  const [command = ''] = /^apt-get install (?:.*\\\n)*.*$/m.exec(readme) ?? [];
  assert.deepEqual(
    command.replaceAll('\\\n', ' ').split(/\s+/).slice(2),
    packages.filter(({ scripts }) => scripts === undefined).map(({ name }) => name),
  );
  const section = /^### What the set-up installs\n[^#]*/m.exec(readme)?.[0] ?? '';
  assert.deepEqual(
    [...section.matchAll(/^\| `([^`]+)`[^|]*\| ([^|]+) \|/gm)].map(([, name, scripts]) => [name, scripts]),
    packages.flatMap(({ name, scripts }) => (scripts === undefined ? [] : [[name, scripts.join(', ')]])),
  );
});
