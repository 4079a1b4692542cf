import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { StrataError } from '../errors/index.ts';
import { FailedStep } from './ops/failed-step.ts';
import { forwardSocket } from './ops/forward-socket.ts';
import { type BuildHost, startBuildHost } from './testing/host.ts';

let host: BuildHost;
before(async () => {
  host = await startBuildHost();
});
after(async () => await host.stop());

function mountsHere(): string[] {
  const table = readFileSync('/proc/self/mountinfo', 'utf8');
  return table.split('\n').filter((line) => line.includes(`${host.top}/`));
}

async function failureOf(promise: Promise<unknown>): Promise<StrataError> {
  try {
    await promise;
  } catch (error) {
    assert.ok(error instanceof StrataError, String(error));
    return error;
  }
  throw new Error('it did not fail');
}

test('a failing RUN is told with its command, its exit code, its place and its last lines', async () => {
  const dir = host.context({ Dockerfile: 'FROM busybox\n\nRUN echo one; echo two >&2; exit 42\n' });
  const error = await failureOf(host.build(dir));
  assert.equal(
    error.message,
    'process "/bin/sh -c echo one; echo two >&2; exit 42" did not complete successfully: exit code: 42',
  );
  assert.deepEqual([error.location?.file, error.location?.line], ['Dockerfile', 3]);
  assert.ok(error.cause instanceof FailedStep);
  assert.deepEqual([...error.cause.output].sort(), ['one', 'two']);
  assert.deepEqual([error.cause.kept, error.exitCode], [undefined, 42]);
});

test('a step has the limits that the build is given, which are no part of its key', async () => {
  const dir = host.context({ Dockerfile: 'FROM busybox\nRUN grep Cpus_allowed_list /proc/self/status >/cpus\n' });
  const limits = { CpusetCpus: '0', Memory: 64 << 20 };
  const first = await host.build(dir, { limits });
  assert.match(await host.withFiles(first.result, (root) => readFileSync(join(root, 'cpus'), 'utf8')), /:\s0\n$/);
  const second = await host.build(dir);
  assert.equal(second.result.imageID, first.result.imageID);
  const error = await failureOf(host.build(dir, { limits: { Memory: 1 } }));
  assert.deepEqual([error.kind, error.message], ['invalid_argument', 'Minimum memory limit allowed is 6MB']);
});

test('a device that a step cannot do without is refused, one that it can is left out', async () => {
  const wanting = (device: string) => host.context({ Dockerfile: `FROM busybox\nRUN --device=${device} true\n` });
  const error = await failureOf(host.build(wanting('vendor.com/x=y,required')));
  assert.deepEqual([error.message, error.location?.line], ['required device "vendor.com/x=y" is not registered', 2]);
  await host.build(wanting('vendor.com/x=y'));
});

test('nothing of a failed step is left, unless it is asked for', async () => {
  const dir = host.context({ Dockerfile: 'FROM busybox\nENV A=b\nWORKDIR /w\nRUN echo trace > /t; exit 1\n' });
  await failureOf(host.build(dir));
  assert.deepEqual([host.snapshots.actives(), mountsHere()], [[], []]);
  const { cause } = await failureOf(host.build(dir, { keepFailed: true }));
  assert.ok(cause instanceof FailedStep && cause.kept);
  assert.deepEqual([cause.cwd, cause.env.includes('A=b')], ['/w', true]);
  const { diffDir } = host.snapshots.stat(cause.kept.snapshot)!;
  assert.equal(readFileSync(join(diffDir, 't'), 'utf8'), 'trace\n');
  await cause.kept.release();
  assert.deepEqual([host.snapshots.stat(cause.kept.snapshot), mountsHere()], [undefined, []]);
});

test('a failed step that is kept has its mounts until it is let go, and two that fail leave one', async () => {
  const run =
    'RUN --mount=type=secret,id=s,env=S --mount=type=secret,id=s --mount=type=cache,target=/c sleep 0.3; exit 1';
  const dir = host.context({
    Dockerfile: `FROM busybox AS a\n${run}\nFROM busybox AS b\nENV B=1\n${run}\nFROM scratch\nCOPY --from=a / /\nCOPY --from=b / /\n`,
  });
  const secrets = [{ id: 's', value: Buffer.from("it's").toString('base64') }];
  const { cause } = await failureOf(host.build(dir, { secrets, keepFailed: true }));
  assert.ok(cause instanceof FailedStep && cause.kept);
  assert.equal(
    cause.env.some((line) => line.startsWith('S=')),
    false,
  );
  assert.equal(readFileSync(cause.kept.secretEnv!, 'utf8'), "export S='it'\\''s'\n");
  const [file] = cause.kept.mounts.filter(({ target }) => target === '/run/secrets/s');
  assert.ok(file?.source.kind === 'bind');
  assert.equal(readFileSync(file.source.path, 'utf8'), "it's");
  await cause.kept.release();
  assert.deepEqual([host.snapshots.actives(), mountsHere()], [[], []]);
});

