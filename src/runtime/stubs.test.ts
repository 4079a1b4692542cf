import assert from 'node:assert/strict';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { makeStubs, removeStubs, type StubRecord } from './stubs.ts';

let root = '';
/** Stubs one by one, kept as a row of the database would keep them. */
const createStubs = (root: string) => {
  let made: readonly StubRecord[] = [];
  return {
    make(...targets: readonly (readonly [string, 'file' | 'folder'])[]) {
      made = JSON.parse(
        JSON.stringify(
          makeStubs(
            root,
            targets.map(([path, kind]) => ({ path, kind })),
          ),
        ),
      );
    },
    remove: () => removeStubs(root, made),
  };
};
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'strata-stubs-'));
});
afterEach(() => rmSync(root, { recursive: true }));

const old = new Date('2001-02-03T04:05:06Z');

test('stubs are made with their folders, and are gone afterwards', () => {
  const stubs = createStubs(root);
  stubs.make(['/etc/hosts', 'file'], ['/a/b/c', 'folder']);
  assert.ok(statSync(join(root, 'etc/hosts')).isFile());
  assert.ok(statSync(join(root, 'a/b/c')).isDirectory());
  stubs.remove();
  assert.deepEqual(readdirSync(root), []);
});

test('what was there before stays, empty or not', () => {
  mkdirSync(join(root, 'etc'));
  writeFileSync(join(root, 'etc/hosts'), '');
  mkdirSync(join(root, 'proc'));
  const stubs = createStubs(root);
  stubs.make(['/etc/hosts', 'file'], ['/proc', 'folder']);
  stubs.remove();
  assert.deepEqual(readdirSync(root), ['etc', 'proc']);
  assert.ok(existsSync(join(root, 'etc/hosts')));
});

test('a folder that only stubs touched gets its date back', () => {
  mkdirSync(join(root, 'etc'));
  utimesSync(join(root, 'etc'), old, old);
  const stubs = createStubs(root);
  stubs.make(['/etc/hosts', 'file'], ['/etc/resolv.conf', 'file']);
  stubs.remove();
  assert.equal(statSync(join(root, 'etc')).mtimeMs, old.getTime());
});

test('a folder that the step changed keeps the date of that change', () => {
  mkdirSync(join(root, 'etc'));
  utimesSync(join(root, 'etc'), old, old);
  const stubs = createStubs(root);
  stubs.make(['/etc/hosts', 'file']);
  writeFileSync(join(root, 'etc/own'), '');
  const changed = new Date('2010-01-01T00:00:00Z');
  utimesSync(join(root, 'etc'), changed, changed);
  stubs.remove();
  assert.deepEqual(readdirSync(join(root, 'etc')), ['own']);
  assert.equal(statSync(join(root, 'etc')).mtimeMs, changed.getTime());
});

test('a stub that the step filled, or a folder that it used, stays', () => {
  const stubs = createStubs(root);
  stubs.make(['/etc/hosts', 'file'], ['/data', 'folder']);
  writeFileSync(join(root, 'etc/hosts'), 'x');
  writeFileSync(join(root, 'data/file'), '');
  stubs.remove();
  assert.ok(existsSync(join(root, 'etc/hosts')));
  assert.ok(existsSync(join(root, 'data/file')));
});

test('an empty file that the step put in the place of a stub is its own', () => {
  const stubs = createStubs(root);
  stubs.make(['/etc/hosts', 'file']);
  writeFileSync(join(root, 'etc/new'), '');
  renameSync(join(root, 'etc/new'), join(root, 'etc/hosts'));
  stubs.remove();
  assert.ok(existsSync(join(root, 'etc/hosts')));
});

test('a link in the place of a folder does not lead the removal out of the root', () => {
  const outside = mkdtempSync(join(tmpdir(), 'strata-outside-'));
  writeFileSync(join(outside, 'hosts'), '');
  const stubs = createStubs(root);
  stubs.make(['/etc/hosts', 'file']);
  renameSync(join(root, 'etc'), join(root, 'moved'));
  symlinkSync(outside, join(root, 'etc'));
  stubs.remove();
  assert.ok(existsSync(join(outside, 'hosts')));
  rmSync(outside, { recursive: true });
});

test('links are followed inside the root, a dangling one to what it names', () => {
  mkdirSync(join(root, 'etc'));
  symlinkSync('../run/resolv.conf', join(root, 'etc/resolv.conf'));
  symlinkSync('/../../elsewhere', join(root, 'etc/hosts'));
  const stubs = createStubs(root);
  stubs.make(['/etc/resolv.conf', 'file'], ['/etc/hosts', 'file']);
  assert.ok(existsSync(join(root, 'run/resolv.conf')));
  assert.ok(existsSync(join(root, 'elsewhere')));
  stubs.remove();
  assert.deepEqual(readdirSync(root), ['etc']);
});

test('links in a ring end in an error, not in a hang', () => {
  symlinkSync('b', join(root, 'a'));
  symlinkSync('a', join(root, 'b'));
  const stubs = createStubs(root);
  assert.throws(() => stubs.make(['/a/x', 'file']), { code: 'ELOOP' });
  stubs.remove();
});
