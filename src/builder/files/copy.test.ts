import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, afterEach, before, beforeEach, test } from 'node:test';
import fc from 'fast-check';
import { StrataError } from '../../errors/index.ts';
import { mknod, mount, mountOverlay, setXattr, unmount } from '../../sys/index.ts';
import { DigestTable } from './digest-table.ts';
import type { CopyJob, Selection, SourceTree } from './jobs.ts';
import { perform, type Surroundings } from './perform.ts';

let top = '';
before(() => {
  top = mkdtempSync(join(tmpdir(), 'strata-copy-'));
  mount('tmpfs', top, 'tmpfs', [], 'mode=0700');
});
after(() => {
  unmount(top, { detach: true });
  rmSync(top, { recursive: true });
});

let source = '';
let target = '';
beforeEach(() => {
  source = join(top, 'source');
  target = join(top, 'target');
  for (const folder of [source, target]) mkdirSync(folder);
});
afterEach(() => {
  for (const name of readdirSync(top)) rmSync(join(top, name), { recursive: true, force: true });
});

const around: Surroundings = {
  table: new DigestTable({ find: () => undefined, keep() {} }),
  umask: process.umask(),
  tick() {},
};

function write(root: string, files: Readonly<Record<string, string>>): void {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
}

function copy(path: string, dest: string, more: Partial<CopyJob> = {}, selection: Partial<Selection> = {}) {
  const job: CopyJob = {
    kind: 'copy',
    source: { root: source, resetOwner: true },
    selection: { path, wildcards: true, follow: true, ...selection },
    look: {},
    target: { upper: target, lowers: [], path: dest, contentsOnly: true },
    digest: true,
    ...more,
  };
  return perform(job, around);
}

function scan(path: string, tree: Partial<SourceTree> = {}): string {
  const selection = { path, wildcards: true, follow: true };
  const job = { kind: 'scan', source: { root: source, resetOwner: true, ...tree }, selection, look: {} } as const;
  return perform(job, around).digest;
}

/** Every path below `root` with what it is. */
function listing(root: string): string[] {
  const out: string[] = [];
  const visit = (folder: string) => {
    for (const name of readdirSync(join(root, folder)).sort()) {
      const path = `${folder}/${name}`;
      // Overlayfs lists whiteouts of a folder that only one layer has, although nothing is there.
      const stat = lstatSync(join(root, path), { throwIfNoEntry: false });
      if (!stat) continue;
      const mode = (stat.mode & 0o7777).toString(8);
      const what = stat.isSymbolicLink()
        ? `-> ${readlinkSync(join(root, path))}`
        : stat.isDirectory()
          ? 'folder'
          : readFileSync(join(root, path), 'utf8');
      out.push(`${path} ${mode} ${stat.uid}:${stat.gid} ${what}`);
      if (stat.isDirectory()) visit(path);
    }
  };
  visit('');
  return out;
}

test('a copy and a scan of the same files have the same digest', () => {
  write(source, { 'd/a': '1', 'd/b/c': '2' });
  symlinkSync('a', join(source, 'd/l'));
  linkSync(join(source, 'd/a'), join(source, 'd/h'));
  assert.equal(copy('/d', '/x').digest, scan('/d'));
  assert.notEqual(scan('/d'), scan('/d/b'));
});

test('the digest knows names, modes, links and contents, but no times and no owners of a context', () => {
  write(source, { 'd/a': '1' });
  const first = scan('/d');
  utimesSync(join(source, 'd/a'), 1, 1);
  spawnSync('chown', ['5:5', join(source, 'd/a')]);
  assert.equal(scan('/d'), first);
  assert.notEqual(scan('/d', { resetOwner: false }), first);
  chmodSync(join(source, 'd/a'), 0o600);
  const mode = scan('/d');
  renameSync(join(source, 'd/a'), join(source, 'd/b'));
  const name = scan('/d');
  writeFileSync(join(source, 'd/b'), '2');
  assert.equal(new Set([first, mode, name, scan('/d')]).size, 4);
});

