import assert from 'node:assert/strict';
import { test } from 'node:test';
import { noBool, parseBool } from './index.ts';

test('booleans are those of Go, and nothing else is one', () => {
  for (const text of ['1', 't', 'T', 'TRUE', 'true', 'True']) assert.equal(parseBool(text), true, text);
  for (const text of ['0', 'f', 'F', 'FALSE', 'false', 'False']) assert.equal(parseBool(text), false, text);
  for (const text of ['', 'yes', 'tRUE', '01', 'constructor']) assert.equal(parseBool(text), undefined, text);
  assert.equal(noBool('a"b'), 'strconv.ParseBool: parsing "a\\"b": invalid syntax');
});