test('an abort kills the running step at once and leaves nothing', async () => {
  const dir = host.context({
    Dockerfile:
      'FROM busybox\nRUN --mount=type=secret,id=s --mount=type=cache,target=/c --mount=target=/ctx sleep 60\n',
  });
  const stop = new AbortController();
  const started = performance.now();
  setTimeout(() => stop.abort(), 300);
  const secrets = [{ id: 's', value: 'eA==' }];
  const error = await failureOf(host.build(dir, { secrets }, stop.signal));
  assert.equal(error.kind, 'cancelled');
  assert.ok(performance.now() - started < 5_000);
  assert.deepEqual([host.snapshots.actives(), mountsHere()], [[], []]);
});

test('a failure in one stage stops the others', async () => {
  const dockerfile =
    'FROM busybox AS slow\nRUN sleep 60; echo > /s\nFROM busybox AS bad\nRUN sleep 0.2; exit 3\nFROM scratch\nCOPY --from=slow /s /s\nCOPY --from=bad /x /x\n';
  const started = performance.now();
  const error = await failureOf(host.build(host.context({ Dockerfile: dockerfile })));
  assert.match(error.message, /exit code: 3$/);
  assert.ok(performance.now() - started < 10_000);
  assert.deepEqual(host.snapshots.actives(), []);
});

test('a path that the context does not have is told before anything runs', async () => {
  const dir = host.context({ Dockerfile: 'FROM busybox\nRUN echo never\nCOPY nofile /\n' });
  const events: string[] = [];
  await assert.rejects(
    host.builder.build(
      { context: { kind: 'local', dir } },
      { signal: new AbortController().signal, progress: (event) => events.push(event.type) },
    ),
    /"\/nofile": not found/,
  );
  assert.ok(!events.includes('log'));
});

test('a file that .dockerignore hides is told with the rule', async () => {
  const dir = host.context({
    Dockerfile: 'FROM scratch\nCOPY secret.key /\n',
    '.dockerignore': '# keys\n*.key\n',
    'secret.key': 'x',
  });
  const { message, hint } = await failureOf(host.build(dir));
  assert.match(message, /"\/secret.key": not found$/);
  assert.equal(hint, 'secret.key is in the context, but .dockerignore hides it with "*.key" (line 2)');
});

test('a secret is in no layer, no record and no log', async () => {
  const dockerfile = [
    'FROM busybox',
    'RUN --mount=type=secret,id=s,env=TOKEN --mount=type=secret,id=s test -n "$TOKEN" && test -s /run/secrets/s',
    'RUN ls /run > /seen 2>&1 || true',
  ].join('\n');
  const canary = 'canary-5d1c2a';
  const secrets = [{ id: 's', value: Buffer.from(canary).toString('base64') }];
  const { result, output, events } = await host.build(host.context({ Dockerfile: dockerfile }), { secrets });
  assert.ok(!output.includes(canary) && !JSON.stringify(events).includes(canary));
  assert.ok(!JSON.stringify((await host.images.get(result.imageID!)).config).includes(canary));
  assert.ok(!readFileSync(join(host.top, 'data/strata.db')).includes(canary));
  await host.withFiles(result, (root) => assert.ok(!readFileSync(join(root, 'seen'), 'utf8').includes('secrets')));
});

test('an ssh agent is reached through a socket of the step alone', async () => {
  const socket = join(host.top, 'agent.sock');
  const agent = createServer((client) => client.end('hello from the agent'));
  await new Promise<void>((resolve) => agent.listen(socket, resolve));
  try {
    const dockerfile = 'FROM busybox\nRUN --mount=type=ssh test -S "$SSH_AUTH_SOCK" && echo $SSH_AUTH_SOCK\n';
    const { output } = await host.build(host.context({ Dockerfile: dockerfile }), { ssh: [{ id: 'default', socket }] });
    assert.equal(output, '/run/buildkit/ssh_agent.0\n');
    const path = join(host.top, 'forward.sock');
    const forward = await forwardSocket(path, socket);
    let heard = '';
    for await (const chunk of connect(path)) heard += chunk;
    assert.equal(heard, 'hello from the agent');
    await forward.close();
  } finally {
    agent.close();
  }
});

test('steps of a locked cache mount wait for each other; of a private one they do not', async () => {
  const stage = (name: string, sharing: string) =>
    `FROM busybox AS ${name}\nRUN --mount=type=cache,id=${sharing},sharing=${sharing},target=/c date > /begin; : ${name}; test ! -e /c/busy && touch /c/busy && sleep 0.3 && rm /c/busy\n`;
  const dockerfile = (sharing: string) =>
    `${stage('a', sharing)}${stage('b', sharing)}FROM scratch\nCOPY --from=a /begin /a\nCOPY --from=b /begin /b\n`;
  for (const sharing of ['locked', 'private']) {
    const started = performance.now();
    await host.build(host.context({ Dockerfile: dockerfile(sharing) }));
    const took = performance.now() - started;
    if (sharing === 'locked') assert.ok(took > 600, `${took}`);
  }
});

