import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { mkdtempSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { startTestHost, type TestHost, textOf } from './testing/host.ts';
import type { Attachment, LogChunk } from './types.ts';

let host: TestHost;
before(async () => {
  host = await startTestHost();
});
after(async () => await host.stop());

const both = { stdout: true, stderr: true };
const attachAll = { stdin: true, ...both, replay: false, stream: true };

async function collect(chunks: AsyncIterable<LogChunk>): Promise<{ stdout: Buffer; stderr: Buffer }> {
  const out: Buffer[] = [];
  const err: Buffer[] = [];
  for await (const { stream, data } of chunks) (stream === 'stdout' ? out : err).push(Buffer.from(data));
  return { stdout: Buffer.concat(out), stderr: Buffer.concat(err) };
}

async function feed(attachment: Attachment, data: Buffer): Promise<void> {
  for (let at = 0; at < data.length; at += 50_000) await attachment.write(data.subarray(at, at + 50_000));
  await attachment.closeInput();
}

test('the log keeps both streams, byte for byte, also without a last newline', async () => {
  const { id } = await host.run([
    'sh',
    '-c',
    'printf "a\\nb"; sleep 0.1; printf "err\\001\\377\\n" >&2; sleep 0.1; printf "\\n\\nend"',
  ]);
  const { stdout, stderr } = await collect(host.containers.logs(id, { ...both, follow: false }));
  assert.equal(stdout.toString('latin1'), 'a\nb\n\nend');
  assert.equal(stderr.toString('latin1'), 'err\x01\xff\n');
  const only = await collect(host.containers.logs(id, { stdout: false, stderr: true, follow: false }));
  assert.equal(only.stdout.length, 0);
  await host.containers.remove(id);
});

test('the last lines are whole lines, however long', async () => {
  const { id } = await host.run(['sh', '-c', 'seq 1 50000; head -c 300000 /dev/zero | tr "\\0" x; echo; printf last']);
  const tail = async (count: number) => await textOf(host.containers.logs(id, { ...both, follow: false, tail: count }));
  assert.equal(await tail(0), '');
  assert.equal(await tail(1), 'last');
  assert.equal(await tail(2), `${'x'.repeat(300000)}\nlast`);
  assert.equal(await tail(4), `49999\n50000\n${'x'.repeat(300000)}\nlast`);
  assert.equal((await tail(1_000_000)).length, 288894 + 300001 + 4);
  await host.containers.remove(id);
});

test('since and until choose by time', async () => {
  const { id } = await host.run(['sh', '-c', 'echo one; sleep 0.5; echo two; sleep 0.5; echo three']);
  const times: number[] = [];
  for await (const { time } of host.containers.logs(id, { ...both, follow: false }))
    times.push(Date.parse(time) / 1000);
  const between = { since: times[0]! + 0.2, until: times[2]! - 0.2 };
  assert.equal(await textOf(host.containers.logs(id, { ...both, follow: true, ...between })), 'two\n');
  await host.containers.remove(id);
});

test('following a log shows lines as they come, and ends with the container', async () => {
  // It goes on when its line was seen.
  const id = await host.create([
    'sh',
    '-c',
    'for i in 1 2 3; do echo $i; until [ -e /seen$i ]; do sleep 0.02; done; done',
  ]);
  await host.containers.start(id);
  let lines = 0;
  for await (const _ of host.containers.logs(id, { ...both, follow: true })) {
    lines++;
    await host.containers.withRoot(id, async (root) => writeFileSync(join(root, `seen${lines}`), ''));
  }
  assert.equal(lines, 3);
  await host.containers.remove(id);
});

test('following stops when asked to', async () => {
  const id = await host.create(['sleep', '60']);
  await host.containers.start(id);
  const abort = new AbortController();
  setTimeout(() => abort.abort(), 100);
  assert.equal(await textOf(host.containers.logs(id, { ...both, follow: true, signal: abort.signal })), '');
  await host.containers.remove(id, { force: true });
});

test('whoever attaches before the start sees everything, and nothing of runs before', async () => {
  const { id } = await host.run(['sh', '-c', 'echo $((1 + 1)); echo err >&2; exit 2']);
  const attachment = await host.containers.attach(id, attachAll);
  const collected = collect(attachment.output);
  await host.containers.start(id);
  const { stdout, stderr } = await collected;
  assert.equal(stdout.toString(), '2\n');
  assert.equal(stderr.toString(), 'err\n');
  assert.equal((await host.containers.wait(id)).exitCode, 2);
  await host.containers.remove(id);
});

test('a short container loses nothing to an attached client, however often', async () => {
  for (let i = 0; i < 10; i++) {
    const id = await host.create(['echo', String(i)], { host: { AutoRemove: true } });
    const attachment = await host.containers.attach(id, attachAll);
    const collected = textOf(attachment.output);
    await host.containers.start(id);
    assert.equal(await collected, `${i}\n`);
    await host.containers.wait(id, 'removed').catch(() => undefined);
  }
});

test('input goes through whole and in order, and its end is seen', async () => {
  const data = randomBytes(5_000_000);
  const id = await host.create(['md5sum'], { config: { OpenStdin: true, StdinOnce: true } });
  const attachment = await host.containers.attach(id, attachAll);
  const collected = textOf(attachment.output);
  await host.containers.start(id);
  await feed(attachment, data);
  assert.equal(await collected, `${createHash('md5').update(data).digest('hex')}  -\n`);
  await host.containers.remove(id);
});

test('input that comes back as output does not get stuck', async () => {
  const data = Buffer.from(randomBytes(2_000_000).toString('base64').replace(/.{76}/g, '$&\n'));
  const id = await host.create(['cat'], { config: { OpenStdin: true, StdinOnce: true } });
  const attachment = await host.containers.attach(id, attachAll);
  const collected = collect(attachment.output);
  await host.containers.start(id);
  await feed(attachment, data);
  const { stdout } = await collected;
  assert.ok(stdout.equals(data), `${stdout.length} of ${data.length} bytes`);
  await host.containers.remove(id);
});

test('input may come before the start, and to a process that does not read it', async () => {
  const id = await host.create(['true'], { config: { OpenStdin: true, StdinOnce: true } });
  const attachment = await host.containers.attach(id, attachAll);
  const writing = feed(attachment, Buffer.alloc(1_000_000));
  const collected = textOf(attachment.output);
  await host.containers.start(id);
  await writing;
  assert.equal(await collected, '');
  await host.containers.remove(id);
});

test('with a terminal there is one stream, a size, and input is echoed', async () => {
  const id = await host.create(['sh'], { config: { Tty: true, OpenStdin: true, StdinOnce: true } });
  const attachment = await host.containers.attach(id, attachAll);
  const chunks: LogChunk[] = [];
  const reading = (async () => {
    for await (const chunk of attachment.output) chunks.push({ ...chunk, data: Uint8Array.from(chunk.data) });
  })();
  await host.containers.start(id);
  await host.containers.resize(id, 33, 99);
  await sleep(100);
  await attachment.write(Buffer.from('stty size; echo err >&2; exit\n'));
  await reading;
  const text = Buffer.concat(chunks.map(({ data }) => data)).toString();
  assert.match(text, /33 99\r\n/);
  assert.match(text, /err\r\n/);
  assert.ok(chunks.every(({ stream }) => stream === 'stdout'));
  await host.containers.remove(id);
});

test('a resize of a container that has ended hangs nobody', async () => {
  const { id } = await host.run(['true'], { config: { Tty: true } });
  await assert.rejects(host.containers.resize(id, 1, 1), { kind: 'conflict' });
  await host.containers.remove(id);
});

test('leaving does not end the container, and it keeps its input for the next', async () => {
  const id = await host.create(['sh', '-c', 'while read line; do echo got $line; done'], {
    config: { OpenStdin: true },
  });
  const first = await host.containers.attach(id, attachAll);
  const leaving = textOf(first.output);
  await host.containers.start(id);
  await first.write(Buffer.from('one\n'));
  await sleep(200);
  first.detach();
  await leaving;
  assert.equal(host.containers.get(id).state.status, 'running');
  const second = await host.containers.attach(id, { ...attachAll, replay: true });
  await second.write(Buffer.from('two\n'));
  const seen: string[] = [];
  for await (const { data } of second.output) {
    seen.push(Buffer.from(data).toString());
    if (seen.join('').includes('two')) break;
  }
  assert.equal(seen.join(''), 'got one\ngot two\n');
  await host.containers.remove(id, { force: true });
});

test('a log with a limit is begun anew, and a follower goes on', async () => {
  const pace = mkdtempSync(join(host.top, 'pace-'));
  const script =
    'i=0; while [ $i -lt 3000 ]; do i=$((i+1)); echo "line $i of the container"; [ $((i % 100)) = 0 ] && while [ ! -e /pace/$i ]; do sleep 0.01; done; done';
  const id = await host.create(['sh', '-c', script], {
    host: { Binds: [`${pace}:/pace`], LogConfig: { Type: 'json-file', Config: { 'max-size': '20k' } } },
  });
  await host.containers.start(id);
  // It goes on when the follower has seen what it wrote: one that falls behind by a whole log may miss some.
  let text = '';
  for await (const { data } of host.containers.logs(id, { ...both, follow: true })) {
    text += Buffer.from(data).toString();
    const last = /line (\d+00) of the container\n$/.exec(text)?.[1];
    if (last) writeFileSync(join(pace, last), '');
  }
  const lines = text.trim().split('\n');
  assert.equal(lines.length, 3000);
  assert.equal(lines.at(-1), 'line 3000 of the container');
  assert.ok((await textOf(host.containers.logs(id, { ...both, follow: false }))).length < 40_000);
  await host.containers.remove(id);
});

test('an exec has its own output, exit code, user, folder and variables', async () => {
  const id = await host.create(['sleep', '60'], { config: { Env: ['A=container', 'B=container'] } });
  await host.containers.start(id);
  const { exec } = host.containers;
  const { id: execID } = await exec.create(id, {
    Cmd: ['sh', '-c', 'echo $A $B $HOME; pwd; id -un; echo err >&2; exit 6'],
    Env: ['A=exec'],
    User: 'ann',
    WorkingDir: '/tmp',
  });
  assert.equal(exec.inspect(execID).running, false);
  const attachment = (await exec.start(execID, { detach: false, tty: false }))!;
  assert.ok(exec.inspect(execID).pid > 0);
  const { stdout, stderr } = await collect(attachment.output);
  assert.equal(stdout.toString(), 'exec container /home/ann\n/tmp\nann\n');
  assert.equal(stderr.toString(), 'err\n');
  const { running, exitCode, pid } = exec.inspect(execID);
  assert.deepEqual([running, exitCode, pid], [false, 6, 0]);
  await assert.rejects(exec.start(execID, { detach: false, tty: false }), { kind: 'conflict' });
  await host.containers.remove(id, { force: true });
});

test('an exec that cannot start says why, and keeps the exit code', async () => {
  const id = await host.create(['sleep', '60']);
  await host.containers.start(id);
  const { exec } = host.containers;
  const prefix = 'OCI runtime exec failed: exec failed: unable to start container process: ';
  for (const [config, exitCode, reason] of [
    [{ Cmd: ['nosuch'] }, 127, 'exec: "nosuch": executable file not found in $PATH'],
    [{ Cmd: ['/etc/passwd'] }, 126, 'exec: "/etc/passwd": permission denied'],
    [
      { Cmd: ['true'], WorkingDir: '/no' },
      127,
      'chdir to cwd ("/no") set in config.json failed: no such file or directory',
    ],
  ] as const) {
    for (const tty of [false, true]) {
      const one = await exec.create(id, { ...config, Tty: tty });
      await assert.rejects(exec.start(one.id, { detach: false, tty }), { message: prefix + reason });
      assert.equal(exec.inspect(one.id).exitCode, exitCode);
    }
  }
  await assert.rejects(exec.create(id, { Cmd: ['true'], User: 'nobody-here' }), {
    kind: 'invalid_argument',
    message: 'unable to find user nobody-here: no matching entries in passwd file',
  });
  const relative = await exec.create(id, { Cmd: ['true'], WorkingDir: 'foo' });
  await assert.rejects(exec.start(relative.id, { detach: false, tty: false }), {
    message: 'OCI runtime exec failed: exec failed: Cwd must be an absolute path',
  });
  assert.equal(exec.inspect(relative.id).exitCode, 128);
  const left = readdirSync(join(host.stateRoot, 'execs'), { recursive: true });
  assert.deepEqual(left, []);
  await host.containers.remove(id, { force: true });
});

test('what a process writes to can be opened once more, by its user: container, exec and health check', async () => {
  const script = 'ln -s /dev/stdout /tmp/log; echo one | tee /dev/stderr; echo two >/dev/stdout; echo three >/tmp/log';
  const written = { stdout: 'one\ntwo\nthree\n', stderr: 'one\n' };
  const text = ({ stdout, stderr }: Awaited<ReturnType<typeof collect>>) => ({
    stdout: stdout.toString(),
    stderr: stderr.toString(),
  });
  const { exec } = host.containers;
  for (const User of ['', 'ann']) {
    const { id } = await host.run(['sh', '-c', script], { config: { User } });
    assert.deepEqual(text(await collect(host.containers.logs(id, { ...both, follow: false }))), written, User);
    await host.containers.remove(id);
    const Healthcheck = { Test: ['CMD-SHELL', 'echo well >/dev/stdout'], Interval: 50_000_000 };
    const running = await host.create(['sleep', '600'], { config: { User, Healthcheck } });
    await host.containers.start(running);
    const ask = async (Cmd: readonly string[], AttachStdin: boolean) => {
      const { id: execID } = await exec.create(running, { Cmd, AttachStdin });
      const attachment = (await exec.start(execID, { detach: false, tty: false }))!;
      if (AttachStdin) await feed(attachment, Buffer.from('input'));
      return text(await collect(attachment.output));
    };
    assert.deepEqual(await ask(['sh', '-c', script], false), written, User);
    assert.deepEqual(await ask(['sh', '-c', 'cat </dev/stdin'], true), { stdout: 'input', stderr: '' }, User);
    while (host.containers.get(running).state.health?.status === 'starting') await sleep(50);
    assert.equal(host.containers.get(running).state.health?.log.at(-1)?.output, 'well\n');
    await host.containers.remove(running, { force: true });
  }
});

test('an exec takes much input and gives much output', async () => {
  const id = await host.create(['sleep', '60']);
  await host.containers.start(id);
  const data = randomBytes(8_000_000);
  const { id: execID } = await host.containers.exec.create(id, { Cmd: ['cat'], AttachStdin: true });
  const attachment = (await host.containers.exec.start(execID, { detach: false, tty: false }))!;
  const collected = collect(attachment.output);
  await feed(attachment, data);
  assert.ok((await collected).stdout.equals(data));
  await host.containers.remove(id, { force: true });
});

test('an exec with a terminal', async () => {
  const id = await host.create(['sleep', '60']);
  await host.containers.start(id);
  const { exec } = host.containers;
  const { id: execID } = await exec.create(id, { Cmd: ['sh'], AttachStdin: true, Tty: true });
  const attachment = (await exec.start(execID, { detach: false, tty: true }))!;
  await exec.resize(execID, 12, 34);
  const collected = textOf(attachment.output);
  await sleep(100);
  await attachment.write(Buffer.from('stty size; echo $TERM; exit 3\n'));
  const text = await collected;
  assert.match(text, /12 34\r\n/);
  assert.match(text, /xterm\r\n/);
  assert.equal(exec.inspect(execID).exitCode, 3);
  await host.containers.remove(id, { force: true });
});

test('a detached exec goes on by itself', async () => {
  const id = await host.create(['sleep', '60']);
  await host.containers.start(id);
  const { exec } = host.containers;
  const { id: execID } = await exec.create(id, { Cmd: ['sh', '-c', 'sleep 0.2; echo x > /tmp/done; exit 2'] });
  assert.equal(await exec.start(execID, { detach: true, tty: false }), null);
  assert.equal(exec.inspect(execID).running, true);
  while (exec.inspect(execID).running) await sleep(20);
  assert.equal(exec.inspect(execID).exitCode, 2);
  await host.containers.remove(id, { force: true });
});

test('an exec ends with its container', async () => {
  const id = await host.create(['sleep', '60']);
  await host.containers.start(id);
  for (const tty of [false, true]) {
    const { id: execID } = await host.containers.exec.create(id, { Cmd: ['sleep', '50'], Tty: tty });
    const attachment = (await host.containers.exec.start(execID, { detach: false, tty }))!;
    void host.containers.kill(id);
    await textOf(attachment.output);
    assert.equal(host.containers.exec.inspect(execID).exitCode, 137);
    await host.containers.wait(id);
    await host.containers.start(id);
  }
  await host.containers.remove(id, { force: true });
});
