import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
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

const both = { stdout: true, stderr: true, follow: false };

test('a container goes on while the daemon is away, and its log is whole', async () => {
  const id = await host.create(['sh', '-c', 'i=0; while true; do i=$((i+1)); echo $i; sleep 0.05; done']);
  await host.containers.start(id);
  const { pid } = host.containers.get(id).state;
  const log = async () => (await textOf(host.containers.logs(id, both))).trim().split('\n').filter(Boolean);
  while ((await log()).length < 2) await sleep(20);
  const before = (await log()).length;
  await host.without(async () => await sleep(500));
  const { state } = host.containers.get(id);
  assert.deepEqual([state.status, state.pid], ['running', pid]);
  const { exec } = host.containers;
  const { id: execID } = await exec.create(id, { Cmd: ['echo', 'still here'] });
  assert.equal(await textOf((await exec.start(execID, { detach: false, tty: false }))!.output), 'still here\n');
  await host.containers.stop(id, { timeoutSeconds: 0 });
  const lines = await log();
  assert.deepEqual(
    lines,
    lines.map((_, i) => String(i + 1)),
  );
  assert.ok(lines.length > before + 2, 'it wrote while nobody was there');
  await host.containers.remove(id);
});

test('an end that happened while the daemon was away is told with its code', async () => {
  const id = await host.create(['sh', '-c', 'sleep 0.5; echo bye; exit 9']);
  const gone = await host.create(['sleep', '0.5'], { host: { AutoRemove: true } });
  for (const one of [id, gone]) await host.containers.start(one);
  const pids = host.containers.list().map(({ state }) => state.pid);
  await host.without(async () => {
    while (pids.some((pid) => existsSync(`/proc/${pid}`))) await sleep(20);
    // The monitor writes the code down after that.
    await sleep(300);
  });
  const { state } = host.containers.get(id);
  assert.deepEqual([state.status, state.exitCode], ['exited', 9]);
  assert.equal(await textOf(host.containers.logs(id, both)), 'bye\n');
  assert.throws(() => host.containers.get(gone), { kind: 'not_found' });
  await host.containers.start(id);
  assert.equal((await host.containers.wait(id)).exitCode, 9);
  await host.containers.remove(id);
});

test('a monitor that is killed leaves no container that seems to run', async () => {
  const id = await host.create(['sleep', '60']);
  await host.containers.start(id);
  const bundle = join(host.stateRoot, 'containers', id.slice(0, 16));
  process.kill(Number(readFileSync(join(bundle, 'conmon.pid'), 'utf8')), 'SIGKILL');
  process.kill(host.containers.get(id).state.pid, 'SIGKILL');
  assert.equal((await host.containers.wait(id)).exitCode, 255);
  await host.containers.remove(id);
});

test('restart policies hold over a daemon that was away', async () => {
  const always = await host.create(['sleep', '60'], { host: { RestartPolicy: { Name: 'always' } } });
  const unless = await host.create(['sleep', '60'], { host: { RestartPolicy: { Name: 'unless-stopped' } } });
  const no = await host.create(['sleep', '60']);
  for (const id of [always, unless, no]) await host.containers.start(id);
  await host.containers.stop(unless, { timeoutSeconds: 0 });
  const pids = [always, no].map((id) => host.containers.get(id).state.pid);
  await host.without(async () => {
    for (const pid of pids) process.kill(pid, 'SIGKILL');
    await sleep(300);
  });
  while (host.containers.get(always).state.status !== 'running') await sleep(20);
  assert.equal(host.containers.get(unless).state.status, 'exited');
  assert.equal(host.containers.get(no).state.status, 'exited');
  for (const id of [always, unless, no]) await host.containers.remove(id, { force: true });
});

