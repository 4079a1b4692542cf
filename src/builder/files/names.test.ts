import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import fc from 'fast-check';
import { bytesOfName, compareNames, kernelPath, mount, nameOf, unmount } from '../../sys/index.ts';
import { anyName, fillHardTree, hardNames, treeOf } from '../../sys/testing/hard-trees.ts';
import { DigestTable } from './digest-table.ts';
import type { SourceTree } from './jobs.ts';
import { perform, type Surroundings } from './perform.ts';
import type { TargetLayers } from './target-view.ts';

let top = '';
let count = 0;
before(() => {
  top = mkdtempSync(join(tmpdir(), 'strata-names-'));
  mount('tmpfs', top, 'tmpfs', [], 'mode=0700');
});
after(() => {
  unmount(top, { detach: true });
  rmSync(top, { recursive: true });
});

function folder(): string {
  const path = join(top, String(count++));
  mkdirSync(path);
  return path;
}

const around: Surroundings = {
  table: new DigestTable({ find: () => undefined, keep() {} }),
  umask: process.umask(),
  tick() {},
};
const whole = { path: '/', wildcards: true, follow: true };

function copy(root: string, target: TargetLayers, path = '/', dest = '/', more: Partial<SourceTree> = {}) {
  return perform(
    {
      kind: 'copy',
      source: { root, resetOwner: false, ...more },
      selection: { ...whole, path },
      look: {},
      target: { ...target, path: dest, contentsOnly: true },
      digest: true,
    },
    around,
  );
}

const scan = (root: string, path = '/') =>
  perform({ kind: 'scan', source: { root, resetOwner: true }, selection: { ...whole, path }, look: {} }, around);

function copied(root: string): void {
  const upper = folder();
  const { digest } = copy(root, { upper, lowers: [] });
  assert.deepEqual(treeOf(upper), treeOf(root));
  assert.equal(scan(upper).digest, scan(root).digest);
  assert.equal(
    digest,
    perform({ kind: 'scan', source: { root, resetOwner: false }, selection: whole, look: {} }, around).digest,
  );
  rmSync(upper, { recursive: true });
}

test('a copy has the names of its source, byte for byte', () => {
  const root = folder();
  fillHardTree(root);
  copied(root);
  const names = fc.uniqueArray(anyName(), { minLength: 1, maxLength: 5, selector: (name) => name.toString('latin1') });
  fc.assert(
    fc.property(names, (some) => {
      const tree = folder();
      fillHardTree(tree, some);
      copied(tree);
      rmSync(tree, { recursive: true });
    }),
    { numRuns: 20 },
  );
});

test('names that differ in one byte have different digests, and so do targets of links', () => {
  const digests = [0xe8, 0xe9].flatMap((byte) => {
    const [files, links] = [folder(), folder()];
    writeFileSync(Buffer.concat([Buffer.from(`${files}/caf`), Buffer.of(byte)]), '');
    symlinkSync(Buffer.of(byte), `${links}/l`);
    return [scan(files), scan(links)];
  });
  assert.equal(new Set(digests.map(({ digest }) => digest)).size, 4);
  assert.equal(new Set(digests.map(({ manifest }) => JSON.stringify(manifest))).size, 4);
});

test('a path and a pattern name what their bytes are, over the layers below as well', () => {
  const root = folder();
  for (const name of hardNames) {
    mkdirSync(kernelPath(`${root}/${nameOf(name)}`));
    writeFileSync(kernelPath(`${root}/${nameOf(name)}/f`), name);
  }
  for (const name of hardNames.map(nameOf)) {
    const [lower, upper] = [folder(), folder()];
    mkdirSync(kernelPath(`${lower}/${name}`));
    writeFileSync(kernelPath(`${lower}/${name}/f`), 'covered');
    const literal = `/${name.replaceAll('[', '[[]')}`;
    copy(root, { upper, lowers: [lower] }, literal, `/${name}/`);
    assert.deepEqual(
      [...treeOf(upper)],
      [
        [`/${bytesOfName(name).toString('latin1')}`, 'folder'],
        [`/${bytesOfName(name).toString('latin1')}/f`, bytesOfName(name).toString('latin1')],
      ],
    );
    const fits = perform({ kind: 'fits', layer: upper, lowers: [lower], dest: `/${name}/`, look: {} }, around);
    assert.equal(fits, true);
  }
  const found = perform(
    { kind: 'match', source: { root, resetOwner: true }, selection: { ...whole, path: '/caf?' } },
    around,
  );
  const wanted = hardNames
    .map(nameOf)
    .filter((name) => /^caf.$/u.test(name))
    .sort(compareNames);
  assert.deepEqual(
    found.map(({ path }) => path),
    wanted.map((name) => `/${name}`),
  );
  assert.ok(wanted.length >= 5);
});

test('an ignore file hides names by their bytes', () => {
  const root = folder();
  fillHardTree(root);
  const hidden = nameOf(Buffer.from('caf\xe9', 'latin1'));
  const upper = folder();
  copy(root, { upper, lowers: [] }, '/', '/', { ignore: `**/${hidden}\n` });
  const wanted = [...treeOf(root)].filter(([path]) => !path.split('/').includes('caf\xe9'));
  assert.deepEqual(
    [...treeOf(upper).keys()],
    wanted.map(([path]) => path),
  );
});

test('a link leads to a name of any bytes', () => {
  const root = folder();
  const odd = nameOf(Buffer.of(0xed, 0xa0, 0x80));
  mkdirSync(join(root, 'even'));
  writeFileSync(join(root, 'even/f'), 'found');
  renameSync(join(root, 'even'), kernelPath(join(root, odd)));
  symlinkSync(kernelPath(`/${odd}`), join(root, 'l'));
  const upper = folder();
  copy(root, { upper, lowers: [] }, '/l/f', '/f');
  assert.deepEqual([...treeOf(upper)], [['/f', 'found']]);
  // A target's links are followed as well.
  copy(root, { upper: root, lowers: [] }, '/l/f', '/l/g');
  assert.ok(treeOf(root).has('/\xed\xa0\x80/g'));
});
