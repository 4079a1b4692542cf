import assert from 'node:assert/strict';
import { closeSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import fc from 'fast-check';
import { openat, readlinkat, symlinkat } from './at.ts';
import { bytesOf, bytesOfName, compareNames, kernelPath, nameOf, shownName, textOf } from './file-name.ts';
import { mkdirInRoot, O_PATH, openInRoot, resolveInRoot, statInRoot } from './in-root.ts';
import {
  chmodSync,
  createReadStream,
  linkSync,
  lstat,
  lstatSync,
  mkdirSync as makeFolder,
  open,
  openSync,
  readdir,
  readdirSync,
  readlink,
  readlinkSync,
  realpathSync,
  rm,
  rmdirSync,
  symlinkSync,
  unlinkSync,
} from './named-files.ts';
import { anyName, fillHardTree, hardNames, treeOf } from './testing/hard-trees.ts';
import { treeSize } from './tree-size.ts';

let top = '';
before(() => {
  top = mkdtempSync(join(tmpdir(), 'strata-names-'));
});
after(() => rmSync(top, { recursive: true }));

const anyBytes = fc.oneof(
  anyName(),
  fc.uint8Array({ maxLength: 40 }).map((list) => Buffer.from(list)),
);

test('every sequence of bytes comes back from its name, and text is its own name', () => {
  fc.assert(
    fc.property(anyBytes, (bytes) => {
      const name = nameOf(bytes);
      assert.deepEqual(bytesOfName(name), Buffer.from(bytes));
      assert.deepEqual(Buffer.from(kernelPath(name)), Buffer.from(bytes));
      assert.equal(bytesOf(name), bytes.toString('latin1'));
      assert.equal(textOf(bytes.toString('latin1')), name);
      assert.equal(JSON.parse(JSON.stringify(name)), name);
    }),
    { numRuns: 500 },
  );
  fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => nameOf(Buffer.from(text)) === text));
  for (const name of hardNames) assert.deepEqual(bytesOfName(nameOf(name)), name);
});

test('names have the order of their bytes', () => {
  fc.assert(
    fc.property(anyBytes, anyBytes, (a, b) => {
      assert.equal(Math.sign(compareNames(nameOf(a), nameOf(b))), Buffer.compare(a, b));
    }),
    { numRuns: 500 },
  );
  const sorted = hardNames.map(nameOf).sort(compareNames).map(bytesOfName);
  assert.deepEqual(sorted, hardNames.toSorted(Buffer.compare));
});

test('a byte that is no text is shown as ls -b shows it', () => {
  assert.equal(shownName(nameOf(Buffer.from('caf\xe9 \xc3\xa9', 'latin1'))), 'caf\\351 é');
  assert.equal(shownName('back\\slash\n'), 'back\\slash\n');
});

test('the calls on files read and write names of any bytes', async () => {
  fillHardTree(join(top, 'tree'));
  const files = join(top, 'tree/files');
  const names = readdirSync(files);
  assert.deepEqual(names.map(bytesOfName).sort(Buffer.compare), hardNames.toSorted(Buffer.compare));
  assert.deepEqual(await readdir(files), names);
  assert.deepEqual(
    readdirSync(files, { withFileTypes: true }).map((entry) => entry.isFile() && entry.name),
    names,
  );
  assert.deepEqual(
    (await readdir(files, { withFileTypes: true })).map((entry) => entry.isFile() && entry.name),
    names,
  );
  const scratch = join(top, 'scratch');
  for (const name of names) {
    const link = join(top, 'tree/links', name);
    assert.equal(readlinkSync(link), name);
    assert.equal(await readlink(link), name);
    assert.equal(lstatSync(join(files, name)).size, (await lstat(join(files, name))).size);
    await (await open(join(files, name), 0)).close();
    makeFolder(scratch, 0o755);
    symlinkSync(name, join(scratch, name));
    assert.equal(readlinkSync(join(scratch, name)), name);
    unlinkSync(join(scratch, name));
    linkSync(join(files, name), join(scratch, name));
    chmodSync(join(scratch, name), 0o600);
    let read = '';
    for await (const chunk of createReadStream(join(scratch, name))) read += chunk;
    assert.match(read, /^content/);
    unlinkSync(join(scratch, name));
    makeFolder(join(scratch, name), 0o755);
    assert.equal(realpathSync(join(scratch, name, '..', name)), join(scratch, name));
    rmdirSync(join(scratch, name));
    rmdirSync(scratch);
  }
  let bytes = 0;
  for (const [, what] of treeOf(files)) bytes += what.indexOf(' (');
  assert.equal(await treeSize(files), bytes);
  const odd = join(top, nameOf(Buffer.of(0xe9)));
  fillHardTree(join(top, 'even'));
  renameSync(join(top, 'even'), kernelPath(odd));
  await rm(odd, { recursive: true, force: true });
  assert.deepEqual(readdirSync(top), ['tree']);
});

test('paths are resolved inside a root whatever their bytes, and links lead on', () => {
  const root = join(top, 'root');
  mkdirSync(root);
  const folder = openSync(root, O_PATH);
  for (const name of hardNames.map(nameOf)) {
    assert.deepEqual(mkdirInRoot(root, `/${name}/inner`, { mode: 0o755, uid: 0, gid: 0 }), [
      `/${name}`,
      `/${name}/inner`,
    ]);
    symlinkat(`/${name}`, folder, 'link');
    assert.deepEqual(nameOf(readlinkat(folder, 'link')), `/${name}`);
    assert.equal(resolveInRoot(root, '/link/inner'), `${root}/${name}/inner`);
    assert.equal(resolveInRoot(root, '/link/absent'), `${root}/${name}/absent`);
    assert.ok(statInRoot(root, `/${name}/inner`)?.isDirectory());
    closeSync(openInRoot(root, name, O_PATH));
    closeSync(openat(folder, name, O_PATH));
    unlinkSync(join(root, 'link'));
  }
  closeSync(folder);
});
