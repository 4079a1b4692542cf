import assert from 'node:assert/strict';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { mountsBelow } from '../sys/index.ts';
import { startTestHost, type TestHost, textOf } from './testing/host.ts';

let host: TestHost;
before(async () => {
  host = await startTestHost();
});
after(async () => await host.stop());

const everything = { stdout: true, stderr: true, follow: false };

test('containers that are made at once get names of their own', async () => {
  // The image is what each of them waits for, so that no name is stored before the last one is chosen.
  const { promise: gate, resolve: open } = Promise.withResolvers<void>();
  const image = async () => {
    await gate;
    return null;
  };
  // More than there are plain names for without one of them coming twice.
  const making = Array.from({ length: 120 }, () =>
    host.containers.create({ config: { Cmd: ['true'] }, host: {}, image }),
  );
  open();
  const made = await Promise.all(making);
  assert.equal(new Set(made.map(({ container }) => container.name)).size, 120);
  for (const { container } of made) await host.containers.remove(container.id, { force: true, volumes: true });
});

test('a container goes from created over running to exited, and tells it', async () => {
  const { containers } = host;
  host.parts.events.length = 0;
  const id = await host.create(['sh', '-c', 'echo hello; exit 3'], { name: 'life' });
  assert.equal(containers.get(id).state.status, 'created');
  await containers.start('life');
  assert.deepEqual(await containers.wait('life'), { exitCode: 3 });
  const { state } = containers.get(id.slice(0, 10));
  assert.equal(state.status, 'exited');
  assert.equal(state.exitCode, 3);
  assert.ok(Date.parse(state.startedAt) <= Date.parse(state.finishedAt));
  assert.equal(await textOf(containers.logs(id, everything)), 'hello\n');
  await containers.remove(id);
  assert.throws(() => containers.get(id), { kind: 'not_found', message: `No such container: ${id}` });
  assert.deepEqual(
    host.parts.events.map(({ action }) => action),
    ['create', 'start', 'die', 'destroy'],
  );
});

test('who waits for a removal has its answer when all is gone and told', async () => {
  const { containers } = host;
  const Volumes = Object.fromEntries(Array.from({ length: 20 }, (_, i) => [`/v${i}`, {}]));
  const id = await host.create(['true'], { config: { Volumes }, host: { AutoRemove: true } });
  const removed = containers.wait(id, 'removed');
  host.parts.events.length = 0;
  await containers.start(id);
  await removed;
  assert.deepEqual(
    host.parts.events.map(({ action }) => action),
    ['start', 'die', 'destroy'],
  );
});

test('nothing of a removed container is left', async () => {
  const { id } = await host.run(['true']);
  await host.containers.remove(id);
  assert.deepEqual(readdirSync(join(host.dataRoot, 'containers')), []);
  assert.deepEqual(readdirSync(join(host.stateRoot, 'containers')), []);
  assert.deepEqual(readdirSync(join(host.stateRoot, 'exits')), []);
  assert.ok(!existsSync(`/run/crun/${id}`));
  assert.deepEqual(
    mountsBelow(host.stateRoot).filter((target) => !target.includes('/netns/')),
    [],
  );
  assert.deepEqual(host.parts.snapshots.actives(), []);
});

test('a container runs again with what it wrote before', async () => {
  const id = await host.create(['sh', '-c', 'cat /n 2>/dev/null; echo x >> /n']);
  for (let i = 0; i < 3; i++) {
    await host.containers.start(id);
    await host.containers.wait(id);
  }
  assert.equal(await textOf(host.containers.logs(id, everything)), 'x\nx\nx\n');
  await host.containers.remove(id);
});

test('a name is taken until its container is removed', async () => {
  const id = await host.create(['true'], { name: 'one' });
  await assert.rejects(host.create(['true'], { name: 'one' }), {
    kind: 'conflict',
    message: `Conflict. The container name "/one" is already in use by container "${id}". You have to remove (or rename) that container to be able to reuse that name.`,
  });
  await host.containers.rename(id, 'two');
  const other = await host.create(['true'], { name: 'one' });
  await assert.rejects(host.containers.rename(other, 'two'), { kind: 'conflict' });
  await host.containers.remove('two');
  await host.containers.remove('one');
  await assert.rejects(host.create(['true'], { name: 'a/b' }), { kind: 'invalid_argument' });
});

