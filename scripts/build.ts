/** `npm run build`: one executable file, `dist/strata`, from `src/strata.ts`. */
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
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

export async function buildProgram(out = join(root, 'dist', 'strata')): Promise<string> {
  const result = await build({
    entryPoints: [join(root, 'src/strata.ts')],
    bundle: true,
    platform: 'node',
    target: 'node26',
    // CommonJS, since it loads each of Node's own modules where it is first used; the imports of an ES module would
    // load all of them at every start, which doubles its time.
    format: 'cjs',
    write: false,
    minify: true,
    keepNames: true,
    legalComments: 'none',
    external: ['koffi'],
    define: {
      'process.env.STRATA_BUNDLED_VERSION': JSON.stringify(packageJson.version),
      // Only the program itself is run; its parts are libraries here.
      'import.meta.main': 'false',
      'import.meta.url': 'STRATA_MODULE_URL',
    },
    banner: {
      js: "const STRATA_MODULE_URL = require('node:url').pathToFileURL(__filename).href; delete process.env.NODE_COMPILE_CACHE;",
    },
  });
  const code = result.outputFiles[0]!.text;
  mkdirSync(dirname(out), { recursive: true });
  // A file without an ending takes its module kind from the nearest package.json.
  writeFileSync(join(dirname(out), 'package.json'), '{ "type": "commonjs" }\n');
  writeFileSync(out, `${launcher}\n${code}`);
  chmodSync(out, 0o755);
  return out;
}

if (import.meta.main) process.stdout.write(`${await buildProgram()}\n`);
