import assert from 'node:assert/strict';
import {
  closeSync,
  ftruncateSync,
  lstatSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import {
  copyData,
  fsyncDir,
  getXattr,
  listXattrs,
  majorMinor,
  makeDevice,
  mkfifo,
  mknod,
  removeXattr,
  setTimes,
  setXattr,
  syncfs,
} from './index.ts';

describe('files', () => {
  let base: string;
  before(() => {
    base = mkdtempSync(join(tmpdir(), 'sys-file-'));
  });
  after(() => rmSync(base, { recursive: true }));

  it('keeps binary extended attributes, and those of a link apart from its target', () => {
    const file = join(base, 'x');
    writeFileSync(file, '');
    const value = Buffer.from([1, 0, 0, 2, 0xff, 0, 10]);
    setXattr(file, 'user.one', value);
    setXattr(file, 'user.empty', Buffer.alloc(0));
    assert.deepEqual(listXattrs(file).sort(), ['user.empty', 'user.one']);
    assert.deepEqual(getXattr(file, 'user.one'), value);
    assert.deepEqual(getXattr(file, 'user.empty'), Buffer.alloc(0));
    assert.equal(getXattr(file, 'user.none'), undefined);
    symlinkSync('x', join(base, 'link'));
    assert.deepEqual(listXattrs(join(base, 'link')), []);
    removeXattr(file, 'user.one');
    removeXattr(file, 'user.one');
    assert.deepEqual(listXattrs(file), ['user.empty']);
    assert.throws(() => listXattrs(join(base, 'absent')), { code: 'ENOENT' });
  });

  it('makes devices and fifos with the exact mode', () => {
    mknod(join(base, 'null'), 0o020666, 1, 3);
    const stat = statSync(join(base, 'null'));
    assert.equal(stat.mode, 0o020666);
    assert.deepEqual(majorMinor(stat.rdev), { major: 1, minor: 3 });
    mknod(join(base, 'big'), 0o060600, 4095, 1048575);
    assert.deepEqual(majorMinor(statSync(join(base, 'big')).rdev), { major: 4095, minor: 1048575 });
    assert.deepEqual(majorMinor(makeDevice(259, 70000)), { major: 259, minor: 70000 });
    assert.throws(() => makeDevice(4096, 0), { code: 'EINVAL' });
    mkfifo(join(base, 'fifo'), 0o622);
    assert.equal(statSync(join(base, 'fifo')).mode, 0o010622);
    assert.throws(() => mkfifo(join(base, 'fifo'), 0o622), { code: 'EEXIST' });
  });

  it('sets times to the nanosecond, before 1970 too, on a link itself', () => {
    writeFileSync(join(base, 'timed'), '');
    symlinkSync('timed', join(base, 'timed-link'));
    setTimes(join(base, 'timed-link'), -5, 123456789);
    setTimes(join(base, 'timed'), 4102444800, 1);
    assert.equal(lstatSync(join(base, 'timed-link'), { bigint: true }).mtimeNs, -4876543211n);
    assert.equal(statSync(join(base, 'timed'), { bigint: true }).mtimeNs, 4102444800000000001n);
  });

  it('copies data and leaves holes holes', () => {
    const from = openSync(join(base, 'from'), 'w+');
    writeSync(from, 'head', 0);
    writeSync(from, Buffer.alloc(300_000, 7), 0, 300_000, 40 << 20);
    ftruncateSync(from, 64 << 20);
    const to = openSync(join(base, 'to'), 'w+');
    copyData(from, to, 64 << 20);
    closeSync(to);
    closeSync(from);
    assert.ok(readFileSync(join(base, 'from')).equals(readFileSync(join(base, 'to'))));
    assert.ok(statSync(join(base, 'to')).blocks * 512 < 4 << 20);
  });

  it('copies files of the kernel that have no size of their own', () => {
    const from = openSync('/proc/version', 'r');
    const to = openSync(join(base, 'version'), 'w+');
    const text = readFileSync('/proc/version');
    copyData(from, to, text.length);
    closeSync(from);
    closeSync(to);
    assert.deepEqual(readFileSync(join(base, 'version')), text);
  });

  it('makes a folder and a file system durable', () => {
    fsyncDir(base);
    syncfs(base);
    assert.throws(() => fsyncDir(join(base, 'x')), { code: 'ENOTDIR' });
  });
});
