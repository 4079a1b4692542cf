import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readFilters } from './filters.ts';
import { createQuery } from './query.ts';

const filters = (given: object) =>
  readFilters(createQuery(new URLSearchParams({ filters: JSON.stringify(given) })), ['label', 'label!']);

test('a label is asked for by its key, or with its whole value', () => {
  const labels = { url: 'a', query: 'a=b', empty: '' };
  for (const label of [['url'], ['url=a'], ['query=a=b'], ['empty='], ['url', 'empty'], []])
    assert.equal(filters({ label }).labels(labels), true, String(label));
  for (const label of [['url=a=b'], ['query=a'], ['empty=x'], ['toString'], ['url', 'other']])
    assert.equal(filters({ label }).labels(labels), false, String(label));
});

test('what has one of the labels of label! is left out', () => {
  assert.equal(filters({ 'label!': ['keep', 'hold=1'] }).labels({ hold: '2' }), true);
  assert.equal(filters({ 'label!': ['keep', 'hold=1'] }).labels({ hold: '1' }), false);
  assert.equal(filters({ label: ['a'], 'label!': ['b'] }).labels({ a: '', b: '' }), false);
});
