import assert from 'node:assert/strict';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { isMountPoint, makePrivate, mknod, mount, mountOverlay, setXattr, unmount } from './index.ts';
import { mountByLine } from './overlay.ts';

describe('mounts', () => {
  let base: string;
  const folder = (name: string) => {
    const path = join(base, name);
    mkdirSync(path, { recursive: true });
    return path;
  };
  before(() => {
    base = mkdtempSync(join(tmpdir(), 'sys-mount-'));
    mount('tmpfs', base, 'tmpfs', ['nosuid'], 'size=64m');
    makePrivate(base);
  });
  after(() => {
    unmount(base, { detach: true });
    rmSync(base, { recursive: true });
  });

  it('tells a mount point from a folder, a file and nothing', () => {
    assert.equal(isMountPoint(base), true);
    assert.equal(isMountPoint(folder('plain')), false);
    assert.equal(isMountPoint(join(base, 'absent')), false);
  });

  it('makes a read-only bind mount read-only', () => {
    const source = folder('bind-source');
    const target = folder('bind-target');
    mount(source, target, null, ['bind', 'rec', 'ro', 'nosuid']);
    try {
      assert.equal(isMountPoint(target), true);
      assert.throws(() => writeFileSync(join(target, 'x'), ''), { code: 'EROFS' });
      writeFileSync(join(source, 'x'), '');
      assert.ok(existsSync(join(target, 'x')));
    } finally {
      unmount(target);
    }
  });

  it('names the call and the path in errors', () => {
    assert.throws(() => unmount(folder('not-mounted')), { code: 'EINVAL', syscall: 'umount2' });
    assert.throws(() => mount('x', join(base, 'absent'), 'tmpfs', []), { code: 'ENOENT', path: join(base, 'absent') });
  });

  it('mounts one layer alone: read-only below, writable as upper', () => {
    const one = folder('one');
    const target = folder('one-target');
    mountOverlay({ lowers: [one], target });
    assert.throws(() => writeFileSync(join(target, 'x'), ''), { code: 'EROFS' });
    unmount(target);
    mountOverlay({ lowers: [], upper: one, target });
    writeFileSync(join(target, 'x'), '');
    unmount(target);
    assert.deepEqual(readdirSync(one), ['x']);
  });

  for (const [way, mountIt] of [
    ['new', mountOverlay],
    ['old', mountByLine],
  ] as const) {
    it(`mounts 120 layers the ${way} way, the topmost first, and takes writes`, () => {
      const lowers = Array.from({ length: 120 }, (_, index) => {
        const path = folder(
          `${way}-layers-with-a-long-name-that-fills-the-page/${String(index).padStart(60, '0')}/diff`,
        );
        writeFileSync(join(path, `file-${index}`), '');
        writeFileSync(join(path, 'who'), String(index));
        return path;
      });
      const upper = folder(`${way}-upper`);
      const work = folder(`${way}-work`);
      const target = folder(`${way}-target`);
      mountIt({ lowers, upper, work, target });
      try {
        assert.equal(readdirSync(target).length, 121);
        assert.equal(readFileSync(join(target, 'who'), 'utf8'), '0');
        rmSync(join(target, 'file-119'));
        writeFileSync(join(target, 'new'), 'x');
      } finally {
        unmount(target);
      }
      assert.deepEqual(readdirSync(upper).sort(), ['file-119', 'new']);
    });
  }

  it('honours deletions and opaque folders made by hand', () => {
    const [lower, upper, work, target] = ['l', 'u', 'w', 't'].map((name) => folder(`marks/${name}`)) as [
      string,
      string,
      string,
      string,
    ];
    for (const path of ['gone', 'kept', 'dir/below']) {
      mkdirSync(join(lower, path), { recursive: true });
    }
    mknod(join(upper, 'gone'), 0o020000, 0, 0);
    mkdirSync(join(upper, 'dir'));
    setXattr(join(upper, 'dir'), 'trusted.overlay.opaque', Buffer.from('y'));
    mountOverlay({ lowers: [lower], upper, work, target, options: ['volatile'] });
    try {
      assert.deepEqual(readdirSync(target).sort(), ['dir', 'kept']);
      assert.deepEqual(readdirSync(join(target, 'dir')), []);
    } finally {
      unmount(target);
    }
  });

  it('passes on what the kernel says about a bad option', () => {
    const target = folder('bad');
    assert.throws(
      () => mountOverlay({ lowers: [folder('b1'), folder('b2')], target, options: ['nonsense=1'] }),
      /nonsense/,
    );
    symlinkSync(target, join(base, 'link'));
    assert.throws(() => unmount(join(base, 'link')), { code: 'EINVAL' });
  });
});
