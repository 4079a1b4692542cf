import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { LogChunk } from '../container/index.ts';
import { type LineMarks, markedLines } from './log-lines.ts';

async function marked(text: string, time: string, marks: LineMarks): Promise<string> {
  async function* chunks(): AsyncGenerator<LogChunk> {
    yield { stream: 'stdout', data: Buffer.from(text), time };
  }
  let out = '';
  for await (const { data } of markedLines(chunks(), marks)) out += Buffer.from(data).toString();
  return out;
}

test('times have nine digits and end in Z, whatever the clock of the writer', async () => {
  for (const [time, shown] of [
    ['2026-11-30T23:00:00.123456789+00:00', '2026-11-30T23:00:00.123456789Z'],
    ['2026-12-01T01:00:00.123456789+02:00', '2026-11-30T23:00:00.123456789Z'],
    ['2026-11-30T23:00:00.5Z', '2026-11-30T23:00:00.500000000Z'],
    ['2026-11-30T23:00:00Z', '2026-11-30T23:00:00.000000000Z'],
  ] as const)
    assert.equal(await marked('a\nb', time, { timestamps: true, details: undefined }), `${shown} a\n${shown} b`);
});

test('details come after the time, sorted and escaped', async () => {
  const details = { tag: 't/x', a: 'two words', 'X=1': "it's" };
  const time = '2026-11-30T23:00:00Z';
  assert.equal(await marked('l\n', time, { timestamps: false, details }), 'X%3D1=it%27s,a=two+words,tag=t%2Fx l\n');
  assert.equal(await marked('l\n', time, { timestamps: false, details: {} }), ' l\n');
  assert.equal(
    await marked('l\n', time, { timestamps: true, details: { a: '1' } }),
    '2026-11-30T23:00:00.000000000Z a=1 l\n',
  );
});