test('a name goes before a prefix of an id, an ambiguous prefix is refused', async () => {
  const ids = [];
  for (let i = 0; i < 17; i++) ids.push(await host.create(['true']));
  const first = ids.map((id) => id[0]).find((one, i, all) => all.indexOf(one) !== i)!;
  assert.throws(() => host.containers.get(first), { kind: 'invalid_argument' });
  const named = await host.create(['true'], { name: ids[0]!.slice(0, 12) });
  assert.equal(host.containers.get(ids[0]!.slice(0, 12)).id, named);
  assert.equal(host.containers.get(`/${ids[0]!.slice(0, 12)}`).id, named);
  for (const id of [...ids, named]) await host.containers.remove(id);
});

test('a command that is not there fails the start with 127, one that cannot run with 126', async () => {
  const prefix =
    'failed to create task for container: failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: error during container init: ';
  for (const [command, exitCode, reason] of [
    ['nosuch', 127, 'exec: "nosuch": executable file not found in $PATH'],
    ['/no/such', 127, 'exec: "/no/such": stat /no/such: no such file or directory'],
    ['/etc/passwd', 126, 'exec: "/etc/passwd": permission denied'],
    ['/etc', 126, 'exec: "/etc": is a directory: permission denied'],
  ] as const) {
    const id = await host.create([command]);
    await assert.rejects(host.containers.start(id), { exitCode, message: prefix + reason });
    const { state } = host.containers.get(id);
    assert.deepEqual([state.status, state.exitCode, state.error], ['created', exitCode, prefix + reason]);
    assert.equal(state.startedAt, '0001-01-01T00:00:00Z');
    await host.containers.remove(id);
  }
  assert.deepEqual(readdirSync(join(host.stateRoot, 'containers')), []);
});

test('no command at all is refused at once', async () => {
  await assert.rejects(host.create([]), { kind: 'invalid_argument', message: 'no command specified' });
});

test('stop asks first, then kills', async () => {
  const polite = await host.create(['sh', '-c', 'trap "exit 5" TERM; while true; do sleep 0.1; done']);
  const stubborn = await host.create(['sh', '-c', 'trap "" TERM; while true; do sleep 0.1; done']);
  for (const id of [polite, stubborn]) await host.containers.start(id);
  await sleep(200);
  await host.containers.stop(polite);
  assert.equal(host.containers.get(polite).state.exitCode, 5);
  const begun = Date.now();
  await host.containers.stop(stubborn, { timeoutSeconds: 1 });
  assert.equal(host.containers.get(stubborn).state.exitCode, 137);
  assert.ok(Date.now() - begun >= 1000);
  for (const id of [polite, stubborn]) await host.containers.remove(id);
});

test('a signal or an exec that comes while a container starts reaches it', async () => {
  const [killed, stopped, joined] = await Promise.all([1, 2, 3].map(() => host.create(['sleep', '60'])));
  for (const id of [killed!, stopped!, joined!]) {
    const starting = host.containers.start(id);
    await sleep(1);
    // The process runs, or will in a moment, and no start is noted yet.
    assert.equal(host.containers.get(id).state.status, 'created');
    if (id === killed) await host.containers.kill(id, 'KILL');
    else if (id === stopped) await host.containers.stop(id, { timeoutSeconds: 0 });
    else await host.containers.exec.create(id, { Cmd: ['true'] });
    await starting;
  }
  assert.equal(host.containers.get(killed!).state.exitCode, 137);
  assert.equal(host.containers.get(stopped!).state.exitCode, 137);
  for (const id of [killed!, stopped!, joined!]) await host.containers.remove(id, { force: true });
});

