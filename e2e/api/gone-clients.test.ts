/** A client that sends a request and goes away: what it asked for is done all the same, and nothing stays half done. */
import assert from 'node:assert/strict';
import { request } from 'node:http';
import { connect } from 'node:net';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { startEngine, type TestEngine } from '../harness/engine.ts';
import { until } from '../harness/until.ts';

let engine: TestEngine;
before(async () => {
  engine = await startEngine({ bases: ['busybox'] });
});
after(() => engine?.stop());

interface Inspect {
  readonly Name: string;
  readonly State: { readonly Status: string; readonly StartedAt: string; readonly Pid: number };
  readonly HostConfig: { readonly Memory: number };
  readonly NetworkSettings: { readonly Networks: Readonly<Record<string, unknown>> };
}

function call(method: string, path: string, body?: object): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const headers = body === undefined ? {} : { 'content-type': 'application/json' };
    const sent = request({ socketPath: engine.socket, method, path, headers, agent: false }, (answer) => {
      let text = '';
      answer.setEncoding('utf8').on('data', (part: string) => {
        text += part;
      });
      answer.on('end', () => resolve({ status: answer.statusCode ?? 0, text }));
    });
    sent.on('error', reject);
    sent.end(body === undefined ? undefined : JSON.stringify(body));
  });
}

async function inspect(name: string): Promise<Inspect | undefined> {
  const { status, text } = await call('GET', `/containers/${name}/json`);
  return status === 200 ? JSON.parse(text) : undefined;
}

/** Sends the whole request, and leaves after so many milliseconds. */
async function sendAndLeave(method: string, path: string, body: object | undefined, after: number): Promise<void> {
  const text = body === undefined ? '' : JSON.stringify(body);
  const head = [`${method} ${path} HTTP/1.1`, 'Host: x', 'Content-Type: application/json'];
  const socket = connect(engine.socket);
  socket.on('error', () => {});
  await new Promise<void>((resolve) => {
    socket.write(`${[...head, `Content-Length: ${text.length}`].join('\r\n')}\r\n\r\n${text}`, () => resolve());
  });
  await sleep(after);
  socket.destroy();
}

/** Takes half a second to end, so that a client can be gone in the middle. */
const slowToEnd = ['sh', '-c', "trap 'sleep 0.5; exit 0' TERM; echo up; while :; do sleep 0.05; done"];

interface Row {
  readonly state?: 'created' | 'paused';
  readonly method?: string;
  readonly path: string;
  readonly body?: (name: string) => object;
  /** Whether it was done; `before` is the container as it was. */
  readonly done: (now: Inspect | undefined, before: Inspect) => boolean | Promise<boolean>;
}

const is = (status: string) => (now: Inspect | undefined) => now?.State.Status === status;
const rows: Readonly<Record<string, Row>> = {
  start: { state: 'created', path: '/containers/NAME/start', done: is('running') },
  stop: { path: '/containers/NAME/stop', done: is('exited') },
  kill: { path: '/containers/NAME/kill', done: is('exited') },
  restart: {
    path: '/containers/NAME/restart',
    done: (now, before) => now?.State.Status === 'running' && now.State.StartedAt !== before.State.StartedAt,
  },
  pause: { path: '/containers/NAME/pause', done: is('paused') },
  unpause: { state: 'paused', path: '/containers/NAME/unpause', done: is('running') },
  rename: {
    path: '/containers/NAME/rename?name=NAME-new',
    done: async (_now, before) => (await inspect(`${before.Name.slice(1)}-new`))?.State.Status === 'running',
  },
  update: {
    path: '/containers/NAME/update',
    body: () => ({ Memory: 100_000_000, MemorySwap: 100_000_000 }),
    done: (now) => now?.HostConfig.Memory === 100_000_000,
  },
  remove: { method: 'DELETE', path: '/containers/NAME?force=1', done: (now) => now === undefined },
  'network connect': {
    path: '/networks/side/connect',
    body: (name) => ({ Container: name }),
    done: (now) => now?.NetworkSettings.Networks['side'] !== undefined,
  },
  'network disconnect': {
    path: '/networks/bridge/disconnect',
    body: (name) => ({ Container: name }),
    done: (now) => Object.keys(now?.NetworkSettings.Networks ?? {}).length === 0,
  },
  commit: {
    path: '/commit?container=NAME&repo=image-of-NAME',
    done: async (now, before) =>
      now?.State.Status === 'running' &&
      (await call('GET', `/images/image-of-${before.Name.slice(1)}/json`)).status === 200,
  },
};

/** What only looks: a client that leaves changes nothing. */
const looks = [
  'POST /containers/NAME/wait',
  'POST /containers/NAME/attach?stream=1&stdout=1&stderr=1',
  'GET /containers/NAME/logs?follow=1&stdout=1',
  'GET /containers/NAME/stats',
  'GET /containers/NAME/top',
  'GET /containers/NAME/export',
  'GET /containers/NAME/archive?path=/',
  'GET /containers/NAME/changes',
];

async function make(name: string, state: Row['state']): Promise<Inspect> {
  const body = { Image: 'busybox', Cmd: slowToEnd, StopTimeout: 20 };
  assert.equal((await call('POST', `/containers/create?name=${name}`, body)).status, 201);
  if (state !== 'created') {
    assert.equal((await call('POST', `/containers/${name}/start`)).status, 204);
    await until(`${name} speaks`, async () =>
      (await call('GET', `/containers/${name}/logs?stdout=1`)).text.includes('up'),
    );
  }
  if (state === 'paused') assert.equal((await call('POST', `/containers/${name}/pause`)).status, 204);
  return (await inspect(name))!;
}

for (const after of [0, 150])
  test(`what a client asked for is done when it leaves ${after === 0 ? 'at once' : 'in the middle'}`, {
    timeout: 300_000,
  }, async (t) => {
    await call('POST', '/networks/create', { Name: 'side' });
    for (const [what, { state, method = 'POST', path, body, done }] of Object.entries(rows))
      await t.test(what, async () => {
        const name = `${what.replace(' ', '-')}-${after}`;
        const before = await make(name, state);
        await sendAndLeave(method, path.replaceAll('NAME', name), body?.(name), after);
        await until(what, async () => await done(await inspect(name), before), { patience: 20_000 });
        await engine.docker(['rm', '-f', name, `${name}-new`], { accept: 'any' });
      });
  });

test('a client that only looked leaves nothing behind', { timeout: 120_000 }, async (t) => {
  const before = await make('watched', undefined);
  for (const line of looks)
    await t.test(line, async () => {
      const [method = '', path = ''] = line.replace('NAME', 'watched').split(' ');
      for (const after of [0, 50]) await sendAndLeave(method, path, undefined, after);
      assert.deepEqual((await inspect('watched'))?.State, before.State);
    });
  assert.doesNotMatch(engine.log(), /internal error/);
});
