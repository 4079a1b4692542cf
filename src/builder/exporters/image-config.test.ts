import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { DiffID, HistoryEntry } from '../../oci/index.ts';
import { emptyDraft } from '../frontend/image-draft.ts';
import { finishConfig } from './image-config.ts';

const layer = (number: number) => ({
  diffID: `sha256:${String(number).repeat(64)}` as DiffID,
  createdAt: number * 1000,
});

function finish(history: readonly HistoryEntry[], layers: number, epoch?: number) {
  const draft = { ...emptyDraft({ os: 'linux', architecture: 'amd64' }), history: [...history] };
  const facts = Array.from({ length: layers }, (_, index) => layer(index + 1));
  return finishConfig(draft, facts, { labels: {}, epoch });
}

const times = (config: ReturnType<typeof finish>) => config.history!.map(({ created }) => created?.slice(17, 20));
const base: HistoryEntry = { created: '1970-01-01T00:00:09Z', created_by: 'base' };

test('a layer is dated by its making, an entry without one by the first new layer', () => {
  const config = finish([base, { empty_layer: true }, {}, { empty_layer: true }, {}], 3);
  assert.deepEqual(times(config), ['09Z', '02Z', '02Z', '02Z', '03Z']);
  assert.equal(config.created, '1970-01-01T00:00:03Z');
});

test('an image without a new layer keeps the date of its base', () => {
  const config = finish([base, { empty_layer: true }], 1);
  assert.deepEqual([times(config), config.created], [['09Z', '09Z'], '1970-01-01T00:00:09Z']);
});

test('an image of nothing has no date', () => {
  const config = finish([{ empty_layer: true }], 0);
  assert.deepEqual([config.created, config.rootfs.diff_ids], [undefined, []]);
});

test('an epoch is the latest date that appears', () => {
  const config = finish([base, {}, { empty_layer: true }], 2, 1);
  assert.deepEqual([times(config), config.created], [['01Z', '01Z', '01Z'], '1970-01-01T00:00:01Z']);
});

test('layers that no history tells of are told at its end', () => {
  const config = finish([base], 2);
  assert.deepEqual(
    config.history!.map(({ comment }) => comment),
    [undefined, 'buildkit.exporter.image.v0'],
  );
});

test('equal configurations have equal bytes, whatever order they were written in', () => {
  const make = (labels: Record<string, string>) => {
    const draft = emptyDraft({ os: 'linux', architecture: 'amd64' });
    draft.config.Labels = labels;
    draft.config.Cmd = null;
    return JSON.stringify(finishConfig(draft, [], { labels: { z: '1' }, epoch: undefined }));
  };
  assert.equal(make({ b: '1', a: '2' }), make({ a: '2', b: '1' }));
  assert.ok(!make({}).includes('Cmd'));
});
