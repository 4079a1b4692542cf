import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Container } from '../types.ts';
import { logDetails } from './log-details.ts';

const container = (options: Record<string, string>, type = 'json-file') =>
  ({
    id: 'ab'.repeat(32),
    name: 'web',
    imageID: `sha256:${'cd'.repeat(32)}`,
    config: { Image: 'busybox:1', Labels: { a: '1', 'app.b': '2' }, Env: ['X=5', 'XY=a=b', 'Z'] },
    host: { LogConfig: { Type: type, Config: options } },
  }) as unknown as Container;

test('log options choose labels and variables by name and by pattern, and make a tag', () => {
  for (const [options, expected] of [
    [{}, {}],
    [
      { labels: 'a,no', env: 'X,Z' },
      { a: '1', X: '5', Z: '' },
    ],
    [
      { 'labels-regex': '^app\\.', 'env-regex': '^X' },
      { 'app.b': '2', X: '5', XY: 'a=b' },
    ],
    [{ 'env-regex': '(' }, {}],
    [{ tag: '{{.Name}}/{{.ID}}/{{ .ImageName }}' }, { tag: 'web/abababababab/busybox:1' }],
    [{ tag: '{{.FullID}}' }, { tag: 'ab'.repeat(32) }],
    [{ tag: '{{.ImageID}}' }, { tag: 'cdcdcdcdcdcd' }],
  ] as const)
    assert.deepEqual(logDetails(container(options)), expected);
  assert.deepEqual(logDetails(container({}, 'local')), {});
});
