import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const entry = `
import { isMainThread, workerData } from 'node:worker_threads';
import { createLayers, runLayerWorker, workerRoom } from './index.ts';
if (!isMainThread && workerData?.room === workerRoom) runLayerWorker();
else {
  const layers = createLayers({ workerUrl: process.argv[1] });
  layers.measure(process.argv[2]).then((measure) => {
    console.log(JSON.stringify(measure));
    return layers.close();
  });
}`;

describe('a one-file bundle', () => {
  it('runs the workers from itself, and ends when they have nothing to do', async () => {
    const here = fileURLToPath(new URL('.', import.meta.url));
    const base = mkdtempSync(join(tmpdir(), 'bundle-'));
    try {
      await build({
        stdin: { contents: entry, resolveDir: here, loader: 'ts' },
        bundle: true,
        platform: 'node',
        format: 'cjs',
        external: ['koffi'],
        define: { 'import.meta.url': '__filename' },
        outfile: join(base, 'program'),
        logLevel: 'error',
      });
      symlinkSync(join(here, '../../node_modules'), join(base, 'node_modules'));
      writeFileSync(join(base, 'package.json'), '{ "type": "commonjs" }');
      mkdirSync(join(base, 'tree'));
      writeFileSync(join(base, 'tree/f'), 'content');
      const out = execFileSync(process.execPath, [join(base, 'program'), join(base, 'tree')], { encoding: 'utf8' });
      assert.deepEqual({ ...JSON.parse(out), diffID: '' }, { diffID: '', tarSize: 2048, entries: 1, contentSize: 7 });
    } finally {
      rmSync(base, { recursive: true });
    }
  });
});
