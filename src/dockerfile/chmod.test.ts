import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseChmod } from './chmod.ts';

/** Modes of a folder 0755, files 0640, 0750 and 0600 after `--chmod`, as the reference leaves them. */
const recorded: Readonly<Record<string, readonly [string, string, string, string]>> = {
  '755': ['755', '755', '755', '755'],
  '+w': ['777', '662', '772', '622'],
  '=rw': ['666', '666', '666', '666'],
  'go=u': ['777', '666', '777', '666'],
  'a=rX,u+w': ['755', '644', '755', '644'],
  '+X': ['755', '640', '751', '600'],
  '-x': ['644', '640', '640', '600'],
  'u=rwx,go=u-w': ['755', '755', '755', '755'],
  'go=': ['700', '600', '700', '600'],
  '=t': ['1755', '1640', '1750', '1600'],
  'o+t': ['755', '640', '750', '600'],
  'u+t': ['1755', '1640', '1750', '1600'],
  '+s': ['6755', '6640', '6750', '6600'],
  'g+s': ['2755', '2640', '2750', '2600'],
  'o+s': ['755', '640', '750', '600'],
  'ug=rws,o=t': ['6660', '6660', '6660', '6660'],
  'a=u': ['777', '666', '777', '666'],
  'g=o,o=g': ['755', '600', '700', '600'],
  'u-w+x': ['555', '540', '550', '500'],
  'u=r+w-r': ['255', '240', '250', '200'],
  '+rwxXst': ['1755', '1640', '1750', '1600'],
  'u=g=o': ['555', '40', '50', '0'],
  'u=X': ['155', '40', '150', '0'],
  'u-x,g=uX': ['675', '660', '670', '660'],
  '+x+': ['755', '751', '751', '711'],
  '=': ['0', '0', '0', '0'],
};

test('modes change as the reference changes them', () => {
  for (const [spec, [, ...files]] of Object.entries(recorded)) {
    const change = parseChmod(spec);
    const got = [0o640, 0o750, 0o600].map((mode) => change(mode, false).toString(8));
    assert.deepEqual(got, files, spec);
  }
});

test('an X counts for folders even where nobody may execute', () => {
  assert.equal(parseChmod('a=rX')(0o600, true), 0o555);
  assert.equal(parseChmod('a+X')(0o600, true), 0o711);
});

test('numbers must be octal and up to 07777', () => {
  for (const spec of ['8', '64a', '10000', '0o7']) {
    const message = `invalid chmod parameter: '${spec}'. it should be octal string and between 0 and 07777`;
    assert.throws(() => parseChmod(spec), { message });
  }
  for (const spec of ['', 'a', 'u+q', 'u+x,', ',u+x', 'z+x']) {
    assert.throws(() => parseChmod(spec), { message: 'invalid syntax' });
  }
});
