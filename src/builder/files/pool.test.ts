import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';

test('the end of the threads is waited for, also where nothing else keeps the process alive', () => {
  const dir = mkdtempSync(join(tmpdir(), 'strata-files-'));
  const script = `
const { createFiles } = await import(${JSON.stringify(new URL('./pool.ts', import.meta.url).href)});
const files = createFiles({ count: 1, digests: ${JSON.stringify(join(dir, 'digests.db'))} });
const job = { kind: 'scan', source: { root: ${JSON.stringify(dir)} }, selection: { path: '/', wildcards: false, follow: false }, look: {} };
await files.run(job, { signal: new AbortController().signal });
await files.close();
console.log('closed');`;
  try {
    writeFileSync(join(dir, 'script.mjs'), script);
    const { stdout, stderr } = spawnSync(process.execPath, [join(dir, 'script.mjs')], { encoding: 'utf8' });
    assert.equal(stdout, 'closed\n', stderr);
  } finally {
    rmSync(dir, { recursive: true });
  }
});
