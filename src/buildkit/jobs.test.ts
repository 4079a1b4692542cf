import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Jobs } from './jobs.ts';

test('a client that asks for the status of a build that is over gets all of it, and its end', async () => {
  const jobs = new Jobs();
  const job = jobs.get('quick');
  job.push({ type: 'vertex', id: 'a', kind: 'internal', name: 'load' });
  jobs.remove(job);
  const names: string[] = [];
  for await (const { vertexes } of jobs.get('quick').statuses(AbortSignal.timeout(5000)))
    names.push(...vertexes.map(({ name }) => name));
  assert.deepEqual(names, ['load']);
});

test('a step that writes without end is not kept whole; what else was told is', async () => {
  const job = new Jobs().get('loud');
  const text = 'x'.repeat(1 << 20);
  job.push({ type: 'vertex', id: 'a', kind: 'exec', name: 'RUN yes' });
  for (let i = 0; i < 40; i++) job.push({ type: 'log', id: 'a', stream: 'stdout', at: 0, text });
  job.push({ type: 'completed', id: 'a', at: 0, cached: false });
  job.end();
  let [bytes, vertices] = [0, 0];
  for await (const { logs, vertexes } of job.statuses(AbortSignal.timeout(5000))) {
    vertices += vertexes.length;
    for (const { msg } of logs) bytes += msg.length;
  }
  assert.equal(vertices, 2);
  assert.ok(bytes > 0 && bytes <= 16 << 20, `${bytes} bytes`);
});
