/**
 * Who attaches to a process may send its input, end it, start the process, read and leave in any order: nothing is lost,
 * nobody waits for ever, and no process stays behind that Docker would have ended.
 */
import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { after, before, test } from 'node:test';
import { Agent, request } from 'undici';
import { startEngine, type TestEngine } from '../harness/engine.ts';
import { openRaw, type RawStream } from '../harness/raw-stream.ts';
import { until } from '../harness/until.ts';

let engine: TestEngine;
let agent: Agent;
before(async () => {
  engine = await startEngine({ bases: ['busybox'] });
  agent = new Agent({ connect: { socketPath: engine.socket } });
});
after(async () => {
  await agent?.close();
  await engine?.stop();
});

async function api(method: 'GET' | 'POST' | 'DELETE', path: string, body?: object) {
  const answer = await request(`http://engine${path}`, {
    method,
    dispatcher: agent,
    ...(body && { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
  });
  const text = await answer.body.text();
  if (answer.statusCode >= 400) throw new Error(`${path}: ${text}`);
  return text === '' ? {} : JSON.parse(text);
}

async function createContainer(command: string, config: object = {}): Promise<string> {
  const { Id } = await api('POST', '/containers/create', {
    Image: 'busybox',
    Cmd: ['sh', '-c', command],
    HostConfig: { NetworkMode: 'none' },
    ...config,
  });
  return Id;
}

const echo = 'cat';
const talk = 'echo out; sleep 0.2; echo late';
const streams = [false, true].flatMap((tty) => [true, false].map((upgraded) => ({ tty, upgraded })));
const titleOf = ({ tty, upgraded }: (typeof streams)[number]) =>
  `${tty ? 'with' : 'without'} a terminal, ${upgraded ? 'upgraded' : 'raw'}`;
const answered = async (stream: RawStream) => await until('it answers', () => stream.head() !== '');
const plain = (text: string) => text.replaceAll('\r', '');

/** What a client does to an exec, what it then has read, and whether the process goes on. */
const execOrders: Readonly<Record<string, { cat: string; talk: string; leaves?: boolean }>> = {
  'start+half': { cat: '', talk: 'out late' },
  'start+input+half': { cat: 'hello', talk: 'out late' },
  'start half': { cat: '', talk: 'out late' },
  'start input half': { cat: 'hello', talk: 'out late' },
  'start gone': { cat: '', talk: '', leaves: true },
  'start+gone': { cat: '', talk: '', leaves: true },
};

for (const kind of streams)
  test(`every order of an exec's start, input, end and leaving ${titleOf(kind)}`, { timeout: 120_000 }, async () => {
    const container = await createContainer('exec sleep 1000');
    await api('POST', `/containers/${container}/start`);
    const one = async (order: string, command: string, expected: string, leaves: boolean) => {
      const { Id } = await api('POST', `/containers/${container}/exec`, {
        Cmd: ['sh', '-c', command],
        AttachStdin: true,
        AttachStdout: true,
        AttachStderr: true,
        Tty: kind.tty,
      });
      const stream = openRaw(engine.socket, `/exec/${Id}/start`, {
        upgraded: kind.upgraded,
        body: { Detach: false, Tty: kind.tty },
        ...(order.includes('+input') && { input: 'hello\n' }),
        half: order.includes('+half'),
      });
      if (order.includes('+gone'))
        await until('it is asked', async () => (await api('GET', `/exec/${Id}/json`)).Running);
      else await answered(stream);
      if (order.includes(' input')) stream.send('hello\n');
      if (order.includes(' half')) stream.half();
      if (order.includes('gone')) stream.leave();
      await until(`${order} of ${command} is over`, () => stream.isOver());
      // Who leaves a terminal leaves what runs in it to run.
      if (!(leaves && kind.tty && command === echo))
        await until(`${order} of ${command} has ended`, async () => !(await api('GET', `/exec/${Id}/json`)).Running);
      if (leaves) return;
      const words = plain(stream.output()).split('\n').filter(Boolean);
      // A terminal shows what is typed, too.
      const seen = kind.tty ? [...new Set(words)].filter((word) => command === echo || word !== 'hello') : words;
      assert.equal(seen.join(' '), expected, `${order} of ${command}`);
      assert.match(stream.head(), kind.upgraded ? /^HTTP\/1.1 101 / : /^HTTP\/1.1 200 OK\r\n/);
    };
    await Promise.all(
      Object.entries(execOrders).flatMap(([order, { cat, talk: said, leaves = false }]) => [
        one(order, echo, cat, leaves),
        one(order, talk, said, leaves),
      ]),
    );
    await api('DELETE', `/containers/${container}?force=1`);
  });

/** `+` in one packet. */
const attachOrders = [
  'attach half start',
  'attach input half start',
  'attach start half',
  'attach start input half',
  'attach+half start',
  'attach+input+half start',
  'start attach half',
  'start attach input half',
  'start attach+half',
  'attach start gone',
  'attach gone start',
] as const;

for (const kind of streams)
  for (const once of [true, false])
    test(`every order of attach, start, input, end and leaving ${titleOf(kind)}, ${once ? 'for one client' : 'shared'}`, {
      timeout: 120_000,
    }, async () => {
      const one = async (order: string, command: string) => {
        const id = await createContainer(command, {
          OpenStdin: true,
          StdinOnce: once,
          Tty: kind.tty,
          AttachStdin: true,
          AttachStdout: true,
          AttachStderr: true,
        });
        let stream: RawStream | undefined;
        for (const word of order.split(' ')) {
          if (word === 'start') await api('POST', `/containers/${id}/start`);
          if (word.startsWith('attach')) {
            stream = openRaw(engine.socket, `/containers/${id}/attach?stream=1&stdin=1&stdout=1&stderr=1`, {
              upgraded: kind.upgraded,
              ...(word.includes('+input') && { input: 'hello\n' }),
              half: word.includes('+half'),
            });
            await answered(stream);
          }
          if (word === 'input') stream!.send('hello\n');
          if (word === 'half') stream!.half();
          if (word === 'gone') stream!.leave();
        }
        await until(`${order} of ${command} is over`, () => stream!.isOver());
        const ends = command === talk || (once && !(kind.tty && order.includes('gone')));
        const isRunning = async () => (await api('GET', `/containers/${id}/json`)).State.Running;
        if (ends) await until(`${order} of ${command} has ended`, async () => !(await isRunning()));
        else assert.equal(await isRunning(), true, `${order} of ${command} goes on`);
        // Of an input that is shared, the end is its client's leaving, with what it has read until then.
        if (once && !order.includes('gone') && order.startsWith('attach')) {
          const words = [...new Set(plain(stream!.output()).split('\n').filter(Boolean))];
          const expected = command === talk ? 'out late' : order.includes('input') ? 'hello' : '';
          const seen = words.filter((word) => command === echo || word !== 'hello');
          assert.equal(seen.join(' '), expected, `${order} of ${command}`);
        }
        await api('DELETE', `/containers/${id}?force=1`);
      };
      await Promise.all(attachOrders.map(async (order) => await one(order, echo)));
      // Begun first, it might have ended before anybody attaches.
      const early = attachOrders.filter((order) => order.startsWith('attach'));
      if (once && kind.upgraded) await Promise.all(early.map(async (order) => await one(order, talk)));
    });

test('the docker client without an input gets the output, and its exec ends', { timeout: 60_000 }, async () => {
  const container = await createContainer('exec sleep 1000');
  await api('POST', `/containers/${container}/start`);
  for (const client of [engine.docker, engine.strata]) {
    assert.equal((await client(['exec', '-i', container, 'cat'], { input: '' })).stdout, '');
    assert.equal((await client(['exec', '-i', container, 'sh', '-c', 'cat; echo end'], { input: '' })).stdout, 'end\n');
    assert.equal((await client(['run', '--rm', '-i', 'busybox', 'cat'], { input: '' })).stdout, '');
    assert.equal((await client(['run', '--rm', '-i', 'busybox', 'cat'], { input: 'a\n' })).stdout, 'a\n');
  }
  const { Processes } = await api('GET', `/containers/${container}/top`);
  assert.equal(Processes.length, 1);
  await api('DELETE', `/containers/${container}?force=1`);
});

test('what keeps to HTTP is answered as HTTP, also in pieces', { timeout: 60_000 }, async () => {
  const container = await createContainer('exec sleep 1000');
  await api('POST', `/containers/${container}/start`);
  const { Id } = await api('POST', `/containers/${container}/exec`, {
    Cmd: ['cat'],
    AttachStdin: true,
    AttachStdout: true,
  });
  const socket = connect(engine.socket);
  let got = '';
  socket.on('data', (data) => {
    got += data.toString('latin1');
  });
  const body = '{"Detach":false}';
  for (const piece of [
    'PO',
    `ST /v1.47/exec/${Id}/st`,
    `art HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n`,
    `\r\n${body.slice(0, 4)}`,
    body.slice(4),
  ]) {
    socket.write(piece);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  await until('it answers', () => got.includes('\r\n\r\n'));
  socket.write('hello\n');
  await until('it comes back', () => got.endsWith('hello\n'));
  socket.destroy();
  await api('DELETE', `/containers/${container}?force=1`);
});

test('a terminal has its size before its process begins', { timeout: 60_000 }, async () => {
  const id = await createContainer('stty size; exec sleep 1000', {
    Tty: true,
    HostConfig: { NetworkMode: 'none', ConsoleSize: [33, 99] },
  });
  await api('POST', `/containers/${id}/start`);
  await until('it has told its size', async () => (await engine.docker(['logs', id])).stdout !== '');
  assert.equal((await engine.docker(['logs', id])).stdout, '33 99\r\n');
  for (const [created, started, seen] of [
    [[12, 34], undefined, '12 34'],
    [undefined, [56, 78], '56 78'],
    [[12, 34], [56, 78], '56 78'],
  ] as const) {
    const exec = await api('POST', `/containers/${id}/exec`, {
      Cmd: ['stty', 'size'],
      AttachStdout: true,
      Tty: true,
      ...(created && { ConsoleSize: created }),
    });
    const stream = openRaw(engine.socket, `/exec/${exec.Id}/start`, {
      upgraded: true,
      body: { Tty: true, ...(started && { ConsoleSize: started }) },
    });
    await until('it is over', () => stream.isOver());
    assert.equal(stream.output(), `${seen}\r\n`);
  }
  await api('DELETE', `/containers/${id}?force=1`);
});

test('the keys to leave end an attachment to a terminal, and not what runs there', { timeout: 60_000 }, async () => {
  const id = await createContainer('exec cat', { Tty: true, OpenStdin: true, StdinOnce: true });
  await api('POST', `/containers/${id}/start`);
  for (const [keys, typed] of [
    ['', '\x10\x11'],
    ['ctrl-a,d', '\x01d'],
  ] as const) {
    const { Id } = await api('POST', `/containers/${id}/exec`, {
      Cmd: ['cat'],
      AttachStdin: true,
      AttachStdout: true,
      Tty: true,
      DetachKeys: keys,
    });
    const exec = openRaw(engine.socket, `/exec/${Id}/start`, { upgraded: true, body: { Tty: true } });
    const query = `stream=1&stdin=1&stdout=1&detachKeys=${keys}`;
    const attach = openRaw(engine.socket, `/containers/${id}/attach?${query}`, { upgraded: true });
    for (const stream of [exec, attach]) {
      await answered(stream);
      stream.send('hello\n');
      await until('it comes back', () => plain(stream.output()).includes('hello\nhello\n'));
      for (const key of typed) stream.send(key);
      await until('the client is let go', () => stream.isOver());
    }
    assert.equal((await api('GET', `/exec/${Id}/json`)).Running, true);
    assert.equal((await api('GET', `/containers/${id}/json`)).State.Running, true);
  }
  await api('DELETE', `/containers/${id}?force=1`);
});

test('an exec that was begun before, or whose container is gone, is answered as Docker answers', {
  timeout: 60_000,
}, async () => {
  const id = await createContainer('exec sleep 1000');
  await api('POST', `/containers/${id}/start`);
  const create = async (Cmd: readonly string[]) =>
    (await api('POST', `/containers/${id}/exec`, { Cmd, AttachStdout: true })).Id as string;
  for (const [command, says] of [
    ['true', 'has already run'],
    ['sleep 100', 'is already running'],
  ] as const) {
    const exec = await create(command.split(' '));
    await api('POST', `/exec/${exec}/start`, { Detach: true });
    if (command === 'true') await until('it has run', async () => !(await api('GET', `/exec/${exec}/json`)).Running);
    for (const upgraded of [true, false]) {
      const stream = openRaw(engine.socket, `/exec/${exec}/start`, { upgraded, body: {} });
      await until('it is over', () => stream.isOver());
      assert.match(stream.head(), upgraded ? /^HTTP\/1.1 101 / : /^HTTP\/1.1 200 /);
      assert.equal(stream.output(), `exec command ${exec} ${says}\r\n`);
    }
    await assert.rejects(api('POST', `/exec/${exec}/start`, { Detach: true }), {
      message: `/exec/${exec}/start: {"message":"exec command ${exec} ${says}"}\n`,
    });
  }
  const [waiting, ended] = [await create(['true']), await create(['true'])];
  await api('POST', `/exec/${ended}/start`, { Detach: true });
  await api('POST', `/containers/${id}/stop?t=0`);
  const gone = async (exec: string) => {
    for (const [method, verb, body] of [
      ['POST', 'start', {}],
      ['POST', 'start', { Detach: true }],
      ['POST', 'resize?h=1&w=1', undefined],
      ['GET', 'json', undefined],
    ] as const)
      await assert.rejects(api(method, `/exec/${exec}/${verb}`, body), {
        message: `/exec/${exec}/${verb}: {"message":"No such exec instance: ${exec}"}\n`,
      });
  };
  await gone(waiting);
  await api('DELETE', `/containers/${id}?force=1`);
  await gone(ended);
});
