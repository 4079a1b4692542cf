/** `npm run build`: one executable file, `dist/strata`, from `src/strata.ts`. */
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type BuildOptions, build } from 'esbuild';
import packageJson from '../package.json' with { type: 'json' };

const root = dirname(dirname(fileURLToPath(import.meta.url)));

/**
 * The first two lines are both shell and JavaScript: the shell finds the Node.js 26 that npm installed beside the
 * program, below it or beside it (else the one on the PATH), and replaces itself; Node.js sees a string expression and a comment.
 */
const launcher = [
  '#!/bin/sh',
  `':' //; p=$0; [ -h "$p" ] && p=$(readlink -f "$p"); d=\${p%/*}/..; for n in "$d"/node_modules/node-linux-*/bin/node "$d"/../node-linux-*/bin/node node; do [ -x "$n" ] && break; done; c=\${XDG_CACHE_HOME:-\${HOME:+$HOME/.cache}}; [ -n "$c" ] && export NODE_COMPILE_CACHE="$c/strata"; exec "$n" --disable-warning=ExperimentalWarning -- "$0" "$@"`,
].join('\n');

const settings = {
  bundle: true,
  platform: 'node',
  target: 'node26',
  // CommonJS, since it loads each of Node's own modules where it is first used; the imports of an ES module would
  // load all of them at every start, which doubles its time.
  format: 'cjs',
  minify: true,
  keepNames: true,
  legalComments: 'none',
  external: ['koffi'],
} as const satisfies BuildOptions;

const define = {
  'process.env.STRATA_BUNDLED_VERSION': JSON.stringify(packageJson.version),
  // Only the program itself is run; its parts are libraries here.
  'import.meta.main': 'false',
  'import.meta.url': 'STRATA_MODULE_URL',
};

/** The code of each kind of worker thread, as a value for esbuild's `define`. */
export async function threads(): Promise<Record<string, string>> {
  return {
    STRATA_LAYER_THREAD: JSON.stringify(await code('src/layer/worker.ts')),
    STRATA_FILE_THREAD: JSON.stringify(await code('src/build/files/worker-entry.ts')),
  };
}

async function code(entry: string, more: BuildOptions = {}): Promise<string> {
  const { outputFiles } = await build({ ...settings, define, ...more, entryPoints: [join(root, entry)], write: false });
  return outputFiles[0]!.text;
}

export async function buildProgram(out = join(root, 'dist', 'strata')): Promise<string> {
  const program = await code('src/strata.ts', {
    define: { ...define, ...(await threads()) },
    banner: {
      js: "const STRATA_MODULE_URL = require('node:url').pathToFileURL(__filename).href; delete process.env.NODE_COMPILE_CACHE;",
    },
  });
  mkdirSync(dirname(out), { recursive: true });
  // A file without an ending takes its module kind from the nearest package.json.
  writeFileSync(join(dirname(out), 'package.json'), '{ "type": "commonjs" }\n');
  writeFileSync(out, `${launcher}\n${program}`);
  chmodSync(out, 0o755);
  return out;
}

if (import.meta.main) process.stdout.write(`${await buildProgram()}\n`);
