import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { readTar } from '../layer/index.ts';
import { archiveTree } from '../layer/tree-archive.ts';
import { assertFolder, goMode, statPlace } from './container-path.ts';

const top = mkdtempSync(join(tmpdir(), 'strata-cp-'));
const root = join(top, 'root');
mkdirSync(join(root, 'etc/sub'), { recursive: true });
writeFileSync(join(top, 'secret'), 'of the host');
writeFileSync(join(root, 'etc/passwd'), 'root:x:0:0\n');
writeFileSync(join(root, 'etc/sub/file'), 'f');
symlinkSync('/etc', join(root, 'abs'));
symlinkSync('../secret', join(root, 'up'));
symlinkSync('/../../../../..', join(root, 'out'));
after(() => rmSync(top, { recursive: true, force: true }));

const at = (path: string) => ({ root, path, readonly: false });

async function names(path: string, name: string): Promise<string[]> {
  const out: string[] = [];
  for await (const { header } of readTar(archiveTree(root, path, { name }))) out.push(header.path.replace(/\/$/, ''));
  return out;
}

test('a path is told of in the bits of Go', () => {
  assert.equal(goMode(0o040755), 2 ** 31 + 0o755);
  assert.equal(goMode(0o120777), 2 ** 27 + 0o777);
  assert.equal(goMode(0o041777), 2 ** 31 + 2 ** 20 + 0o777);
  assert.equal(goMode(0o104755), 2 ** 23 + 0o755);
});

test('a trailing dot means what is in the folder, and follows links', () => {
  assert.equal(statPlace(at('/etc'))!.name, 'etc');
  assert.equal(statPlace(at('/etc/.'))!.name, '.');
  assert.equal(statPlace(at('/'))!.name, '/');
  assert.equal(statPlace(at('/abs'))!.linkTarget, '/etc');
  assert.equal(statPlace(at('/abs/.'))!.mode >= 2 ** 31, true);
  assert.equal(statPlace(at('/nope')), undefined);
});

test('a path that goes on behind a file is a mistake, and not a file that is missing', () => {
  symlinkSync('/etc/passwd', join(root, 'users'));
  for (const trail of ['/', '/.', '/x', '/x/', '/x/.', '/x/y', '/..'])
    for (const file of ['/etc/passwd', '/users']) {
      const path = `${file}${trail}`;
      const error = { kind: 'invalid_argument', message: `lstat ${path}: not a directory` };
      assert.throws(() => statPlace(at(path)), error, path);
      assert.throws(() => assertFolder(at(path), 'C', path), error, path);
    }
  assert.throws(() => assertFolder(at('/users'), 'C', '/users'), { message: 'extraction point is not a directory' });
  assert.throws(() => assertFolder(at('/etc/x/y'), 'C', '/etc/x/y'), { kind: 'not_found' });
});

test('links and dots never lead out of the root', async () => {
  assert.equal(statPlace(at('/up/.')), undefined);
  assert.equal(statPlace(at('/../secret')), undefined);
  assert.equal(statPlace(at('/out/secret')), undefined);
  assert.deepEqual(await names('/out/.', '.'), await names('/', '.'));
  await assert.rejects(names('/out/secret', 'secret'));
});

test('a folder is archived under the name that was asked for', async () => {
  assert.deepEqual(await names('/etc', 'etc'), ['etc', 'etc/passwd', 'etc/sub', 'etc/sub/file']);
  assert.deepEqual(await names('/abs', 'abs'), ['abs']);
  assert.deepEqual(await names('/etc/passwd', 'passwd'), ['passwd']);
});
