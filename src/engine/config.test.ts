import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { StrataError } from '../errors/index.ts';
import { defaultConfig, loadConfig } from './config.ts';

const dir = mkdtempSync(join(tmpdir(), 'strata-config-'));
after(() => rmSync(dir, { recursive: true }));

function load(text: string) {
  const file = join(dir, 'config.json');
  writeFileSync(file, text);
  return loadConfig(file, true);
}

test('a file that is not there means the defaults, unless it was asked for', () => {
  assert.deepEqual(loadConfig(join(dir, 'absent.json'), false), defaultConfig());
  assert.throws(() => loadConfig(join(dir, 'absent.json'), true), /cannot read the configuration file/);
});

test('settings of the file go over the defaults, section by section', () => {
  const config = load('{"dataRoot": "/srv/strata", "gc": {"enabled": false}}');
  assert.equal(config.dataRoot, '/srv/strata');
  assert.deepEqual(config.gc, { ...defaultConfig().gc, enabled: false });
});

for (const [text, message] of [
  ['{', /config\.json is not valid JSON/],
  ['[]', /the configuration must be an object/],
  ['{"gc": 1}', /gc must be an object/],
  ['{"dataroot": "/x"}', /unknown setting "dataroot"/],
  ['{"dataRoot": "x"}', /dataRoot must be an absolute path, not "x"/],
  ['{"registries": {"mirrors": "m"}}', /registries\.mirrors must be a list of URLs/],
  ['{"parallelism": 0.5}', /parallelism must be a whole number above 0, not 0\.5/],
  ['{"addressPools": [{"base": "10.90.0.0/16"}]}', /addressPools must be a list of pools such as/],
  ['{"__proto__": {"a": 1}}', /unknown setting "__proto__"|must be/],
] as const) {
  test(`${text} is refused with the place and the reason`, () => {
    assert.throws(
      () => load(text),
      (error) => error instanceof StrataError && error.kind === 'invalid_argument' && message.test(error.message),
    );
  });
}
