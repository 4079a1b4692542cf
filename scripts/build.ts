/** `npm run build`: one executable file, `dist/strata`, from `src/strata.ts`. */
import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { constants, zstdCompressSync } from 'node:zlib';
import { type BuildOptions, build } from 'esbuild';
import packageJson from '../package.json' with { type: 'json' };
import { residentSpellings } from '../src/cli/tree.ts';

const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** Runs the file that it is given as CommonJS, whatever a package.json near it says; without an apostrophe, for the shell. */
const loader =
  'const { Module } = require("node:module"), file = require("node:path").resolve(process.argv[1]), program = new Module(file);' +
  ' process.argv[1] = program.filename = file; program.paths = []; program._compile(require("node:fs").readFileSync(file, "utf8"), file, "commonjs");';

/** The start of the program, which is a script for the shell; see `src/cli/resident/launcher.sh`. */
function launcher(): string {
  const text = (name: string) => readFileSync(join(root, 'src/cli/resident', name), 'utf8');
  const patterns = residentSpellings().map((words) => `"${words}"${words.includes(' ') ? '' : '" "*'}`);
  return text('launcher.sh')
    .replace('@COMMANDS@', () => patterns.join(' | '))
    .replace('@LOADER@', () => loader)
    .replace('@PERL@', () => withoutComments(text('launcher.pl')))
    .replace(/^ *#(?!!).*\n/gm, '');
}

function withoutComments(perl: string): string {
  const code = perl
    .replace(/^ *#.*\n/gm, '')
    .replace(/\n+ */g, ' ')
    .trim();
  if (code.includes("'")) throw new Error('the shell hands the Perl of the launcher on in single quotes');
  return code;
}

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
  alias: { koffi: join(root, 'src/sys/carried-koffi.ts') },
} as const satisfies BuildOptions;

const define = {
  'process.env.STRATA_BUNDLED_VERSION': JSON.stringify(packageJson.version),
  // Only the program itself is run; its parts are libraries here.
  'import.meta.main': 'false',
  'import.meta.url': 'STRATA_MODULE_URL',
};

/** A thread is told where the program's native part is. */
const threadDefine = { ...define, STRATA_NATIVE: 'undefined' };

/** Koffi's native part for this processor, as `src/sys/carried-koffi.ts` takes it. */
function nativePart(): string {
  const { arch } = process;
  const file = join(root, `node_modules/@koromix/koffi-linux-${arch}/linux_${arch}/koffi.node`);
  const params = { [constants.ZSTD_c_compressionLevel]: 19 };
  return JSON.stringify({ arch, code: zstdCompressSync(readFileSync(file), { params }).toString('base64') });
}

/** What the program carries within, for esbuild's `define`: koffi's native part, and the code of each kind of worker thread. */
export async function carried(): Promise<Record<string, string>> {
  return {
    STRATA_NATIVE: nativePart(),
    STRATA_NATIVE_PLACE: 'undefined',
    STRATA_LAYER_THREAD: JSON.stringify(await code('src/layer/worker.ts')),
    STRATA_FILE_THREAD: JSON.stringify(await code('src/builder/files/worker-entry.ts')),
  };
}

async function code(entry: string, more: BuildOptions = {}): Promise<string> {
  const { outputFiles } = await build({
    ...settings,
    define: threadDefine,
    ...more,
    entryPoints: [join(root, entry)],
    write: false,
  });
  return outputFiles[0]!.text;
}

export async function buildProgram(out = join(root, 'dist', 'strata')): Promise<string> {
  const program = await code('src/strata.ts', {
    define: { ...define, ...(await carried()) },
    banner: {
      js: [
        'if (parseInt(process.versions.node) < 26) {',
        "process.stderr.write('strata: Node.js 26 or newer is needed, and this is ' + process.version + ' (' + process.execPath + ').\\n');",
        'process.exit(1);',
        '}',
        "const STRATA_MODULE_URL = require('node:url').pathToFileURL(__filename).href;",
        'delete process.env.NODE_COMPILE_CACHE;',
      ].join(' '),
    },
  });
  mkdirSync(dirname(out), { recursive: true });
  // A file without an ending takes its module kind from the nearest package.json.
  place(join(dirname(out), 'package.json'), '{ "type": "commonjs" }\n', 0o644);
  place(out, `${launcher()}${program}`, 0o755);
  return out;
}

/** Others may run the file at this moment: it changes as a whole, and only where there is something to change. */
function place(file: string, text: string, mode: number): void {
  if (existsSync(file) && readFileSync(file, 'utf8') === text) return;
  const part = `${file}.${process.pid}`;
  writeFileSync(part, text);
  chmodSync(part, mode);
  renameSync(part, file);
}

if (import.meta.main) process.stdout.write(`${await buildProgram()}\n`);