test('kill sends the signal that is asked for', async () => {
  const id = await host.create([
    'sh',
    '-c',
    'trap "echo usr1" USR1; trap "exit 9" HUP; while true; do sleep 0.05; done',
  ]);
  await host.containers.start(id);
  await sleep(200);
  await host.containers.kill(id, 'SIGUSR1');
  await sleep(200);
  await host.containers.kill(id, '1');
  assert.equal((await host.containers.wait(id)).exitCode, 9);
  assert.equal(await textOf(host.containers.logs(id, everything)), 'usr1\n');
  await assert.rejects(host.containers.kill(id), {
    kind: 'conflict',
    message: `cannot kill container: ${id}: container ${id} is not running`,
  });
  await assert.rejects(host.containers.kill(id, 'NOPE'), { kind: 'invalid_argument' });
  await host.containers.remove(id);
});

test('a running container is removed by force alone', async () => {
  const id = await host.create(['sleep', '60'], { name: 'busy' });
  await host.containers.start(id);
  await assert.rejects(host.containers.remove(id), {
    kind: 'conflict',
    message: 'cannot remove container "busy": container is running: stop the container before removing or force remove',
  });
  await host.containers.remove(id, { force: true });
  assert.throws(() => host.containers.get(id));
});

test('a container that removes itself is gone after its end, and wait tells its code', async () => {
  const id = await host.create(['sh', '-c', 'exit 4'], { host: { AutoRemove: true } });
  const removed = host.containers.wait(id, 'removed');
  await host.containers.start(id);
  assert.deepEqual(await removed, { exitCode: 4 });
  assert.throws(() => host.containers.get(id), { kind: 'not_found' });
});

test('pause freezes, unpause goes on', async () => {
  const id = await host.create(['sh', '-c', 'i=0; while true; do i=$((i+1)); echo $i; sleep 0.02; done']);
  await host.containers.start(id);
  await sleep(200);
  await host.containers.pause(id);
  assert.equal(host.containers.get(id).state.status, 'paused');
  const first = await textOf(host.containers.logs(id, everything));
  await sleep(200);
  assert.equal(await textOf(host.containers.logs(id, everything)), first);
  await assert.rejects(host.containers.exec.create(id, { Cmd: ['true'] }), { kind: 'conflict' });
  await host.containers.unpause(id);
  await sleep(200);
  assert.notEqual(await textOf(host.containers.logs(id, everything)), first);
  await host.containers.remove(id, { force: true });
});

test('a paused container can be stopped', async () => {
  const id = await host.create(['sleep', '60'], { config: { StopSignal: 'SIGKILL' } });
  await host.containers.start(id);
  await host.containers.pause(id);
  await host.containers.stop(id);
  assert.equal(host.containers.get(id).state.exitCode, 137);
  await host.containers.remove(id);
});

test('a restart policy starts it again, as often as it says, and not after a stop', async () => {
  const failing = await host.create(['sh', '-c', 'echo run; exit 1'], {
    host: { RestartPolicy: { Name: 'on-failure', MaximumRetryCount: 2 } },
  });
  await host.containers.start(failing);
  while (host.containers.get(failing).restartCount < 2 || host.containers.get(failing).state.status !== 'exited')
    await sleep(50);
  await sleep(300);
  assert.equal(await textOf(host.containers.logs(failing, everything)), 'run\nrun\nrun\n');

  const always = await host.create(['sleep', '60'], { host: { RestartPolicy: { Name: 'always' } } });
  await host.containers.start(always);
  const { pid } = host.containers.get(always).state;
  process.kill(pid, 'SIGKILL');
  while (host.containers.get(always).state.pid === pid || host.containers.get(always).state.status !== 'running')
    await sleep(50);
  assert.equal(host.containers.get(always).restartCount, 1);
  await host.containers.stop(always, { timeoutSeconds: 0 });
  await sleep(400);
  assert.equal(host.containers.get(always).state.status, 'exited');
  for (const id of [failing, always]) await host.containers.remove(id);
});

