import assert from 'node:assert/strict';
import { execFileSync, execSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  chownSync,
  closeSync,
  createReadStream,
  linkSync,
  lstatSync,
  lutimesSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { after, before, describe, it } from 'node:test';
import type { Compression, DiffID } from '../oci/index.ts';
import { fdPath, getXattr, listXattrs, majorMinor, mkfifo, mknod, setXattr } from '../sys/index.ts';
import { createLayers, type Layers, readTar } from './index.ts';

const capability = Buffer.from('0100000200040000000000000000000000000000', 'hex');

/** One of everything that a layer can hold. Made in the order of `names`, so that equal trees differ on disk. */
function fillTree(root: string, reverse: boolean): void {
  const makers: Record<string, (path: string) => void> = {
    'a-file': (path) => writeFileSync(path, 'content'),
    'b-empty': (path) => writeFileSync(path, ''),
    'c-setuid': (path) => {
      writeFileSync(path, 'x');
      chownSync(path, 3_000_000_000, 12);
      chmodSync(path, 0o4711);
    },
    'd-capable': (path) => {
      writeFileSync(path, 'x');
      setXattr(path, 'security.capability', capability);
      setXattr(path, 'user.note', Buffer.from([0, 1, 0xff]));
    },
    'e-link': (path) => symlinkSync('/etc/passwd', path),
    'f-dangling': (path) => symlinkSync('no/where', path),
    'g-null': (path) => mknod(path, 0o020666, 1, 3),
    'h-disk': (path) => mknod(path, 0o060600, 259, 70000),
    'i-fifo': (path) => mkfifo(path, 0o622),
    'j-gone': (path) => mknod(path, 0o020000, 0, 0),
    'k-folder': (path) => {
      mkdirSync(path);
      writeFileSync(join(path, 'below'), 'x'.repeat(3000));
      chmodSync(path, 0o1777);
    },
    'l-opaque': (path) => {
      mkdirSync(path);
      setXattr(path, 'trusted.overlay.opaque', Buffer.from('y'));
    },
    [`m-${'long'.repeat(60)}`]: (path) => writeFileSync(path, 'long'),
    'n-grün日': (path) => writeFileSync(path, 'ü'),
    'o-big': (path) => writeFileSync(path, createHash('sha256').update('seed').digest().toString('hex').repeat(50_000)),
  };
  const names = Object.keys(makers);
  for (const name of reverse ? names.toReversed() : names) makers[name]!(join(root, name));
  linkSync(join(root, 'a-file'), join(root, 'k-folder/linked'));
  writeFileSync(Buffer.from(`${root}/k-folder/\xff\xfe`, 'latin1'), 'not UTF-8');
  for (const name of names) lutimesSync(join(root, name), 1_600_000_000.75, 1_600_000_000.75);
  utimesSync(join(root, 'k-folder/below'), 1_500_000_000, 1_500_000_000);
  utimesSync(Buffer.from(`${root}/k-folder/\xff\xfe`, 'latin1'), 1, 1);
  utimesSync(join(root, 'k-folder'), 1_600_000_000, 1_600_000_000);
}

/** What a tree is, without what may differ between equal trees. */
function describeTree(root: string, at = ''): Record<string, unknown> {
  const out: Record<string, unknown> = {};
  for (const name of readdirSync(join(root, at), { encoding: 'latin1' }).sort()) {
    const path = Buffer.from(`${root}${at}/${name}`.replace(root, ''), 'latin1');
    const whole = Buffer.concat([Buffer.from(root), path]);
    const stat = lstatSync(whole);
    const text = whole.toString();
    const attributes = stat.isSymbolicLink() || name.charCodeAt(0) > 127 ? [] : listXattrs(text);
    out[`${at}/${name}`] = {
      mode: stat.mode,
      owner: [stat.uid, stat.gid],
      size: stat.isDirectory() ? 0 : stat.size,
      mtime: stat.rdev === 0 && stat.isCharacterDevice() ? 0 : Math.floor(stat.mtimeMs / 1000),
      device: majorMinor(stat.rdev),
      links: stat.isDirectory() ? 0 : stat.nlink,
      attributes: attributes.sort().map((key) => [key, getXattr(text, key)?.toString('hex')]),
      content: stat.isFile() ? createHash('sha256').update(readFileSync(whole)).digest('hex') : '',
    };
    if (stat.isDirectory()) Object.assign(out, describeTree(root, `${at}/${name}`));
  }
  return out;
}

describe('layers', () => {
  let base: string;
  let layers: Layers;
  let tree: string;
  let count = 0;
  const folder = () => {
    const path = join(base, `folder-${count++}`);
    mkdirSync(path);
    return path;
  };
  before(() => {
    base = mkdtempSync(join(tmpdir(), 'layers-'));
    layers = createLayers({ threads: 2 });
    tree = folder();
    fillTree(tree, false);
  });
  after(async () => {
    await layers.close();
    rmSync(base, { recursive: true });
  });

  it('packs equal trees into equal bytes, whatever the order they were made in', async () => {
    const other = folder();
    fillTree(other, true);
    const [first, second] = await Promise.all([layers.measure(tree), layers.measure(other)]);
    assert.deepEqual(first, second);
    writeFileSync(join(other, 'b-empty'), '!');
    assert.notEqual((await layers.measure(other)).diffID, first.diffID);
  });

  for (const compression of ['none', 'gzip', 'zstd'] satisfies Compression[]) {
    it(`brings a tree back from a ${compression} layer, which every other tool can read`, async () => {
      const file = join(base, `layer.${compression}`);
      const packed = await layers.pack(tree, file, compression);
      const bytes = readFileSync(file);
      assert.equal(packed.digest, `sha256:${createHash('sha256').update(bytes).digest('hex')}`);
      assert.equal(packed.size, bytes.length);
      const { digest: _, size: __, ...measure } = packed;
      assert.deepEqual(await layers.measure(tree), measure);
      const program = { none: 'cat', gzip: 'gzip -dc', zstd: 'zstd -dc' }[compression];
      const plain = execSync(`${program} < ${file} | tee ${file}.tar | sha256sum`, { encoding: 'utf8' }).slice(0, 64);
      assert.equal(packed.diffID, `sha256:${plain}`);
      const names = execFileSync('tar', ['-tf', `${file}.tar`], { encoding: 'utf8' })
        .trim()
        .split('\n');
      assert.equal(names.length, packed.entries);
      const target = folder();
      const source = createReadStream(file, { highWaterMark: 10_000 });
      const unpacked = await layers.unpack(source, target, { compression, expect: packed.diffID });
      assert.deepEqual(unpacked, { ...measure, hasImplied: false });
      assert.deepEqual(describeTree(target), describeTree(tree));
      assert.deepEqual(await layers.measure(target), measure);
    });
  }

  it('makes the same compressed bytes each time', async () => {
    const [one, two] = await Promise.all([
      layers.pack(tree, join(base, 'one'), 'gzip'),
      layers.pack(tree, join(base, 'two'), 'gzip'),
    ]);
    assert.equal(one.digest, two.digest);
  });

  it('writes sorted names, marks for deletions, and no entry for the top', async () => {
    const names: string[] = [];
    for await (const { header } of readTar(layers.stream(tree))) {
      names.push(header.path);
      if (header.path === 'd-capable') assert.deepEqual(header.xattrs.get('security.capability'), capability);
      if (header.path === 'a-file') assert.equal(header.mtimeNanoseconds, 0);
      if (header.path.includes('.wh.'))
        assert.deepEqual([header.type, header.size, header.mtimeSeconds], ['file', 0, 0]);
      assert.ok(![...header.xattrs.keys()].some((key) => key.startsWith('trusted.')));
    }
    assert.deepEqual(names.slice(0, 3), ['a-file', 'b-empty', 'c-setuid']);
    const at = names.indexOf('.wh.j-gone');
    assert.deepEqual(names.slice(at, at + 3), ['.wh.j-gone', 'k-folder/', 'k-folder/below']);
    assert.deepEqual(names.slice(names.indexOf('l-opaque/')).slice(0, 2), ['l-opaque/', 'l-opaque/.wh..wh..opq']);
  });

  it('counts a file with two names once, and names that lie outside the tree not at all', async () => {
    const one = folder();
    const two = folder();
    writeFileSync(join(one, 'a'), '12345');
    linkSync(join(one, 'a'), join(one, 'b'));
    linkSync(join(one, 'a'), join(two, 'elsewhere'));
    assert.equal((await layers.measure(one)).contentSize, 5);
    for await (const { header } of readTar(layers.stream(two))) assert.equal(header.type, 'file');
  });

  it('counts what is there in the end: targets of links, and only the last of several entries for a name', async () => {
    const path = folder();
    symlinkSync('/some/where', join(path, 'link'));
    linkSync(join(path, 'link'), join(path, 'second'));
    writeFileSync(join(path, 'z'), '12345');
    assert.equal((await layers.measure(path)).contentSize, 11 + 5);
    const tar = execFileSync('tar', ['-C', path, '-cf', '-', 'link', 'z', 'second', 'z', 'link']);
    const target = folder();
    const measured = await layers.unpack(Readable.from([tar]), target, { compression: 'none' });
    assert.equal(measured.contentSize, (await layers.measure(target)).contentSize);
    const over = folder();
    const files = folder();
    mkdirSync(join(files, 'd'));
    writeFileSync(join(files, 'd/f'), '123');
    const twice = Buffer.concat([
      execFileSync('tar', ['-C', files, '-cf', '-', 'd']).subarray(0, 2 * 512 + 512),
      execFileSync('tar', ['-C', path, '--transform=s/z/d/', '-cf', '-', 'z']),
    ]);
    assert.equal((await layers.unpack(Readable.from([twice]), over, { compression: 'none' })).contentSize, 5);
  });

  it('leaves out sockets and files whose name would read as a deletion', async () => {
    const path = folder();
    const server = createServer().listen(join(path, 'socket'));
    await new Promise((resolve) => server.once('listening', resolve));
    writeFileSync(join(path, '.wh.victim'), '');
    const { entries } = await layers.measure(path);
    server.close();
    assert.equal(entries, 0);
  });

  it('clamps times to an epoch', async () => {
    for await (const { header } of readTar(layers.stream(tree, { epoch: 1_550_000_000 }))) {
      assert.ok(header.mtimeSeconds <= 1_550_000_000);
      if (header.path === 'k-folder/below') assert.equal(header.mtimeSeconds, 1_500_000_000);
    }
  });

  it('packs one entry alone under another name, found by descriptor', async () => {
    const fd = openSync(tree, 'r');
    const names: string[] = [];
    const only = { entry: 'k-folder', as: 'renamed' };
    for await (const { header } of readTar(layers.stream(fdPath(fd), { only }))) names.push(header.path);
    closeSync(fd);
    assert.deepEqual(names.slice(0, 3), ['renamed/', 'renamed/below', 'renamed/linked']);
    const file = layers.stream(tree, { only: { entry: 'a-file', as: 'x' } });
    for await (const { header, body } of readTar(file)) {
      assert.deepEqual([header.path, header.type], ['x', 'file']);
      for await (const chunk of body) assert.equal(Buffer.from(chunk).toString(), 'content');
    }
  });

  it('keeps the archive whole when a file is cut while it is read', async () => {
    const path = folder();
    const big = join(path, 'big');
    writeFileSync(big, '');
    truncateSync(big, 64 << 20);
    let total = 0;
    for await (const chunk of layers.stream(path)) {
      if (total === 0) truncateSync(big, 10);
      total += (chunk as Buffer).length;
    }
    assert.equal(total, (64 << 20) + 1536);
  });

  it('refuses a layer that is not the one that was promised', async () => {
    const file = join(base, 'promise');
    const { diffID } = await layers.pack(tree, file, 'none');
    const wrong = `${diffID.slice(0, -1)}${diffID.endsWith('0') ? '1' : '0'}` as DiffID;
    await assert.rejects(layers.unpack(createReadStream(file), folder(), { compression: 'none', expect: wrong }), {
      kind: 'data_loss',
    });
  });

  it('hashes what follows the end mark of an archive as well', async () => {
    const file = join(base, 'trailing');
    await layers.pack(tree, file, 'none');
    const bytes = Buffer.concat([readFileSync(file), Buffer.alloc(9000)]);
    const expect = `sha256:${createHash('sha256').update(bytes).digest('hex')}` as DiffID;
    const source = (async function* () {
      yield bytes;
    })();
    const { tarSize } = await layers.unpack(source, folder(), { compression: 'detect', expect });
    assert.equal(tarSize, bytes.length);
  });

  it('gives folders without an entry the look of those that they cover', async () => {
    const lower = folder();
    mkdirSync(join(lower, 'srv/www'), { recursive: true });
    chmodSync(join(lower, 'srv'), 0o2750);
    chownSync(join(lower, 'srv/www'), 33, 34);
    utimesSync(join(lower, 'srv/www'), 1_400_000_000, 1_400_000_000);
    const source = folder();
    mkdirSync(join(source, 'srv/www/new'), { recursive: true });
    writeFileSync(join(source, 'srv/www/new/f'), '');
    const tar = execFileSync('tar', ['-C', source, '-cf', '-', 'srv/www/new/f']);
    const target = folder();
    const stream = (async function* () {
      yield tar;
    })();
    await layers.unpack(stream, target, { compression: 'none', parents: [folder(), lower] });
    const www = lstatSync(join(target, 'srv/www'));
    assert.deepEqual([www.uid, www.gid, www.mtimeMs], [33, 34, 1_400_000_000_000]);
    assert.equal(lstatSync(join(target, 'srv')).mode & 0o7777, 0o2750);
    assert.equal(lstatSync(join(target, 'srv/www/new')).mode & 0o7777, 0o755);
  });

  it('stops when it is told to, and removes the file it was writing', async () => {
    const path = folder();
    truncateSync(openAndClose(join(path, 'huge')), 20 * 2 ** 30);
    const file = join(base, 'stopped');
    for (const run of [
      (signal: AbortSignal) => layers.measure(path, { signal }),
      (signal: AbortSignal) => layers.pack(path, file, 'zstd', { signal }),
      (signal: AbortSignal) => collectAll(layers.stream(path, { signal })),
    ]) {
      const started = performance.now();
      await assert.rejects(run(AbortSignal.timeout(100)), { kind: 'cancelled' });
      assert.ok(performance.now() - started < 4000);
    }
    assert.throws(() => lstatSync(file), { code: 'ENOENT' });
    const reading = layers.stream(path);
    for await (const _ of reading) break;
    assert.equal(reading.destroyed, true);
    assert.ok((await layers.measure(tree)).entries > 0);
  });

  it('passes on the error of a source, and lets go of a source that it does not want', async () => {
    const broken = (async function* () {
      yield new Uint8Array(10);
      throw new TypeError('the registry hung up');
    })();
    await assert.rejects(layers.unpack(broken, folder(), { compression: 'none' }), /hung up/);
    let released = false;
    const endless = (async function* () {
      try {
        for (;;) yield Buffer.alloc(70_000, 'x');
      } finally {
        released = true;
      }
    })();
    await assert.rejects(layers.unpack(endless, folder(), { compression: 'none' }), { code: 'invalid_archive' });
    await new Promise((resolve) => setTimeout(resolve, 50));
    assert.equal(released, true);
  });

  it('does not let stalled sources hold up other work', async () => {
    const stops: (() => void)[] = [];
    const stalled = Array.from({ length: 6 }, () =>
      layers.unpack(
        (async function* () {
          await new Promise<void>((resolve) => stops.push(resolve));
          yield new Uint8Array(1024);
        })(),
        folder(),
        { compression: 'none' },
      ),
    );
    assert.ok((await layers.measure(tree)).entries > 0);
    for (const stop of stops) stop();
    await Promise.all(stalled);
  });

  it('says so when it is used after its end', async () => {
    const closed = createLayers();
    await closed.close();
    await assert.rejects(closed.measure(tree), { kind: 'unavailable' });
  });
});

function openAndClose(path: string): string {
  closeSync(openSync(path, 'w'));
  return path;
}

async function collectAll(stream: AsyncIterable<Uint8Array>): Promise<void> {
  for await (const _ of stream);
}