test('links of a context lead nowhere outside of it', () => {
  write(top, { 'outside/secret': 'secret' });
  write(source, { 'outside/decoy': 'inside' });
  symlinkSync('../outside', join(source, 'up'));
  symlinkSync(join(top, 'outside'), join(source, 'absolute'));
  symlinkSync('/outside', join(source, 'rooted'));
  copy('/up', '/up');
  copy('/rooted', '/rooted');
  assert.throws(() => copy('/absolute', '/absolute'), /not found/);
  assert.deepEqual(
    listing(target).filter((line) => line.includes('secret')),
    [],
  );
  assert.equal(readFileSync(join(target, 'rooted/decoy'), 'utf8'), 'inside');
});

test('links of an image lead nowhere outside of it', () => {
  write(source, { f: 'payload' });
  mkdirSync(join(top, 'host'));
  symlinkSync(join(top, 'host'), join(target, 'absolute'));
  symlinkSync('../../../../host', join(target, 'up'));
  copy('/f', '/absolute/');
  copy('/f', '/up/f');
  assert.deepEqual(readdirSync(join(top, 'host')), []);
  assert.equal(readFileSync(join(target, top, 'host/f'), 'utf8'), 'payload');
  assert.equal(readFileSync(join(target, 'host/f'), 'utf8'), 'payload');
});

test('a folder that is swapped for a link while it is read leads nowhere', () => {
  write(top, { 'host/d/f': 'secret' });
  write(source, Object.fromEntries(Array.from({ length: 40 }, (_, i) => [`d${i}/f`, 'plain'])));
  let ticks = 0;
  const swap = () => {
    const name = join(source, `d${(ticks++ * 7) % 40}`);
    rmSync(name, { recursive: true, force: true });
    symlinkSync(join(top, 'host/d'), name);
  };
  const job: CopyJob = {
    kind: 'copy',
    source: { root: source, resetOwner: true },
    selection: { path: '/', wildcards: false, follow: true },
    look: {},
    target: { upper: target, lowers: [], path: '/', contentsOnly: true },
    digest: false,
  };
  try {
    perform(job, { ...around, tick: swap });
  } catch (error) {
    assert.match((error as NodeJS.ErrnoException).code ?? '', /^(ELOOP|ENOTDIR|ENOENT)$/);
  }
  assert.deepEqual(
    listing(target).filter((line) => line.endsWith('secret')),
    [],
  );
});

test('the digest table believes a file only when its times had settled', () => {
  const rows = new Map<string, { size: bigint; mtime: bigint; ctime: bigint; digest: string }>();
  let now = BigInt(Date.now()) * 1_000_000n;
  const table = new DigestTable(
    {
      find: (device, inode) => rows.get(`${device}:${inode}`),
      keep: (d, i, known) => void rows.set(`${d}:${i}`, known),
    },
    () => now,
  );
  write(source, { f: 'x' });
  const stat = lstatSync(join(source, 'f'), { bigint: true });
  table.keep(stat, 'digest');
  assert.equal(table.find(stat), undefined);
  now += 3_000_000_000n;
  table.keep(stat, 'digest');
  assert.equal(table.find(stat), 'digest');
  writeFileSync(join(source, 'f'), 'y');
  utimesSync(join(source, 'f'), Number(stat.mtimeNs) / 1e9, Number(stat.mtimeNs) / 1e9);
  assert.equal(table.find(lstatSync(join(source, 'f'), { bigint: true })), undefined);
});

test('holes of a large file stay holes, and its names one file', () => {
  spawnSync('truncate', ['-s', '64M', join(source, 'sparse')]);
  linkSync(join(source, 'sparse'), join(source, 'twin'));
  copy('/', '/');
  const stat = lstatSync(join(target, 'sparse'));
  assert.deepEqual([stat.size, stat.blocks < 1000, stat.nlink], [64 << 20, true, 2]);
});

