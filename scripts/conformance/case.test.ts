import assert from 'node:assert/strict';
import { globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { test } from 'node:test';
import { type Case, dateOf, ownFolder, readCaseFolder, readOwnCases, unpackTopic } from './case.ts';
import { packTopic } from './pack.ts';

test('the project’s own cases are whole, and written as they are packed', () => {
  const cases = readOwnCases();
  assert.equal(new Set(cases.map(({ name }) => name)).size, cases.length);
  assert.ok(cases.length >= 342);
  for (const file of globSync('*.json', { cwd: ownFolder })) {
    const text = readFileSync(join(ownFolder, file), 'utf8');
    assert.equal(packTopic(unpackTopic(basename(file, '.json'), JSON.parse(text))), text, file);
  }
});

test('a folder’s case and its packed twin are the same: hidden files, bytes, dates', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'strata-case-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const fs = {
    '/a': { type: 'file', mode: '0644', uid: 0, gid: 3, size: 1, sha256: 'aa', mtime: 5, mtime_checked: true },
    '/b': { type: 'dir', uid: 0, gid: 0, unchecked: ['mode'] },
  };
  const files: Readonly<Record<string, string | Buffer>> = {
    'case.json': JSON.stringify({ name: 'one', topic: 'some', source: 'own', expectError: null, target: 'x' }),
    'expected.json': JSON.stringify({ exit: 'ok', base: 'scratch', config: {}, fs, deleted: [] }),
    'setup.sh': 'chmod 0600 context/a\n',
    'context/Dockerfile': 'FROM scratch',
    'context/.dockerignore': '*.md\r\n',
    'context/.hidden/.file': '',
    'context/bytes': Buffer.from([0, 233, 255]),
  };
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
  const given = readCaseFolder(folder);
  const [packed] = unpackTopic('some', JSON.parse(packTopic([given]))) as [Case];
  const names = Object.keys(files).filter((name) => !/^(case|expected)\.json$/.test(name));
  assert.deepEqual([...(packed.files as Map<string, Buffer>).keys()].sort(), names.sort());
  for (const [path, bytes] of packed.files as Map<string, Buffer>) assert.deepEqual(bytes, Buffer.from(files[path]!));
  assert.deepEqual(packed.expected, given.expected);
  assert.equal(packed.target, 'x');
  assert.equal(dateOf(packed), dateOf(given));
});
