import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { type Descriptor, mediaTypes, sha256 } from '../oci/index.ts';
import { openLayout } from './layout.ts';

test('an index loses its entries on a disk that has no place for a second file', async (t) => {
  const root = mkdtempSync(join(tmpdir(), 'strata-layout-'));
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m,nr_inodes=8', 'none', root]);
  t.after(() => {
    execFileSync('umount', [root]);
    rmdirSync(root);
  });
  const layout = await openLayout(root);
  const entry: Descriptor = { mediaType: mediaTypes.ociManifest, digest: sha256('x'), size: 1 };
  await layout.writeIndex([entry]);
  assert.throws(
    () => {
      for (let number = 0; ; number++) writeFileSync(join(root, `other${number}`), '');
    },
    { code: 'ENOSPC' },
  );
  await layout.writeIndex([]);
  assert.deepEqual(JSON.parse(readFileSync(join(root, 'index.json'), 'utf8')).manifests, []);
  assert.ok(!readdirSync(root).includes('index.json.part'));
});
