import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { createHealth, type HealthOptions } from './health.ts';
import { type ContainerRecord, freshState, timestamp } from './record.ts';

type Check = NonNullable<ContainerRecord['config']['Healthcheck']>;

const id = 'c'.repeat(64);
const millisecond = 1e6;

/** A running container in memory whose checks are `run`. */
function watched(t: TestContext, check: Check, run: HealthOptions['run']) {
  let record = {
    id,
    config: { Healthcheck: { Test: ['CMD', 'check'], Interval: 5 * millisecond, ...check } },
    state: { ...freshState, status: 'running', startedAt: timestamp() },
  } as unknown as ContainerRecord;
  const failures: unknown[] = [];
  const change = (state: Partial<ContainerRecord['state']>) => {
    record = { ...record, state: { ...record.state, ...state } };
  };
  const health = createHealth({
    get: () => record,
    run,
    update: (_, value) => change({ health: value }),
    failed: (_, error) => failures.push(error),
  });
  t.after(() => health.close());
  return { health, failures, change, log: () => record.state.health?.log ?? [] };
}

async function until(holds: () => boolean): Promise<void> {
  for (let tries = 0; !holds(); tries++) {
    assert.ok(tries < 400, 'it never came');
    await sleep(5);
  }
}

test('a check that is under way when the engine closes is ended, and told to nobody', async (t) => {
  let begun = false;
  const { health, log } = watched(t, {}, async (_id, _command, signal) => {
    begun = true;
    await sleep(60_000, undefined, { signal });
    return { exitCode: 0, output: '' };
  });
  health.begin(id);
  await until(() => begun);
  await health.close();
  assert.deepEqual(log(), []);
});

test('the checks go on after a pause', async (t) => {
  const { health, log, change } = watched(t, {}, async () => ({ exitCode: 0, output: '' }));
  change({ status: 'paused' });
  health.begin(id);
  await sleep(30);
  assert.equal(log().length, 0);
  change({ status: 'running' });
  await until(() => log().length > 0);
});

test('a container that is started again is checked once an interval, as before', async (t) => {
  let checks = 0;
  let release = () => {};
  const { health } = watched(t, { Interval: 1 * millisecond }, async () => {
    checks++;
    await new Promise<void>((resolve) => {
      release = resolve;
    });
    return { exitCode: 0, output: '' };
  });
  health.begin(id);
  await until(() => checks === 1);
  const first = release;
  health.end(id);
  health.begin(id);
  await until(() => checks === 2);
  first();
  await sleep(30);
  assert.equal(checks, 2, 'the check of the first run began no other');
  release();
});

test('times that no timer can hold are long ones', async (t) => {
  const century = 100 * 365 * 86_400 * 1000;
  const { health, log, failures } = watched(
    t,
    { Timeout: century * millisecond },
    async (_id, _command, { aborted }) => {
      await sleep(10);
      return { exitCode: aborted ? 1 : 0, output: '' };
    },
  );
  health.begin(id);
  await until(() => log().length > 0);
  assert.equal(log()[0]!.exitCode, 0);
  assert.deepEqual(failures, []);
  let checks = 0;
  const rare = watched(t, { Interval: century * millisecond }, async () => ({ exitCode: checks++, output: '' }));
  rare.health.begin(id);
  await sleep(30);
  assert.equal(checks, 0);
});

test('a result that cannot be written down is no end of the checks', async (t) => {
  const full = new Error('database or disk is full');
  const failures: unknown[] = [];
  const record = {
    config: { Healthcheck: { Test: ['CMD', 'x'], Interval: millisecond } },
    state: { status: 'running' },
  };
  let updates = 0;
  const health = createHealth({
    get: () => ({ ...record, state: { ...record.state, health: { status: 'starting', log: [] } } }) as never,
    run: async () => ({ exitCode: 0, output: '' }),
    update() {
      if (updates++ > 0) throw full;
    },
    failed: (_, error) => failures.push(error),
  });
  t.after(() => health.close());
  health.begin(id);
  await until(() => failures.length > 1);
  assert.equal(failures[0], full);
});

test('a check that takes too long keeps what it has said', async (t) => {
  for (const [timeout, output, told] of [
    [20, 'half\n', 'Health check exceeded timeout (20ms): half\n'],
    [20, '', 'Health check exceeded timeout (20ms)'],
  ] as const) {
    const { health, log } = watched(t, { Timeout: timeout * millisecond }, async (_id, _command, signal) => {
      await sleep(60_000, undefined, { signal }).catch(() => undefined);
      return { exitCode: -1, output };
    });
    health.begin(id);
    await until(() => log().length > 0);
    assert.deepEqual([log()[0]?.exitCode, log()[0]?.output], [-1, told]);
    await health.close();
  }
});