test('a cancelled copy stops in the middle', () => {
  write(source, { a: '1', b: '2', c: '3' });
  let ticks = 0;
  const tick = () => {
    if (++ticks > 2) throw new StrataError('cancelled', 'cancelled');
  };
  const selection = { path: '/', wildcards: false, follow: true };
  const job = { kind: 'copy', source: { root: source, resetOwner: true }, selection, look: {}, digest: false } as const;
  const into = { upper: target, lowers: [], path: '/', contentsOnly: true };
  assert.throws(() => perform({ ...job, target: into }, { ...around, tick }), /cancelled/);
  assert.ok(!existsSync(join(target, 'c')));
});

// ------------------------------------------------------------- the same as through a mount

const names = ['a', 'b', 'c'];
const paths = fc.array(fc.constantFrom(...names), { minLength: 1, maxLength: 3 }).map((parts) => parts.join('/'));
const entry = fc.oneof(
  fc.record({ path: paths, kind: fc.constant('file' as const) }),
  fc.record({ path: paths, kind: fc.constant('folder' as const) }),
  fc.record({ path: paths, kind: fc.constant('whiteout' as const) }),
  fc.record({ path: paths, kind: fc.constant('opaque' as const) }),
  fc.record({
    path: paths,
    kind: fc.constant('link' as const),
    to: fc.constantFrom('/a', 'b', '../c', '/a/b/c', '/none'),
  }),
);
type LayerEntry = { path: string; kind: 'file' | 'folder' | 'whiteout' | 'opaque' | 'link'; to?: string };

function fillLayer(root: string, entries: readonly LayerEntry[], number: number): void {
  for (const { path, kind, to } of entries) {
    const at = join(root, path);
    try {
      mkdirSync(dirname(at), { recursive: true });
      if (kind === 'file') writeFileSync(at, `${number}:${path}`, { flag: 'wx' });
      else if (kind === 'link') symlinkSync(to!, at);
      else if (kind === 'whiteout') mknod(at, 0o020000, 0, 0);
      else {
        mkdirSync(at, 0o755 - number);
        if (kind === 'opaque') setXattr(at, 'trusted.overlay.opaque', Buffer.from('y'));
      }
    } catch {
      // Two entries that exclude each other: the first one stays.
    }
  }
}

test('writing into the layers of an image gives what writing through a mount of them gives', () => {
  const layers = fc.array(fc.array(entry, { maxLength: 6 }), { minLength: 1, maxLength: 3 });
  const dests = fc.tuple(paths, fc.constantFrom('', '/', '/.')).map(([path, end]) => `/${path}${end}`);
  fc.assert(
    fc.property(layers, fc.array(paths, { minLength: 1, maxLength: 4 }), dests, (stack, files, dest) => {
      const run = mkdtempSync(join(top, 'run-'));
      const from = join(run, 'from');
      for (const path of files) {
        try {
          write(from, { [path]: path });
        } catch {
          // A path that another one needs as a folder.
        }
      }
      const lowers = stack.map((entries, number) => {
        const root = join(run, `layer${number}`);
        mkdirSync(root);
        fillLayer(root, entries as LayerEntry[], number);
        return root;
      });
      const results = ['direct', 'mounted'].map((way) => {
        const [upper, work, merged] = ['upper', 'work', 'merged'].map((name) => join(run, way, name)) as [
          string,
          string,
          string,
        ];
        for (const folder of [upper, work, merged]) mkdirSync(folder, { recursive: true });
        const place = way === 'direct' ? { upper, lowers } : { upper: merged, lowers: [] };
        if (way === 'mounted') mountOverlay({ lowers, upper, work, target: merged });
        let failure = '';
        try {
          perform(
            {
              kind: 'copy',
              source: { root: from, resetOwner: true },
              selection: { path: '/', wildcards: false, follow: true },
              look: {},
              target: { ...place, path: dest, contentsOnly: true },
              digest: false,
            },
            around,
          );
        } catch (error) {
          failure = (error as Error).message;
        }
        if (way === 'direct') mountOverlay({ lowers, upper, work, target: merged });
        const result = failure === '' ? listing(merged) : [failure];
        unmount(merged, { detach: true });
        return result;
      });
      rmSync(run, { recursive: true, force: true });
      assert.deepEqual(results[0], results[1]);
    }),
    { numRuns: 300 },
  );
});
