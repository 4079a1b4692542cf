import assert from 'node:assert/strict';
import { test } from 'node:test';
import { documentLimit, documentText } from './documents.ts';

test('a document of a row has a bound, and the message names what takes the most', () => {
  assert.equal(documentText('it', { a: 1 }), '{"a":1}');
  const Labels = Object.fromEntries(Array.from({ length: 100_000 }, (_, i) => [`label-${i}`, 'value']));
  assert.throws(
    () => documentText('the configuration of the container', { config: { Labels, Env: ['a'] }, host: {} }),
    /^StrataError: the configuration of the container is too large: \d+ bytes, at most 1048576 are taken \(Labels alone: \d+\)$/,
  );
  assert.doesNotThrow(() => documentText('it', 'x'.repeat(documentLimit - 2)));
  assert.throws(() => documentText('it', { labels: { x: 'ü'.repeat(documentLimit / 2) } }), /\(labels alone/);
});