test('a daemon killed at any instant leaves nothing that the next one does not know or sweep', async () => {
  for (let round = 0; round < 6; round++) {
    await host.without(async () => {
      const victim = spawn(
        process.execPath,
        [join(import.meta.dirname, 'testing/victim.ts'), JSON.stringify(host.place)],
        { stdio: ['ignore', 'pipe', 'inherit'] },
      );
      await once(victim.stdout, 'data');
      await sleep(50 + Math.random() * 900);
      victim.kill('SIGKILL');
      await once(victim, 'close');
    });
    const { containers, snapshots, steps } = host.parts;
    for (const { id, state } of containers.list()) {
      if (state.status === 'running') {
        assert.ok(existsSync(`/proc/${state.pid}`));
        const { id: execID } = await containers.exec.create(id, { Cmd: ['true'] });
        await containers.exec.start(execID, { detach: true, tty: false });
      }
      await containers.remove(id, { force: true });
    }
    // The first step of a new daemon sweeps those of the old one.
    const io = { stdout: () => {}, stderr: () => {}, signal: AbortSignal.timeout(20_000) };
    const mounted = await snapshots.mount(host.parts.image);
    await steps
      .run(
        {
          root: mounted.target,
          args: ['true'],
          env: ['PATH=/bin'],
          cwd: '/',
          user: { uid: 0, gid: 0, groups: [], home: '/' },
          mounts: [],
          network: 'none',
          insecure: false,
        },
        io,
      )
      .catch(() => undefined);
    await mounted.unmount();
    for (const key of snapshots.actives()) await snapshots.discard(key);
    await sleep(300);
    assert.deepEqual(leftovers(), [], `round ${round}`);
  }
});

/** What should not be there when no container is. */
function leftovers(): string[] {
  const processes = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      try {
        const line = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
        const isOurs = readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0').includes(`PLACE=${host.top}`);
        return isOurs || (line.includes('conmon') && line.includes(host.top)) ? [line] : [];
      } catch {
        return [];
      }
    });
  const links = spawnSync('ip', ['-o', 'link', 'show', 'master', host.bridge.name], { encoding: 'utf8' }).stdout;
  const rules = spawnSync('iptables-save', [], { encoding: 'utf8' }).stdout.split('\n');
  const subnet = host.bridge.subnet.replace(/0\/24$/, '');
  return [
    ...processes,
    ...mountsBelow(host.stateRoot).filter((path) => !path.includes('/netns/')),
    ...readdirSync(join(host.stateRoot, 'containers')),
    ...readdirSync(join(host.stateRoot, 'steps')),
    ...readdirSync(join(host.stateRoot, 'exits')),
    ...readdirSync(join(host.dataRoot, 'containers')),
    ...links
      .split('\n')
      .filter(Boolean)
      .slice(readdirSync(join(host.stateRoot, 'netns')).length),
    ...rules.filter((rule) => rule.includes('DNAT') && rule.includes(subnet)),
  ];
}

test('a record that cannot be read is one dead container: the others are as they were, and it can be removed', async () => {
  const fine = await host.create(['true']);
  const damaged = [];
  for (const record of ['', 'null', '{"id":', '{}', '[]', '{"id":"x","config":{},"host":{},"state":{}}', '\u0000']) {
    const id = await host.create(['true']);
    host.parts.db.run('UPDATE containers SET record = ? WHERE id = ?', record, id);
    damaged.push(id);
  }
  await host.without(async () => {});
  assert.equal(host.containers.get(fine).state.status, 'created');
  assert.equal(host.containers.list().length, damaged.length + 1);
  for (const id of damaged) {
    assert.equal(host.containers.get(id).state.status, 'dead');
    await assert.rejects(host.containers.start(id), { name: 'StrataError' });
    await host.containers.remove(id);
    assert.throws(() => host.containers.get(id), { kind: 'not_found' });
  }
  await host.containers.remove(fine);
});

test('what looks after the containers reads no records, however large they are', async () => {
  const { db } = host.parts;
  const [plan] = db.all<{ detail: string }>(
    "EXPLAIN QUERY PLAN SELECT id, pid, start_ticks AS startTicks FROM containers WHERE status IN ('running', 'paused')",
  );
  assert.match(plan!.detail, /USING COVERING INDEX/);
  const Labels = Object.fromEntries(Array.from({ length: 2000 }, (_, i) => [`l${i}`, 'v'.repeat(1000)]));
  await assert.rejects(host.create(['true'], { config: { Labels } }), /Labels alone: /);
  await assert.rejects(host.create(['x'.repeat(2 ** 21)]), /too large/);
  assert.deepEqual(host.containers.list(), []);
  const id = await host.create(['sleep', '60']);
  await host.containers.start(id);
  await assert.rejects(
    host.containers.exec.create(id, { Cmd: ['true'], Env: [`x=${'y'.repeat(2 ** 21)}`] }),
    /too large/,
  );
  await host.containers.remove(id, { force: true });
  await assert.rejects(host.parts.networks.create({ name: 'big', labels: Labels }), /network big is too large/);
  await assert.rejects(host.parts.volumes.create({ name: 'big', labels: Labels }), /volume big is too large/);
  assert.equal(existsSync(join(host.dataRoot, 'volumes', 'big')), false);
});
