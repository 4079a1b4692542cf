import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  chownSync,
  createReadStream,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, describe, it } from 'node:test';
import { getXattr, listXattrs } from '../sys/index.ts';
import {
  createLayers,
  type ExtractOptions,
  isArchiveFile,
  type Layers,
  type NewTarEntry,
  type NewTarHeader,
  readTar,
  writeTar,
} from './index.ts';

const file = (path: string, body = 'new', more: Partial<NewTarHeader> = {}): NewTarEntry => ({
  header: { path, type: 'file', mtimeSeconds: 1_600_000_000, ...more },
  body: Buffer.from(body),
});
const dir = (path: string, more: Partial<NewTarHeader> = {}): NewTarEntry => ({
  header: { path, type: 'dir', mtimeSeconds: 1_600_000_000, ...more },
});
const symlink = (path: string, link: string): NewTarEntry => ({ header: { path, type: 'symlink', link } });
const hardlink = (path: string, link: string): NewTarEntry => ({ header: { path, type: 'hardlink', link } });

describe('archives', () => {
  let base: string;
  let root: string;
  let layers: Layers;
  let count = 0;
  before(() => {
    base = mkdtempSync(join(tmpdir(), 'extract-'));
    layers = createLayers();
    mkdirSync(join(base, 'secret'));
    writeFileSync(join(base, 'secret/key'), 'secret');
  });
  beforeEach(() => {
    root = join(base, `root-${count++}`);
    mkdirSync(root);
  });
  after(async () => {
    await layers.close();
    assert.deepEqual(readdirSync(join(base, 'secret')), ['key']);
    assert.equal(readFileSync(join(base, 'secret/key'), 'utf8'), 'secret');
    assert.equal(lstatSync(join(base, 'secret/key')).nlink, 1);
    rmSync(base, { recursive: true });
  });
  const extract = (entries: readonly NewTarEntry[], options: Partial<ExtractOptions> = {}) =>
    layers.extract(writeTar(entries), root, { compression: 'detect', target: '/out', ...options });
  const unpack = (entries: readonly NewTarEntry[], options: { maxBytes?: number; maxEntries?: number } = {}) =>
    layers.unpack(writeTar(entries), root, { compression: 'detect', ...options });
  const text = (path: string) => readFileSync(join(root, path), 'utf8');
  const mode = (path: string) => lstatSync(join(root, path)).mode & 0o7777;

  describe('into a tree that is there', () => {
    it('keep owner, mode and time, and make what is missing 0755 of root', async () => {
      await extract([
        dir('d', { mode: 0o2750, uid: 3, gid: 4 }),
        file('d/f', 'x', { mode: 0o4711, uid: 3_000_000, gid: 4_000_000_000 }),
        file('/absolute/./name', 'y'),
        file('a/b/../c', 'z'),
        dir('./', { mode: 0o700 }),
      ]);
      const d = lstatSync(join(root, 'out/d'));
      assert.deepEqual([d.mode & 0o7777, d.uid, d.gid, d.mtimeMs], [0o2750, 3, 4, 1_600_000_000_000]);
      const f = lstatSync(join(root, 'out/d/f'));
      assert.deepEqual(
        [f.mode & 0o7777, f.uid, f.gid, f.mtimeMs],
        [0o4711, 3_000_000, 4_000_000_000, 1_600_000_000_000],
      );
      assert.equal(text('out/absolute/name'), 'y');
      assert.equal(text('out/a/c'), 'z');
      assert.deepEqual([mode('out'), mode('out/absolute')], [0o755, 0o755]);
    });

    it('give everything another owner when asked to', async () => {
      await extract([dir('d', { uid: 3 }), file('e/f'), symlink('l', 'f')], { chown: { uid: 77, gid: 88 } });
      for (const path of ['out', 'out/d', 'out/e', 'out/e/f', 'out/l']) {
        const { uid, gid } = lstatSync(join(root, path));
        assert.deepEqual([uid, gid], [77, 88], path);
      }
    });

    it('keep file capabilities, and user attributes where wanted', async () => {
      const xattrs = new Map([
        ['security.capability', Buffer.from('0100000200040000000000000000000000000000', 'hex')],
        ['user.note', Buffer.from('hello')],
        ['trusted.overlay.redirect', Buffer.from('/etc')],
        ['trusted.other', Buffer.from('x')],
      ]);
      await extract([file('cap', 'x', { xattrs, uid: 5 })]);
      assert.deepEqual(listXattrs(join(root, 'out/cap')), ['security.capability']);
      assert.deepEqual(getXattr(join(root, 'out/cap'), 'security.capability'), xattrs.get('security.capability'));
      await extract([file('cap', 'x', { xattrs })], { userXattrs: true });
      assert.deepEqual(listXattrs(join(root, 'out/cap')).sort(), ['security.capability', 'user.note']);
    });

    it('keep folders that are there, and replace all else', async () => {
      mkdirSync(join(root, 'out/d/sub'), { recursive: true });
      writeFileSync(join(root, 'out/d/keep'), 'keep');
      writeFileSync(join(root, 'out/d/f'), 'old');
      mkdirSync(join(root, 'out/full/of/things'), { recursive: true });
      symlinkSync('d', join(root, 'out/link'));
      chmodSync(join(root, 'out/d'), 0o700);
      await extract([
        dir('d', { mode: 0o750 }),
        file('d/f'),
        file('full', 'now a file'),
        dir('link'),
        file('link/x', '1'),
      ]);
      assert.deepEqual([text('out/d/keep'), text('out/d/f'), text('out/full')], ['keep', 'new', 'now a file']);
      assert.equal(mode('out/d'), 0o750);
      assert.ok(lstatSync(join(root, 'out/link')).isDirectory());
      assert.equal(existsSync(join(root, 'out/d/x')), false);
    });

    it('refuse to swap folders and files where that was asked for', async () => {
      mkdirSync(join(root, 'out/d'), { recursive: true });
      writeFileSync(join(root, 'out/f'), '');
      await assert.rejects(extract([file('d')], { noOverwriteDirNonDir: true }), {
        message: 'cannot overwrite directory "d" with non-directory "/"',
      });
      await assert.rejects(extract([dir('f')], { noOverwriteDirNonDir: true }), {
        message: 'cannot overwrite non-directory "f" with directory "/"',
      });
    });

    it('follow links inside the root, absolute ones from the root, dangling ones too', async () => {
      mkdirSync(join(root, 'run'));
      mkdirSync(join(root, 'var'));
      symlinkSync('/run', join(root, 'var/run'));
      symlinkSync('nowhere', join(root, 'dangling'));
      symlinkSync('var', join(root, 'v'));
      await extract([file('var/run/pid', '1'), file('dangling/x', '2'), file('v/y', '3')], { target: '/' });
      assert.deepEqual([text('run/pid'), text('nowhere/x'), text('var/y')], ['1', '2', '3']);
      await extract([file('z', '4')], { target: '/var/run/sub' });
      assert.equal(text('run/sub/z'), '4');
    });

    it('treat whiteout names as ordinary names', async () => {
      await extract([file('.wh.x', '1'), file('d/.wh..wh..opq', '2')]);
      assert.deepEqual([text('out/.wh.x'), text('out/d/.wh..wh..opq')], ['1', '2']);
    });

    it('let the last of several entries of one name win', async () => {
      await extract([
        file('f', 'first'),
        file('f', 'second'),
        dir('x'),
        file('x/y'),
        symlink('x', 'f'),
        hardlink('h', 'f'),
      ]);
      assert.equal(text('out/f'), 'second');
      assert.equal(readlinkSync(join(root, 'out/x')), 'f');
      assert.equal(lstatSync(join(root, 'out/h')).ino, lstatSync(join(root, 'out/f')).ino);
    });

    it('give a file with two names the look of its last entry, and keep its capabilities', async () => {
      const xattrs = new Map([['security.capability', Buffer.from('0100000200040000000000000000000000000000', 'hex')]]);
      const same = { mode: 0o755, mtimeSeconds: 7 };
      await extract([
        file('a', 'x', { mode: 0o640, uid: 5, gid: 6 }),
        { header: { path: 'b', type: 'hardlink', link: 'a', mode: 0o604, uid: 7, gid: 8, mtimeSeconds: 9 } },
        file('c', 'x', { ...same, xattrs }),
        { header: { path: 'd', type: 'hardlink', link: 'c', ...same } },
        file('e', 'x', { ...same, xattrs }),
        { header: { path: 'f', type: 'hardlink', link: 'e', ...same, uid: 1, xattrs } },
      ]);
      const a = lstatSync(join(root, 'out/a'));
      assert.deepEqual([a.mode & 0o7777, a.uid, a.gid, a.mtimeMs, a.nlink], [0o604, 7, 8, 9000, 2]);
      for (const name of ['c', 'e']) assert.deepEqual(listXattrs(join(root, 'out', name)), ['security.capability']);
      assert.equal(lstatSync(join(root, 'out/e')).uid, 1);
    });

    it('say when the target cannot be a folder', async () => {
      writeFileSync(join(root, 'file'), '');
      await assert.rejects(extract([file('x')], { target: '/file' }), { message: 'mkdir /file: not a directory' });
      await assert.rejects(extract([file('x/y')], { target: '/file/below' }), { kind: 'invalid_argument' });
    });

    for (const [program, suffix] of [
      ['gzip', 'gz'],
      ['bzip2', 'bz2'],
      ['xz', 'xz'],
      ['zstd', 'zst'],
    ] as const) {
      it(`are recognised and read when compressed by ${program}, and refused when cut`, async () => {
        const plain = join(root, 'a.tar');
        execFileSync('tar', ['-C', '/etc', '-cf', plain, 'hostname', 'passwd']);
        execFileSync(program, ['-q', plain]);
        const archive = `${plain}.${suffix}`;
        assert.equal(await isArchiveFile(archive), true);
        const options = { compression: 'detect', target: '/out' } as const;
        await layers.extract(createReadStream(archive), root, options);
        assert.equal(text('out/passwd'), readFileSync('/etc/passwd', 'utf8'));
        truncateSync(archive, lstatSync(archive).size - 20);
        await assert.rejects(layers.extract(createReadStream(archive), root, options), {
          kind: 'invalid_argument',
          message: 'unexpected EOF',
        });
      });
    }

    it('are told from other files by what is in them', async () => {
      const check = async (bytes: Uint8Array) => {
        writeFileSync(join(root, 'x.tar'), bytes);
        return isArchiveFile(join(root, 'x.tar'));
      };
      assert.equal(await check(Buffer.from('#!/bin/sh\n'.repeat(100))), false);
      assert.equal(await check(Buffer.alloc(10240)), false);
      assert.equal(await check(Buffer.alloc(0)), false);
      assert.equal(await check(Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3])), false);
      assert.equal(await check(Buffer.from('BZh91AY&SYgarbage')), false);
      assert.equal(await isArchiveFile(root), false);
    });

    it('never run a program out of the tree', async () => {
      mkdirSync(join(root, 'usr/bin'), { recursive: true });
      const trap = join(root, 'usr/bin/xz');
      writeFileSync(trap, `#!/bin/sh\ntouch ${root}/trapped\n`);
      chmodSync(trap, 0o755);
      const packed = execFileSync('sh', ['-c', 'tar -C /etc -cf - hostname | xz -q']);
      const path = process.env['PATH'];
      process.env['PATH'] = join(root, 'usr/bin');
      try {
        const source = (async function* () {
          yield packed;
        })();
        await layers.extract(source, root, { compression: 'xz', target: '/out' });
      } finally {
        process.env['PATH'] = path;
      }
      assert.equal(existsSync(join(root, 'trapped')), false);
      assert.ok(existsSync(join(root, 'out/hostname')));
    });
  });

  describe('made by an attacker', () => {
    const outside = (name: string) => `../../../../../../..${base}/secret/${name}`;
    for (const [way, run] of [
      ['extracted', extract],
      ['unpacked as a layer', unpack],
    ] as const) {
      it(`cannot leave the root by names, ${way}`, async () => {
        await assert.rejects(run([file('../escaped')]), { message: 'invalid entry name "../escaped"' });
        await assert.rejects(run([file('a/../../escaped')]), { code: 'path_escapes' });
        await assert.rejects(run([file('..')]), { code: 'path_escapes' });
        await run([file('/.'), file('')]);
        await run([file(`${base}/secret/by-absolute-name`)]);
      });

      it(`cannot write through links that lead out, ${way}`, async () => {
        await assert.rejects(run([symlink('up', '../../..'), file('up/x')]), {
          message: 'statat up: path escapes from parent',
        });
        await assert.rejects(run([symlink('far', outside('')), file('far/x')]), { code: 'path_escapes' });
        await run([symlink('abs', `${base}/secret`), file('abs/by-link')]);
        await run([symlink('key', `${base}/secret/key`), file('key', 'replaces the link')]);
        await assert.rejects(run([symlink('loop', 'loop'), file('loop/x')]), { code: 'path_escapes' });
      });

      it(`cannot swap a folder for a link under later entries, ${way}`, async () => {
        await run([dir('d'), file('d/one'), symlink('d', `${base}/secret`), file('d/two'), dir('d'), file('d/three')]);
        const start = way === 'extracted' ? 'out/' : '';
        assert.deepEqual(readdirSync(join(root, start, 'd')), ['three']);
      });

      it(`cannot link to files outside, ${way}`, async () => {
        await assert.rejects(run([hardlink('h', outside('key'))]), { code: 'path_escapes' });
        await assert.rejects(run([hardlink('h', `${base}/secret/key`)]), /no such file or directory/);
        await assert.rejects(
          run([symlink('s', `${base}/secret`), hardlink('h', 's/key')]),
          /no such file or directory/,
        );
        // A link to a link is that link, never what it leads to.
        await run([symlink('s2', `${base}/secret/key`), hardlink('h2', 's2')]);
      });

      it(`cannot link to folders, or take away what they link to, ${way}`, async () => {
        await assert.rejects(run([dir('d'), hardlink('h', 'd')]), /operation not permitted/);
        await run([file('f', 'kept'), hardlink('f', 'f'), hardlink('g', 'f'), hardlink('f', 'g')]);
        assert.equal(text(way === 'extracted' ? 'out/f' : 'f'), 'kept');
      });

      it(`cannot set modes or owners through links, ${way}`, async () => {
        const before = lstatSync(join(base, 'secret'));
        await run([symlink('d', `${base}/secret`), dir('d', { mode: 0o777, uid: 9 })]);
        await run([
          symlink('n', `${base}/secret/key`),
          { header: { path: 'n', type: 'char', major: 1, minor: 3, uid: 9 } },
        ]);
        const now = lstatSync(join(base, 'secret'));
        assert.deepEqual([now.mode, now.uid, now.ino], [before.mode, before.uid, before.ino]);
      });

      it(`cannot fill the disk, ${way}`, async () => {
        const zeros = async function* () {
          for (;;) yield Buffer.alloc(1 << 20);
        };
        const bomb = [{ header: { path: 'zeros', type: 'file', size: 10 * 2 ** 30 }, body: zeros() }] as const;
        await assert.rejects(run(bomb, { maxBytes: 1 << 20 }), { code: 'archive_too_large' });
        const many = Array.from({ length: 50 }, (_, index) => file(`f${index}`));
        await assert.rejects(run(many, { maxEntries: 49 }), { code: 'archive_too_large' });
        assert.ok(Number(execFileSync('du', ['-sk', root], { encoding: 'utf8' }).split('\t')[0]) < 2000);
      });

      it(`are refused names and depths that the kernel refuses, ${way}`, async () => {
        await assert.rejects(run([file('n'.repeat(300))]), /name too long/);
        await assert.rejects(run([file('d/'.repeat(3000))]), /name too long/);
        await assert.rejects(run([file('f'), file('f/below')]), /not a directory/);
      });
    }

    it('cannot win a race against an extraction or a packing', async () => {
      mkdirSync(join(root, 'out/d'), { recursive: true });
      const swap = `cd ${root}/out; while :; do rm -rf d; ln -s ${base}/secret d; rm -f d; mkdir d; echo fine > d/key; done`;
      const attacker = spawn('sh', ['-c', swap], { stdio: 'ignore' });
      try {
        for (let round = 0; round < 60; round++) {
          await extract([file('d/key', 'overwritten'), hardlink('stolen', 'd/key'), file('d/e/f')]).catch(() => {});
          if (existsSync(join(root, 'out/stolen'))) assert.notEqual(text('out/stolen'), 'secret');
          for await (const { header, body } of readTar(layers.stream(root))) {
            if (header.type !== 'file') continue;
            const content = Buffer.concat(await Array.fromAsync(body)).toString();
            assert.notEqual(content, 'secret');
          }
        }
      } finally {
        attacker.kill('SIGKILL');
        await once(attacker, 'close');
      }
    });

    it('cannot expand without end from few bytes', async () => {
      const bomb = execFileSync('sh', ['-c', 'head -c 300M /dev/zero | zstd -q -19 --long=27 -c']);
      const source = (async function* () {
        yield bomb;
      })();
      await assert.rejects(layers.unpack(source, root, { compression: 'zstd', ratioFree: 64 << 20 }), {
        code: 'archive_too_large',
      });
    });

    it('cannot smuggle overlay or security attributes into a layer', async () => {
      const xattrs = new Map(
        ['trusted.overlay.opaque', 'trusted.overlay.redirect', 'security.selinux', 'user.fine'].map((key) => [
          key,
          Buffer.from('y'),
        ]),
      );
      await unpack([dir('d', { xattrs }), file('f', '', { xattrs })]);
      assert.deepEqual(listXattrs(join(root, 'd')), ['user.fine']);
      assert.deepEqual(listXattrs(join(root, 'f')), ['user.fine']);
    });
  });

  describe('that are layers', () => {
    const whiteout = (path: string) => lstatSync(join(root, path)).isCharacterDevice();
    const opaque = (path: string) => getXattr(join(root, path), 'trusted.overlay.opaque')?.toString();

    it('have their marks turned into those of overlayfs', async () => {
      const { entries } = await unpack([
        dir('d'),
        file('d/.wh.gone', ''),
        file('e/.wh..wh..opq', ''),
        file('.wh..wh.plnk', ''),
      ]);
      assert.equal(entries, 4);
      assert.equal(whiteout('d/gone'), true);
      assert.equal(opaque('e'), 'y');
      assert.deepEqual(readdirSync(root).sort(), ['d', 'e']);
    });

    it('may delete a name and make it anew, in either order', async () => {
      await unpack([
        file('.wh.a', ''),
        file('a', '1'),
        file('b', '2'),
        file('.wh.b', ''),
        file('.wh.c', ''),
        dir('c'),
        dir('d'),
        file('.wh.d', ''),
      ]);
      assert.deepEqual([text('a'), text('b')], ['1', '2']);
      assert.deepEqual([opaque('c'), opaque('d')], ['y', 'y']);
    });

    it('cannot delete what is no name', async () => {
      for (const name of ['.wh.', '.wh..', '.wh...', 'd/.wh...']) {
        await assert.rejects(unpack([file(name, '')]), { code: 'invalid_archive' }, name);
      }
    });

    it('set the look of the root directory', async () => {
      await unpack([dir('./', { mode: 0o700, uid: 5 }), file('./f')]);
      const { uid, mtimeMs } = lstatSync(root);
      assert.deepEqual([mode('.'), uid, mtimeMs], [0o700, 5, 1_600_000_000_000]);
      chownSync(root, 0, 0);
    });
  });
});
