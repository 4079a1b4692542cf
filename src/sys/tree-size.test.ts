import assert from 'node:assert/strict';
import { linkSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { treeSize } from './index.ts';

const top = mkdtempSync(join(tmpdir(), 'strata-size-'));
after(() => rmSync(top, { recursive: true, force: true }));

test('regular files count, each once, whatever names and links they have', async () => {
  const folder = join(top, 'kinds');
  mkdirSync(join(folder, 'a/b'), { recursive: true });
  writeFileSync(join(folder, 'a/b/file'), '12345');
  linkSync(join(folder, 'a/b/file'), join(folder, 'again'));
  symlinkSync('/usr', join(folder, 'link'));
  writeFileSync(join(folder, 'two'), '12');
  assert.equal(await treeSize(folder), 7);
});

test('files and folders that vanish meanwhile are no failure', async () => {
  const folder = join(top, 'busy');
  for (let i = 0; i < 200; i++) {
    mkdirSync(join(folder, `${i}`), { recursive: true });
    for (const name of ['x', 'y', 'z']) writeFileSync(join(folder, `${i}`, name), 'x');
  }
  const [size] = await Promise.all([treeSize(folder), rm(folder, { recursive: true })]);
  assert.ok(size <= 600);
  assert.equal(await treeSize(folder), 0);
});
