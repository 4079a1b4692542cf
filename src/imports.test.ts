import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { test } from 'node:test';

/** Which rooms a room may import. Whoever wants a new arrow edits this list in the same commit. */
const arrows: Readonly<Record<string, readonly string[]>> = {
  errors: [],
  sys: [],
  stream: ['errors'],
  oci: ['errors'],
  progress: ['errors'],
  db: ['errors'],
  account: ['errors', 'sys'],
  content: ['errors', 'sys', 'oci'],
  dockerfile: ['errors', 'oci'],
  network: ['errors', 'sys', 'oci', 'db'],
  volume: ['errors', 'sys', 'db'],
  wire: ['errors', 'oci'],
  layer: ['errors', 'sys', 'oci', 'content'],
  runtime: ['errors', 'sys', 'oci', 'account', 'network'],
  registry: ['errors', 'oci', 'content'],
  client: ['errors', 'sys', 'stream', 'progress', 'wire'],
  snapshot: ['errors', 'sys', 'oci', 'db', 'layer'],
  'docker-config': ['errors', 'registry'],
  image: ['errors', 'sys', 'oci', 'progress', 'db', 'content', 'layer', 'snapshot'],
  container: ['errors', 'sys', 'stream', 'oci', 'db', 'account', 'network', 'volume', 'runtime', 'snapshot'],
  transfer: ['errors', 'sys', 'oci', 'progress', 'db', 'content', 'layer', 'registry', 'snapshot', 'image'],
  builder: [
    'errors',
    'sys',
    'oci',
    'progress',
    'db',
    'account',
    'content',
    'dockerfile',
    'network',
    'wire',
    'layer',
    'runtime',
    'registry',
    'snapshot',
    'image',
    'transfer',
  ],
  buildkit: ['errors', 'sys', 'stream', 'oci', 'progress', 'dockerfile', 'wire', 'layer', 'builder'],
  engine: [
    'errors',
    'sys',
    'oci',
    'progress',
    'db',
    'content',
    'network',
    'volume',
    'wire',
    'layer',
    'runtime',
    'registry',
    'snapshot',
    'image',
    'container',
    'transfer',
    'builder',
  ],
  api: [
    'errors',
    'sys',
    'stream',
    'oci',
    'progress',
    'account',
    'content',
    'dockerfile',
    'network',
    'volume',
    'wire',
    'layer',
    'registry',
    'snapshot',
    'image',
    'container',
    'transfer',
    'builder',
    'buildkit',
    'engine',
  ],
  daemon: ['errors', 'sys', 'registry', 'engine', 'api'],
  cli: [
    'errors',
    'sys',
    'stream',
    'oci',
    'progress',
    'dockerfile',
    'wire',
    'layer',
    'registry',
    'client',
    'docker-config',
    'builder',
    'daemon',
  ],
};

/** The program itself is above all rooms. */
const program = 'strata.ts';

const src = dirname(new URL(import.meta.url).pathname);

function sources(dir: string): string[] {
  return readdirSync(dir, { withFileTypes: true }).flatMap((entry) => {
    const path = join(dir, entry.name);
    if (entry.isDirectory()) return sources(path);
    return entry.name.endsWith('.ts') ? [path] : [];
  });
}