test('between two runs of a restart policy it is never over, and who waits for an end hears of the first', async () => {
  const id = await host.create(['sh', '-c', 'sleep 0.2; exit 3'], {
    host: { RestartPolicy: { Name: 'on-failure', MaximumRetryCount: 2 } },
  });
  const seen: string[] = [];
  const end = host.containers.subscribe(({ container, action }) => {
    if (container.id === id && (action === 'die' || action === 'start')) seen.push(container.state.status);
  });
  await host.containers.start(id);
  assert.equal((await host.containers.wait(id)).exitCode, 3);
  assert.notEqual(host.containers.get(id).state.status, 'exited');
  while (host.containers.get(id).state.status !== 'exited') await sleep(20);
  end();
  assert.deepEqual(seen, ['running', 'restarting', 'running', 'restarting', 'running', 'exited']);
  assert.equal(host.containers.get(id).restartCount, 2);
  await host.containers.remove(id);
});

test('a restart by hand keeps a container that is removed at its end', async () => {
  const id = await host.create(['sleep', '60'], { host: { AutoRemove: true } });
  await host.containers.start(id);
  const gone = host.containers.wait(id, 'removed');
  await host.containers.restart(id, { timeoutSeconds: 0 });
  await Promise.all([1, 2, 3].map(() => host.containers.restart(id, { timeoutSeconds: 0 })));
  assert.equal(host.containers.get(id).state.status, 'running');
  await host.containers.stop(id, { timeoutSeconds: 0 });
  await gone;
  assert.throws(() => host.containers.get(id), { kind: 'not_found' });
});

test('wait for the next exit waits through a stop that was before', async () => {
  const { id } = await host.run(['sh', '-c', 'exit 1']);
  assert.equal((await host.containers.wait(id)).exitCode, 1);
  const next = host.containers.wait(id, 'next-exit');
  let settled = false;
  void next.then(() => {
    settled = true;
  });
  await sleep(50);
  assert.equal(settled, false);
  await host.containers.start(id);
  assert.equal((await next).exitCode, 1);
  await host.containers.remove(id);
});

test('a wait that is aborted ends', async () => {
  const id = await host.create(['sleep', '60']);
  await host.containers.start(id);
  const abort = new AbortController();
  const waiting = host.containers.wait(id, 'not-running', abort.signal);
  setTimeout(() => abort.abort(), 50);
  await assert.rejects(waiting, { name: 'AbortError' });
  await host.containers.remove(id, { force: true });
});

test('the changes against the image are told', async () => {
  const { id } = await host.run(['sh', '-c', 'rm /etc/group; echo x >> /etc/passwd; mkdir /new; touch /new/file']);
  assert.deepEqual(await host.containers.changes(id), [
    { path: '/etc', kind: 'C' },
    { path: '/etc/group', kind: 'D' },
    { path: '/etc/passwd', kind: 'C' },
    { path: '/new', kind: 'A' },
    { path: '/new/file', kind: 'A' },
  ]);
  await host.containers.remove(id);
});

test('prune removes what does not run, by label', async () => {
  const keep = await host.create(['sleep', '60'], { config: { Labels: { kind: 'old' } } });
  await host.containers.start(keep);
  const old = await host.create(['true'], { config: { Labels: { kind: 'old' } } });
  const fresh = await host.create(['true'], { config: { Labels: { kind: 'new' } } });
  assert.deepEqual((await host.containers.prune({ labels: ({ kind }) => kind === 'old' })).deleted, [old]);
  await host.containers.remove(keep, { force: true });
  await host.containers.remove(fresh);
});

test('many containers at once', async () => {
  const ids = await Promise.all(Array.from({ length: 8 }, () => host.create(['sh', '-c', 'echo $HOSTNAME'])));
  await Promise.all(ids.map((id) => host.containers.start(id)));
  await Promise.all(ids.map((id) => host.containers.wait(id)));
  for (const id of ids) assert.equal(await textOf(host.containers.logs(id, everything)), `${id.slice(0, 12)}\n`);
  await Promise.all(ids.map((id) => host.containers.remove(id)));
});
