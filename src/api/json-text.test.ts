import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { nameOf } from '../sys/index.ts';
import { jsonText } from './json-text.ts';
import { createQuery, parseQuery } from './query.ts';

test('JSON is that of the platform, but for bytes that are no text, which it shows', () => {
  fc.assert(fc.property(fc.jsonValue(), (value) => jsonText(value) === JSON.stringify(value)));
  fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => jsonText([text]) === JSON.stringify([text])));
  const name = nameOf(Buffer.from('/caf\xe9\xff\\\n', 'latin1'));
  assert.deepEqual(JSON.parse(jsonText({ [name]: name })), { '/caf\\351\\377\\\n': '/caf\\351\\377\\\n' });
  assert.equal(jsonText('\\udce9'), '"\\\\udce9"');
  assert.deepEqual(JSON.parse(jsonText(['\ud800', '\ud800x', '\udc00'])), ['\ufffd', '\ufffdx', '\ufffd']);
  assert.ok(JSON.parse(jsonText('\ud83d\udca9\ud800')).isWellFormed());
});

test('a query holds paths of any bytes, and is read as forms are', () => {
  const query = createQuery(parseQuery('path=%2Fcaf%E9%c3%a9+b&path=&flag&x=%zz%&&=1'));
  assert.deepEqual(query.all('path'), [nameOf(Buffer.from('/caf\xe9\xc3\xa9 b', 'latin1')), '']);
  assert.equal(query.text('x'), '%zz%');
  assert.ok(query.has('flag') && !query.has('nothing'));
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.string({ unit: 'grapheme' }), fc.string({ unit: 'grapheme' }))), (pairs) => {
      const text = new URLSearchParams(pairs.filter(([name]) => name.isWellFormed())).toString();
      const read = parseQuery(text);
      for (const [name, value] of new URLSearchParams(text)) assert.ok(read.getAll(name).includes(value));
    }),
  );
});