function importsOf(file: string): string[] {
  const text = readFileSync(file, 'utf8');
  return [...text.matchAll(/(?:from|import)\s*\(?\s*'(\.[^']+)'/g)].map((match) => resolve(dirname(file), match[1]!));
}

const crossings = sources(src)
  .filter(
    (file) => !file.endsWith('.test.ts') && !file.includes(`${sep}testing${sep}`) && relative(src, file) !== program,
  )
  .flatMap((file) => {
    const room = relative(src, file).split(sep)[0]!;
    return (
      importsOf(file)
        .map((target) => ({
          file: relative(src, file),
          room,
          target: relative(src, target),
          other: relative(src, target).split(sep)[0]!,
        }))
        // The version is read from the package, which is in no room.
        .filter(({ other, target }) => other !== room && target !== join('..', 'package.json'))
    );
  });

test('a room imports only the rooms that its arrows name', () => {
  const wrong = crossings.filter(({ room, other }) => !arrows[room]?.includes(other));
  assert.deepEqual(
    wrong.map(({ file, target }) => `${file} -> ${target}`),
    [],
  );
});

test('a room is entered by its door', () => {
  const wrong = crossings.filter(({ target, other, room, file }) => {
    // the command line starts the daemon, which is an entry point of its own, and the renderers of progress load one by one
    if (room === 'cli' && (other === 'daemon' || other === 'progress')) return false;
    return target !== join(other, 'index.ts') && file !== target;
  });
  assert.deepEqual(
    wrong.map(({ file, target }) => `${file} -> ${target}`),
    [],
  );
});

test('inside a room files import each other, never their own door', () => {
  const own = sources(src)
    .filter((file) => !file.endsWith('.test.ts') && !file.endsWith(`${sep}index.ts`))
    .filter((file) => importsOf(file).includes(join(src, relative(src, file).split(sep)[0]!, 'index.ts')));
  assert.deepEqual(
    own.map((file) => relative(src, file)),
    [],
  );
});

/** What a file imports when it is loaded; what it imports later, by a call, is no part of a circle. */
function importsAtLoad(file: string): string[] {
  const text = readFileSync(file, 'utf8');
  return [...text.matchAll(/^(?:import|export)\b[^;]*?\bfrom '(\.[^']+)'|^import '(\.[^']+)'/gm)].map((match) =>
    resolve(dirname(file), match[1] ?? match[2]!),
  );
}

test('no files import each other in a circle', () => {
  const state = new Map<string, 'open' | 'done'>();
  const path: string[] = [];
  const circles: string[] = [];
  const visit = (file: string) => {
    if (state.get(file) === 'done') return;
    if (state.get(file) === 'open') {
      circles.push([...path.slice(path.indexOf(file)), file].map((each) => relative(src, each)).join(' -> '));
      return;
    }
    state.set(file, 'open');
    path.push(file);
    for (const target of importsAtLoad(file)) if (target.endsWith('.ts')) visit(target);
    path.pop();
    state.set(file, 'done');
  };
  for (const file of sources(src)) visit(file);
  assert.deepEqual(circles, []);
});

/** Folders that only the engine, the kernel or the machine's administrator fills, and the codec, which reads names as byte strings. */
const ownFolders: readonly string[] = [
  'builder/cache/kept-folders.ts',
  'builder/ops/old-steps.ts',
  'builder/reports/check-alone.ts',
  'cli/format/human-time.ts',
  'cli/resident/request.ts',
  'runtime/cgroups.ts',
  'runtime/devices.ts',
  'container/exit-watch.ts',
  'container/recover.ts',
  'runtime/remains.ts',
  'runtime/step.ts',
  'container/top.ts',
  'content/disk.ts',
  'content/ingest.ts',
  'engine/store-mark.ts',
  'layer/extract.ts',
  'layer/remove-tree.ts',
  'layer/tar-blocks.ts',
  'network/bridge-rules.ts',
  'docker-config/docker-config.ts',
  'registry/host-certs.ts',
  'snapshot/layer-folders.ts',
  'snapshot/mounts.ts',
  'sys/named-files.ts',
  'volume/volumes.ts',
];

test('names of files that others make are read as bytes, by the calls of sys', () => {
  const reading = sources(src)
    .filter((file) => !file.endsWith('.test.ts') && !file.includes(`${sep}testing${sep}`))
    .filter((file) => {
      const imports = readFileSync(file, 'utf8').matchAll(/import ([^;]*?) from 'node:fs(?:\/promises)?';/g);
      return [...imports].some(([, names]) =>
        /\b(?:readdir|readlink|opendir|realpath|glob|cp)(?:Sync)?\b/.test(names!),
      );
    })
    .map((file) => relative(src, file));
  assert.deepEqual(
    reading.filter((file) => !ownFolders.includes(file)),
    [],
  );
});
