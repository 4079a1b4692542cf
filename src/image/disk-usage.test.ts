import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { createLayers } from '../layer/index.ts';
import { parseReference } from '../oci/index.ts';
import { openStore } from './testing/store.ts';

test('a layer that images share is counted once in all, and as shared with each', async () => {
  const top = mkdtempSync(join(tmpdir(), 'strata-usage-'));
  const layers = createLayers();
  try {
    const store = await openStore(top, layers);
    const base = await store.layer(null, { base: 'twelve bytes' });
    for (const name of ['one', 'two']) {
      const names = [parseReference(`${name}:1`), parseReference(`${name}:2`)];
      await store.image(await store.layer(base, { [name]: 'six by' }), { names });
    }
    const { images, layersSize } = await store.images.diskUsage();
    assert.equal(layersSize, 12 + 6 + 6);
    assert.deepEqual(
      images.map(({ size, sharedSize }) => ({ size, sharedSize })),
      [
        { size: 18, sharedSize: 12 },
        { size: 18, sharedSize: 12 },
      ],
    );
    await store.images.remove('one:1', { force: true, prune: true, uses: [] });
    await store.images.remove('one:2', { force: true, prune: true, uses: [] });
    const left = await store.images.diskUsage();
    assert.deepEqual([left.layersSize, left.images[0]?.sharedSize], [18, 0]);
  } finally {
    await layers.close();
    rmSync(top, { recursive: true, force: true });
  }
});
