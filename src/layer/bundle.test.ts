import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { carried } from '../../scripts/build.ts';

const entry = `
import { createLayers } from './index.ts';
const layers = createLayers();
layers.measure(process.argv[2]).then((measure) => {
  console.log(JSON.stringify(measure));
  return layers.close();
});`;

test('a one-file program has the code of its threads in it, and ends when they have nothing to do', async () => {
  const here = fileURLToPath(new URL('.', import.meta.url));
  const base = mkdtempSync(join(tmpdir(), 'bundle-'));
  try {
    await build({
      stdin: { contents: entry, resolveDir: here, loader: 'ts' },
      bundle: true,
      platform: 'node',
      format: 'cjs',
      external: ['koffi'],
      define: { ...(await carried()), 'import.meta.url': 'STRATA_MODULE_URL' },
      banner: { js: "const STRATA_MODULE_URL = require('node:url').pathToFileURL(__filename).href;" },
      outfile: join(base, 'program'),
      logLevel: 'error',
    });
    symlinkSync(join(here, '../../node_modules'), join(base, 'node_modules'));
    writeFileSync(join(base, 'package.json'), '{ "type": "commonjs" }');
    mkdirSync(join(base, 'tree'));
    writeFileSync(join(base, 'tree/f'), 'content');
    // Packages are found from where the program is, not from where it was called.
    const out = execFileSync(process.execPath, [join(base, 'program'), join(base, 'tree')], {
      encoding: 'utf8',
      cwd: '/',
    });
    assert.deepEqual({ ...JSON.parse(out), diffID: '' }, { diffID: '', tarSize: 2048, entries: 1, contentSize: 7 });
  } finally {
    rmSync(base, { recursive: true });
  }
});
