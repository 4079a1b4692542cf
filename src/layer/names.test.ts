import assert from 'node:assert/strict';
import { createWriteStream, lstatSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { after, before, describe, it } from 'node:test';
import fc from 'fast-check';
import { listXattrs, nameOf, setXattr } from '../sys/index.ts';
import { anyName, fillHardTree, gnuTreeOf, treeOf } from '../sys/testing/hard-trees.ts';
import { createLayers, type Layers, readTar, writeTar } from './index.ts';

describe('names of any bytes', () => {
  let base: string;
  let layers: Layers;
  before(() => {
    base = mkdtempSync(join(tmpdir(), 'layer-names-'));
    layers = createLayers({ threads: 1 });
  });
  after(async () => {
    await layers.close();
    rmSync(base, { recursive: true });
  });

  async function throughTar(tree: string, number: number): Promise<void> {
    const [out, archive] = [join(base, `out-${number}`), join(base, `archive-${number}`)];
    for (const part of ['unpacked', 'extracted']) mkdirSync(join(out, part), { recursive: true });
    await layers.unpack(layers.stream(tree), join(out, 'unpacked'), { compression: 'none' });
    const rewritten = writeTar(readTar(layers.stream(tree)));
    await layers.extract(rewritten, join(out, 'extracted'), { compression: 'none', target: '/' });
    await pipeline(writeTar(readTar(layers.stream(tree))), createWriteStream(archive));
    const wanted = treeOf(tree);
    assert.deepEqual(treeOf(join(out, 'unpacked')), wanted);
    assert.deepEqual(treeOf(join(out, 'extracted')), wanted);
    assert.deepEqual(gnuTreeOf(archive, join(out, 'gnu')), wanted);
    rmSync(tree, { recursive: true });
    rmSync(out, { recursive: true });
  }

  it('go through a layer, through the reader and writer of archives, and are what GNU tar reads', async () => {
    const tree = join(base, 'hard');
    fillHardTree(tree);
    await throughTar(tree, 0);
  });

  it('go through all of these whatever they are', async () => {
    let number = 1;
    const names = fc.uniqueArray(anyName(), {
      minLength: 1,
      maxLength: 6,
      selector: (name) => name.toString('latin1'),
    });
    await fc.assert(
      fc.asyncProperty(names, async (some) => {
        const tree = join(base, `tree-${number}`);
        fillHardTree(
          tree,
          some.filter((name) => !name.toString('latin1').startsWith('.wh.')),
        );
        await throughTar(tree, number++);
      }),
      { numRuns: 10 },
    );
  });

  it('are names of extended attributes as well', async () => {
    const [tree, out] = [join(base, 'attributes'), join(base, 'attributes-out')];
    for (const path of [tree, out]) mkdirSync(path);
    writeFileSync(join(tree, 'f'), '');
    const keys = [[0xe9], [0xc3, 0xa9], [0xff, 0x20, 0x0a]].map((bytes) => `user.${nameOf(Buffer.from(bytes))}`);
    for (const key of keys) setXattr(join(tree, 'f'), key, Buffer.from(key));
    await layers.unpack(layers.stream(tree), out, { compression: 'none' });
    assert.deepEqual(listXattrs(join(out, 'f')).sort(), keys.toSorted());
  });

  it('are found below the layers that a new one covers', async () => {
    const [lower, tree, out] = ['lower', 'covering', 'covering-out'].map((name) => join(base, name));
    for (const path of [lower!, tree!, out!]) mkdirSync(path);
    const odd = Buffer.from([0xe9]);
    const at = (root: string, name: string) => Buffer.concat([Buffer.from(`${root}/`), odd, Buffer.from(name)]);
    mkdirSync(at(lower!, ''), { mode: 0o750 });
    const archive = writeTar([{ header: { path: `${nameOf(odd)}/f`, type: 'file' }, body: Buffer.from('x') }]);
    await layers.unpack(archive, out!, { compression: 'none', parents: [lower!] });
    assert.equal(lstatSync(at(out!, '')).mode & 0o777, 0o750);
    assert.equal(readFileSync(at(out!, '/f'), 'utf8'), 'x');
  });
});
