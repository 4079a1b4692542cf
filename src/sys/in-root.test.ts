import assert from 'node:assert/strict';
import {
  closeSync,
  constants,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import {
  fdPath,
  mkdirInRoot,
  openFolderBelow,
  openInRoot,
  readFileInRoot,
  resolveInRoot,
  statInRoot,
} from './index.ts';

describe('paths inside a root', () => {
  let base: string;
  let root: string;
  before(() => {
    base = mkdtempSync(join(tmpdir(), 'sys-root-'));
    root = join(base, 'root');
    mkdirSync(join(root, 'a/b'), { recursive: true });
    mkdirSync(join(base, 'secret'));
    writeFileSync(join(base, 'secret/key'), 'secret');
    writeFileSync(join(root, 'a/b/file'), 'inside');
    symlinkSync('/a', join(root, 'absolute'));
    symlinkSync('../../../../../secret', join(root, 'climbing'));
    symlinkSync('/made/later', join(root, 'dangling'));
    symlinkSync('loop', join(root, 'loop'));
    symlinkSync(base, join(root, 'outside'));
  });
  after(() => rmSync(base, { recursive: true }));
  const folder = { mode: 0o750, uid: 12, gid: 34 };

  it('takes absolute links and .. as if the root were /', () => {
    assert.equal(readFileInRoot(root, '/absolute/b/file', 100).toString(), 'inside');
    assert.equal(readFileInRoot(root, '../../../a/b/../b/file', 100).toString(), 'inside');
    assert.throws(() => readFileInRoot(root, 'climbing/key', 100), { code: 'ENOENT' });
    assert.throws(() => readFileInRoot(root, `outside/secret/key`, 100), { code: 'ENOENT' });
    assert.throws(() => readFileInRoot(root, 'loop', 100), { code: 'ELOOP' });
  });

  it('refuses leaving with beneath, links with noSymlinks, and the links of /proc', () => {
    const path = (name: string, options: object) => closeSync(openInRoot(root, name, constants.O_RDONLY, 0, options));
    assert.throws(() => path('../secret', { beneath: true }), { code: 'EXDEV' });
    assert.throws(() => path('absolute/b/file', { noSymlinks: true }), { code: 'ELOOP' });
    assert.throws(() => closeSync(openInRoot('/', '/proc/self/root/etc', constants.O_RDONLY)), { code: 'ELOOP' });
    path('a/b/file', { beneath: true, noSymlinks: true });
  });

  it('gives descriptors that no child inherits, and a name for them', () => {
    const fd = openInRoot(root, 'a/b/file', constants.O_RDONLY);
    const flags = readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8').match(/flags:\t(\d+)/)![1]!;
    assert.ok(Number.parseInt(flags, 8) & 0o2000000);
    assert.equal(readFileSync(fdPath(fd), 'utf8'), 'inside');
    closeSync(fd);
  });

  it('names what a path means on the host, the last component absent or a link', () => {
    assert.equal(resolveInRoot(root, 'absolute/b/file'), join(root, 'a/b/file'));
    assert.equal(resolveInRoot(root, '/absolute/new'), join(root, 'a/new'));
    assert.equal(resolveInRoot(root, 'absolute', { follow: false }), join(root, 'absolute'));
    assert.equal(resolveInRoot(root, 'absolute'), join(root, 'a'));
    assert.equal(resolveInRoot(root, '/'), root);
    assert.equal(resolveInRoot(root, 'a/..'), root);
    assert.equal(resolveInRoot(root, 'a/b/../../../..'), root);
    assert.throws(() => resolveInRoot(root, 'absent/new'), { code: 'ENOENT' });
    assert.throws(() => resolveInRoot(root, 'dangling'), { code: 'ENOENT' });
    assert.throws(() => resolveInRoot(root, 'loop'), { code: 'ELOOP' });
  });

  it('makes missing folders where links lead, with the wanted mode and owner', () => {
    assert.deepEqual(mkdirInRoot(root, 'absolute/n/m', folder), ['/a/n', '/a/n/m']);
    assert.deepEqual(mkdirInRoot(root, 'absolute/n/m', folder), []);
    const made = statSync(join(root, 'a/n/m'));
    assert.deepEqual([made.mode & 0o7777, made.uid, made.gid], [0o750, 12, 34]);
    assert.deepEqual(mkdirInRoot(root, 'dangling/x', folder), ['/made', '/made/later', '/made/later/x']);
    assert.deepEqual(mkdirInRoot(root, 'a/../../q/../r', folder), ['/q', '/r']);
    assert.deepEqual(mkdirInRoot(root, 'climbing/deep', folder), ['/secret', '/secret/deep']);
    assert.throws(() => mkdirInRoot(root, 'loop/x', folder), { code: 'ELOOP' });
    assert.throws(() => mkdirInRoot(root, 'a/b/file/x', folder), { code: 'ENOTDIR' });
    assert.throws(() => statSync(join(base, 'secret/deep')), { code: 'ENOENT' });
  });

  it('follows links below a start, and refuses a relative one that leaves it', () => {
    const top = openSync(root, constants.O_RDONLY);
    mkdirInRoot(root, 'start/real', folder);
    symlinkSync('real', join(root, 'start/relative'));
    symlinkSync('../a', join(root, 'start/up'));
    symlinkSync('/a', join(root, 'start/absolute'));
    const lands = (path: string) => {
      const fd = openFolderBelow(top, '/start', path, folder);
      const at = readlinkSync(fdPath(fd), 'latin1');
      closeSync(fd);
      return at.slice(root.length);
    };
    assert.equal(lands('relative/x'), '/start/real/x');
    assert.equal(lands('absolute/b'), '/a/b');
    assert.equal(lands('n\xff/m'), '/start/n\xff/m');
    assert.throws(() => lands('up/b'), { code: 'EXDEV' });
    closeSync(top);
  });

  it('bounds what it reads and reads only regular files', () => {
    assert.throws(() => readFileInRoot(root, 'a/b/file', 5), { code: 'EFBIG' });
    assert.throws(() => readFileInRoot(root, 'a', 5), { code: 'EISDIR' });
    assert.throws(() => readFileInRoot('/', 'dev/zero', 5), { code: 'EINVAL' });
  });

  it('stats links or what they lead to, and says undefined for what is absent', () => {
    assert.equal(statInRoot(root, 'absolute')?.isDirectory(), true);
    assert.equal(statInRoot(root, 'absolute', { follow: false })?.isSymbolicLink(), true);
    assert.equal(statInRoot(root, 'nothing/here'), undefined);
    assert.equal(statInRoot(root, 'climbing/key'), undefined);
  });
});