test('what waits for a cache mount is told as waiting, and keeps its place from nobody', async () => {
  const locked = 'RUN --mount=type=cache,id=held,sharing=locked,target=/c';
  const first = host.context({ Dockerfile: `FROM busybox\n${locked} while [ ! -e /c/go ]; do sleep 0.01; done\n` });
  const late = host.context({ Dockerfile: `FROM busybox\n${locked} echo late; test -e /c/go\n` });
  const opener = host.context({
    Dockerfile: 'FROM busybox\nRUN --mount=type=cache,id=held,target=/c echo opens; touch /c/go\n',
  });
  const told: string[] = [];
  const { promise: waits, resolve } = Promise.withResolvers<void>();
  const { promise: holds, resolve: hold } = Promise.withResolvers<void>();
  const watch = (dir: string, tell: (type: string) => void) =>
    host.builder.build(
      { context: { kind: 'local', dir }, network: 'none' },
      {
        progress: (event) => 'id' in event && event.type !== 'vertex' && tell(event.type),
        signal: new AbortController().signal,
      },
    );
  const holding = watch(first, (type) => type === 'miss' && hold());
  await holds;
  const waiting = watch(late, (type) => {
    told.push(type);
    if (type === 'waiting') resolve();
  });
  await waits;
  await host.build(opener);
  await Promise.all([holding, waiting]);
  assert.match(told.join(), /waiting,started,miss,log,completed/);
});

test('steps that wait for something hold up neither the files nor the folders of another build', async () => {
  const dirs = ['a', 'b'].map((name) =>
    host.context({
      Dockerfile: `FROM busybox\nRUN --mount=type=cache,id=gate,target=/c touch /c/${name}; while [ ! -e /c/go ]; do sleep 0.01; done\n`,
    }),
  );
  const holding = dirs.map((dir) => host.build(dir));
  const mounts = join(host.top, 'data/build/cache-mounts');
  const gate = () =>
    readdirSync(mounts)
      .map((name) => join(mounts, name))
      .find((folder) => existsSync(join(folder, 'a')) && existsSync(join(folder, 'b')));
  while (gate() === undefined) await sleep(10);
  const dir = host.context({ Dockerfile: 'FROM busybox\nWORKDIR /w\nCOPY f .\nENV A=b\nADD f /g\n', f: 'x' });
  const third = await host.build(dir);
  assert.ok(!third.events.some(({ type }) => type === 'waiting'));
  writeFileSync(join(gate()!, 'go'), '');
  await Promise.all(holding);
});

test('what a writable bind mount is given stays out of its source', async () => {
  const dockerfile = [
    'FROM busybox AS s',
    'RUN echo original > /f',
    'FROM busybox',
    'RUN --mount=from=s,target=/m,rw echo changed > /m/f && cat /m/f > /one',
    'RUN --mount=from=s,target=/m cat /m/f > /two',
  ].join('\n');
  const { result } = await host.build(host.context({ Dockerfile: dockerfile }));
  await host.withFiles(result, (root) => {
    const read = (name: string) => readFileSync(join(root, name), 'utf8');
    assert.deepEqual([read('one'), read('two')], ['changed\n', 'original\n']);
  });
});

test('steps are numbered over the whole file and told before the first one starts', async () => {
  const dockerfile =
    'FROM busybox AS unused\nRUN exit 1\nFROM busybox AS used\nENV A=1\nFROM used\nRUN echo numbered\n';
  const { events } = await host.build(host.context({ Dockerfile: dockerfile }));
  const steps = events.flatMap((event) => (event.type === 'vertex' && event.step ? [event] : []));
  assert.deepEqual(steps.map(({ step, instruction }) => [step!.number, step!.total, instruction]).sort(), [
    [1, 4, 'FROM busybox AS used'],
    [2, 4, 'ENV A=1'],
    [3, 4, 'FROM used'],
    [4, 4, 'RUN echo numbered'],
  ]);
  const run = steps.find(({ instruction }) => instruction === 'RUN echo numbered');
  assert.equal(run?.name, '[stage-2 1/1] RUN echo numbered');
  await sleep(0);
});

test('a cache mount that begins with a folder has its mode and owner', async () => {
  const { result } = await host.build(
    host.context({
      Dockerfile: `FROM busybox AS seed
RUN mkdir -m 750 /s && echo a > /s/f && chown 3:4 /s
FROM busybox
RUN --mount=type=cache,from=seed,source=/s,target=/c stat -c '%a %u %g' /c > /o
`,
    }),
  );
  assert.equal(await host.withFiles(result, (root) => readFileSync(join(root, 'o'), 'utf8')), '750 3 4\n');
});

test('the variable of a secret that is not given is empty', async () => {
  const { result } = await host.build(
    host.context({ Dockerfile: 'FROM busybox\nRUN --mount=type=secret,id=no,env=NO echo "[${NO-unset}]" > /o\n' }),
  );
  assert.equal(await host.withFiles(result, (root) => readFileSync(join(root, 'o'), 'utf8')), '[]\n');
});
