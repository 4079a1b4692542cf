// npm runs this before it packs, links or installs the project from a folder or from git: `dist/strata` is not in git,
// and a global installation is nothing without it. Where npm left the tools for building out (`npm ci --omit=dev`),
// there is nothing to do.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const node = join(root, 'node_modules', `node-linux-${process.arch}`, 'bin', 'node');
if (existsSync(node) && existsSync(join(root, 'node_modules', 'esbuild'))) {
  const { status } = spawnSync(node, ['--disable-warning=ExperimentalWarning', join(root, 'scripts', 'build.ts')], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  process.exitCode = status ?? 1;
}
