import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type BuildEvent, createRawJsonRenderer } from '../progress/index.ts';
import { createStatusRenderer } from './status.ts';

const warning: BuildEvent = {
  type: 'warning',
  rule: 'FromAsCasing',
  message: "'as' and 'FROM' keywords' casing do not match",
  description: "The 'as' keyword should match the case of the 'from' keyword",
  url: 'https://docs.docker.com/go/dockerfile/rule/from-as-casing/',
  location: { file: 'Dockerfile', line: 2, excerpt: { first: 1, lines: ['# one', 'FROM busybox as one', 'RUN true'] } },
};
const plain: BuildEvent = { type: 'warning', message: 'nothing is known of it' };

test('a warning has what BuildKit’s has: the finding, what the rule wants, where to read on, and the place', () => {
  const [found] = createStatusRenderer()(warning)!.warnings;
  assert.equal(text(found!.short), "FromAsCasing: 'as' and 'FROM' keywords' casing do not match (line 2)");
  assert.deepEqual(found!.detail.map(text), ["The 'as' keyword should match the case of the 'from' keyword"]);
  assert.equal(found!.url, 'https://docs.docker.com/go/dockerfile/rule/from-as-casing/');
  assert.equal(found!.info?.filename, 'Dockerfile');
  assert.equal(found!.info?.language, 'Dockerfile');
  assert.equal(text(found!.info!.data), '# one\nFROM busybox as one\nRUN true');
  assert.deepEqual(
    found!.ranges.map(({ start, end }) => [start?.line, end?.line]),
    [[2, 2]],
  );
});

test('a warning without rule and place has no empty parts', () => {
  const [found] = createStatusRenderer()(plain)!.warnings;
  assert.equal(text(found!.short), 'nothing is known of it');
  assert.deepEqual([found!.detail, found!.url, found!.info, found!.ranges], [[], '', undefined, []]);
});

test('our own rawjson tells the same parts of a warning', () => {
  const [found] = (JSON.parse(createRawJsonRenderer().push(warning)) as { warnings: Record<string, unknown>[] })
    .warnings;
  const encoded = (value: string) => Buffer.from(value).toString('base64');
  assert.deepEqual(found, {
    vertex: '',
    level: 1,
    short: encoded("FromAsCasing: 'as' and 'FROM' keywords' casing do not match (line 2)"),
    detail: [encoded("The 'as' keyword should match the case of the 'from' keyword")],
    url: 'https://docs.docker.com/go/dockerfile/rule/from-as-casing/',
    sourceInfo: {
      filename: 'Dockerfile',
      data: encoded('# one\nFROM busybox as one\nRUN true'),
      language: 'Dockerfile',
    },
    range: [{ start: { line: 2 }, end: { line: 2 } }],
  });
});

test('a warning of the file is one of the vertex that read it, as BuildKit’s is', () => {
  const [read, other]: BuildEvent[] = [
    { type: 'vertex', id: 'sha256:1', kind: 'internal', name: '[internal] load build definition from Dockerfile' },
    { type: 'vertex', id: 'sha256:2', kind: 'source', name: '[1/2] FROM busybox' },
  ];
  const status = createStatusRenderer();
  for (const event of [read!, other!]) status(event);
  assert.equal(status(warning)!.warnings[0]!.vertex, 'sha256:1');
  assert.equal(status({ ...warning, id: 'sha256:2' })!.warnings[0]!.vertex, 'sha256:2');
  const raw = createRawJsonRenderer();
  for (const event of [read!, other!]) raw.push(event);
  assert.equal(JSON.parse(raw.push(warning)).warnings[0].vertex, 'sha256:1');
});

function text(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString();
}
