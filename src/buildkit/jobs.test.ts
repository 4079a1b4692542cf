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
