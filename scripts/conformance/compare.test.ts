import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Case } from './case.ts';
import { type Base, compare, type Made, observe } from './compare.ts';
import { flatten, type SavedImage } from './image.ts';

const file = (name: string, more: object = {}) => ({
  ...{ name, type: 'file', mode: '0644', uid: 0, gid: 0, mtime: 5, size: 1, sha256: 'aa' },
  ...more,
});
const dir = (name: string) => ({ name, type: 'dir', mode: '0755', uid: 0, gid: 0, mtime: 5 });
const lower = [dir('etc'), file('etc/a'), file('etc/b'), dir('old'), file('old/x')];
const upper = [
  file('etc/.wh.b'),
  file('.wh.old'),
  file('etc/a', { mtime: 9 }),
  file('new'),
  { name: 'other', type: 'hardlink', link: 'new' },
];
const base: Base = { name: 'busybox:latest', diffIDs: ['sha256:1'], tree: flatten([lower]) };
const image: SavedImage = {
  config: {
    architecture: 'amd64',
    config: { Cmd: ['sh'], Entrypoint: [], ExposedPorts: { '80/tcp': {}, '443/tcp': {} } },
    created: '2024-01-01T00:00:00Z',
    history: [{ created_by: 'base' }, { created_by: 'RUN x', comment: 'c' }],
    rootfs: { diff_ids: ['sha256:1', 'sha256:2'] },
  },
  layers: [lower, upper],
};
const made: Made = observe(image, [base], 'text\n - \x1b[33mRule: told (line 3)\n');

const spec = (expected: object, more: object = {}): Case =>
  ({
    name: 'a',
    expectError: null,
    expected: {
      exit: 'ok',
      base: 'busybox:latest',
      config: { Cmd: ['sh'], ExposedPorts: ['443/tcp', '80/tcp'], architecture: 'amd64' },
      layers_added: 1,
      history: [{ created_by: 'RUN x', comment: 'c' }],
      fs: {
        '/new': { type: 'file', mode: '0644', uid: 0, gid: 0, size: 1, sha256: 'aa', hardlinks: ['/other'] },
        '/other': { type: 'file', mode: '0644', uid: 0, gid: 0, size: 1, sha256: 'aa', hardlinks: ['/new'] },
      },
      deleted: ['/etc/b', '/old'],
      ...expected,
    },
    ...more,
  }) as unknown as Case;
const options = { warnings: false };

test('an image is seen as what its layers change of the base', () => {
  assert.deepEqual(compare(spec({}), made, options), []);
  assert.equal(made.fs['/etc/a']?.onlyMtime, true);
});

for (const [what, expected] of [
  ['exit', { exit: 'error' }],
  ['base', { base: 'scratch' }],
  ['config.Cmd', { config: { Cmd: ['ash'], ExposedPorts: ['443/tcp', '80/tcp'], architecture: 'amd64' } }],
  ['created', { created: '2023-01-01T00:00:00Z' }],
  ['layers added', { layers_added: 2 }],
  ['history', { history: [] }],
  ['history[0].comment', { history: [{ created_by: 'RUN x', comment: 'other' }] }],
  ['deleted', { deleted: ['/old'] }],
  ['/new', { fs: { '/other': made.fs['/other'] } }],
  ['/gone', { fs: { ...made.fs, '/gone': { type: 'dir' } } }],
  ['/new: mode', { fs: { ...made.fs, '/new': { ...made.fs['/new'], mode: '0600' } } }],
  ['/new: mtime', { fs: { ...made.fs, '/new': { ...made.fs['/new'], mtime: 6, mtime_checked: true } } }],
] as const)
  test(`a difference is told: ${what}`, () => {
    const differences = compare(spec(expected), made, options);
    assert.equal(differences.length, 1, differences.join('\n'));
    assert.equal(differences[0]?.slice(0, what.length + 1), `${what}:`);
  });

test('warnings are compared by rule, errors by their phrases', () => {
  assert.deepEqual(compare(spec({ warnings: ['Rule: other words'] }), made, { warnings: true }), []);
  assert.equal(compare(spec({}), made, { warnings: true }).length, 1);
  const failing = spec({ exit: 'error' }, { expectError: ['Not There'] });
  assert.deepEqual(compare(failing, { exit: 'error', output: 'it is not there' }, options), []);
  assert.equal(compare(failing, { exit: 'error', output: 'it is' }, options).length, 1);
  assert.equal(compare(failing, made, options).length, 1);
});
