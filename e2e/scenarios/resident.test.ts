import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { copyFileSync, mkdirSync, readFileSync, statSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { dirname, join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { busyboxBase } from '../../scripts/bases.ts';
import { buildProgram } from '../../scripts/build.ts';
import { makeContext } from '../harness/context.ts';
import { execute, type RunOptions, startEngine, type TestEngine } from '../harness/engine.ts';
import { until } from '../harness/until.ts';

let engine: TestEngine;
let program: string;
/** A folder for the PATH that has what the launcher needs of the system, and no Node.js. */
let bare: string;
let context: string;

before(async () => {
  engine = await startEngine();
  program = join(engine.work, 'bin/strata');
  const built = process.env['STRATA_TEST_PROGRAM'];
  mkdirSync(dirname(program));
  if (built) {
    for (const name of ['strata', 'package.json'])
      copyFileSync(join(dirname(built), name), join(dirname(program), name));
  } else await buildProgram(program);
  bare = join(engine.work, 'bare');
  mkdirSync(bare);
  for (const name of ['perl', 'readlink']) symlinkSync(`/usr/bin/${name}`, join(bare, name));
  context = makeContext(engine.work, { Dockerfile: 'FROM busybox\nRUN true\n' });
  writeFileSync(join(engine.work, 'variables'), 'a=b\n');
  // Starts the daemon.
  await strata(['version']);
  await strata(['load', '-q', '-i', busyboxBase().archive]);
});
after(async () => {
  await strata(['system', 'shutdown'], { accept: 'any' });
  await engine?.stop();
});

function environment(more: Readonly<Record<string, string>> = {}): Record<string, string> {
  return {
    PATH: `${dirname(process.execPath)}:/usr/sbin:/usr/bin:/sbin:/bin`,
    HOME: engine.work,
    STRATA_STATE_ROOT: join(engine.work, 'run'),
    STRATA_DATA_ROOT: join(engine.work, 'data'),
    ...more,
  };
}

/** As a user calls it, with a daemon that it starts by itself. */
function strata(args: readonly string[], options: RunOptions = {}) {
  return execute(program, args, { cwd: engine.work, ...options, env: environment(options.env) });
}

/** In the daemon: there is no Node.js to start. */
const inDaemon = (args: readonly string[], options: RunOptions = {}) =>
  strata(args, { ...options, env: { PATH: bare, ...options.env } });
const inProcess = (args: readonly string[], options: RunOptions = {}) =>
  strata(args, { ...options, env: { STRATA_RESIDENT: 'off', ...options.env } });

const socketPath = () => join(engine.work, 'run/strata-commands.sock');

for (const line of [
  'version',
  'info --format {{.Driver}}',
  'images',
  'image ls --format json',
  'image ls --no-trunc --digests',
  'history busybox',
  'image inspect busybox',
  'image inspect absent',
  'inspect --format {{.Id}} busybox',
  'tag absent other',
  'rmi absent',
  'push 127.0.0.1:1/absent',
  'image ls --bogus',
  'image ls --help',
  'ps -a',
  'container ls --filter bogus=1',
  'network ls --format {{.Name}}',
  'volume ls',
  'system df',
  'run --rm busybox sh -c echo\tout;echo\terr>&2;exit\t3',
  'run --rm busybox no-such-program',
  'build -q CONTEXT',
  'build --progress plain -f absent CONTEXT',
  'exec absent true',
  'volume prune -f',
  'events --until 0s --since 1970-01-02',
  'stats --no-stream',
  'attach --no-stdin absent',
  'start -a absent',
  'logs absent',
  'wait absent',
  'stop absent',
  'rm absent',
])
  test(`strata ${line.replaceAll('\t', ' ')} answers the same from the daemon as from a process`, async () => {
    const words = line.split(' ').map((word) => (word === 'CONTEXT' ? context : word.replaceAll('\t', ' ')));
    // Once before: what a first build says differs from what the next ones do.
    await inProcess(words, { accept: 'any' });
    const [one, other] = [await inDaemon(words, { accept: 'any' }), await inProcess(words, { accept: 'any' })];
    const plain = ({ code, stderr, stdout }: typeof one) => ({
      code,
      stdout,
      stderr: stderr.replaceAll(/\d+\.\d+s|\d+ms|[0-9a-f]{64}/g, '…'),
    });
    assert.deepEqual(plain(one), plain(other));
  });

test('the folder of settings and the helpers for credentials are the caller’s', async () => {
  const folder = join(engine.work, 'settings');
  mkdirSync(join(folder, 'helpers'), { recursive: true });
  writeFileSync(join(folder, 'config.json'), '{"psFormat": "{{.ID}} saved", "credsStore": "mine"}');
  const helper = '#!/bin/sh\necho "$1 $ASKED" >> "$RECORD"\n[ "$1" = list ] && echo "{}" || exit 1\n';
  writeFileSync(join(folder, 'helpers/docker-credential-mine'), helper, { mode: 0o755 });
  const env = {
    DOCKER_CONFIG: 'settings',
    PATH: `${join(folder, 'helpers')}:${bare}`,
    ASKED: 'by the caller',
    RECORD: join(folder, 'record'),
  };
  const { stdout } = await inDaemon(['create', 'busybox'], { env });
  assert.match((await inDaemon(['ps', '-a', '--no-trunc'], { env })).stdout, new RegExp(`${stdout.trim()} saved`));
  await inDaemon(['rm', stdout.trim()]);
  await inDaemon(['build', '-q', context], { env });
  assert.equal(readFileSync(env.RECORD, 'utf8'), 'list by the caller\n');
});

test('a format cannot make the daemon grow', async () => {
  const wide = await inDaemon(['version', '--format', '{{printf "%400000000d" 1}}']);
  assert.equal(wide.stdout, '%!(NOVERB)%!(EXTRA int=1)\n');
});

test('a closed output is what it is for a process', async () => {
  const closed = (env: Record<string, string>) =>
    spawnSync('/bin/sh', ['-c', `exec ${program} images >&-`], { encoding: 'utf8', env: environment(env) });
  const [one, other] = [closed({}), closed({ STRATA_RESIDENT: 'off' })];
  assert.deepEqual([one.status, one.stderr], [other.status, other.stderr]);
});

test('on a terminal it has the width of the caller’s', async () => {
  const wide = (env: Record<string, string>) =>
    spawnSync('/usr/bin/script', ['-qec', `stty cols 70; ${program} image ls --help`, '/dev/null'], {
      encoding: 'utf8',
      env: environment(env),
    }).stdout;
  const inDaemonText = wide({ PATH: `${bare}:/usr/bin`, STRATA_RESIDENT: 'on' });
  assert.match(inDaemonText, /List images/);
  assert.equal(inDaemonText, wide({ STRATA_RESIDENT: 'off' }));
});

test('settings of Perl and a locale that is not there make no difference', async () => {
  assert.equal((await inDaemon(['images', '-q'], { env: { LC_ALL: 'xx_XX.UTF-8' } })).stderr, '');
  await strata(['images'], { env: { PERL5OPT: '-Mabsent', PERL_UNICODE: 'SDA' } });
});

test('what is not the same for the daemon is done by a process', async () => {
  const noNode = { accept: [127] };
  // A time zone that the daemon does not have.
  await inDaemon(['images'], { ...noNode, env: { TZ: 'Asia/Tokyo' } });
  const zoned = await strata(['image', 'inspect', '--format', '{{.Created}}', 'busybox'], {
    env: { TZ: 'Asia/Tokyo' },
  });
  assert.match(zoned.stdout, /T/);
  // Standard input, a terminal, a shell in a failed step.
  await inDaemon(['build', '-'], noNode);
  await inDaemon(['build', '--on-error=shell', context], noNode);
  await inDaemon(['run', '--rm', '-i', 'busybox', 'cat'], noNode);
  await inDaemon(['volume', 'prune'], noNode);
  await inDaemon(['exec', '-i', 'absent', 'cat'], noNode);
  assert.equal((await strata(['run', '--rm', '-i', 'busybox', 'cat'], { input: 'kept' })).stdout, 'kept');
  // Files that the command opens by itself: a pipe would hold up the daemon, and /dev/stdin is another one there.
  for (const words of [
    ['build', '--iidfile', 'id', context],
    ['build', '--secret', 'id=x,src=variables', context],
    ['build', 'absent'],
    ['create', '--env-file', 'variables', 'busybox'],
    ['create', '--cidfile', 'cid', 'busybox'],
    ['run', '--label-file', 'variables', 'busybox'],
    ['exec', '--env-file', 'variables', 'absent', 'true'],
  ])
    await inDaemon(words, noNode);
  const piped = `echo piped=yes | ${program} create --name piped --env-file /dev/stdin busybox`;
  await execute('/bin/sh', ['-c', piped], { cwd: engine.work, env: environment() });
  const { stdout } = await inDaemon(['container', 'inspect', '-f', '{{json .Config.Env}}', 'piped']);
  assert.match(stdout, /"piped=yes"/);
  await inDaemon(['rm', 'piped']);
  // Another mask of new files.
  const masked = `umask 077; exec ${program} build -q --iidfile masked ${context}`;
  await execute('/bin/sh', ['-c', masked], { cwd: engine.work, env: environment() });
  assert.equal(statSync(join(engine.work, 'masked')).mode & 0o777, 0o600);
  // Another root.
  const jail = join(engine.work, 'jail');
  mkdirSync(jail);
  const mounts = `mount --rbind / ${jail} && exec chroot ${jail} /usr/bin/env -i PATH=${bare} STRATA_HOST=unix://${engine.work}/run/strata.sock ${program} images`;
  const { status, stderr } = spawnSync('/usr/bin/unshare', ['-m', '/bin/sh', '-c', mounts], { encoding: 'utf8' });
  // Without a cache the launcher asks for Node.js itself, and says that there is none.
  assert.match(stderr, /Node\.js 26 or newer is needed, and none is on the PATH/);
  assert.equal(status, 1);
});

test('a command that ends by a signal ends by it, and the daemon lets go of it', async () => {
  const { stdout } = await inDaemon(['run', '-d', '--name', 'long', 'busybox', 'sleep', '6016']);
  assert.match(stdout, /^[0-9a-f]{64}\n$/);
  for (const words of [
    ['wait', 'long'],
    ['logs', '-f', 'long'],
    ['events'],
    ['stats'],
    ['attach', '--no-stdin', '--sig-proxy=false', 'long'],
  ]) {
    const child = spawn(program, words, { env: environment({ PATH: bare }), stdio: 'ignore' });
    const ended = once(child, 'exit');
    while (connections() === 0) await sleep(10);
    await sleep(200);
    child.kill('SIGINT');
    assert.deepEqual(await ended, [null, 'SIGINT']);
    await until('its connection ends', () => connections() === 0);
  }
  await inDaemon(['rm', '-f', 'long']);
});

for (const STRATA_RESIDENT of ['on', 'off'])
  test(`events are told from the moment that the command is called (STRATA_RESIDENT=${STRATA_RESIDENT})`, async () => {
    const name = `called-${STRATA_RESIDENT}:1`;
    const events = spawn(program, ['events', '--format', '{{json .}}', '--filter', 'event=tag'], {
      env: environment({ STRATA_RESIDENT }),
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    // Through the API, long before a process has come as far as to subscribe.
    await inDaemon(['tag', 'busybox', name]);
    const [line] = (await once(events.stdout, 'data')) as [Buffer];
    events.kill();
    assert.equal(JSON.parse(line.toString()).Actor.Attributes.name, name);
  });

/** Callers whose commands are under way. */
function connections(): number {
  const { stdout } = spawnSync('ss', ['-xH', 'state', 'connected', 'src', socketPath()], { encoding: 'utf8' });
  return stdout.split('\n').filter(Boolean).length;
}

test('a reader that has seen enough ends the command, not the container', async () => {
  const script = `${program} run --name heard busybox sh -c 'trap "exit 9" TERM; while :; do echo tick; sleep 0.1; done' | head -n 1`;
  spawnSync('/bin/sh', ['-c', script], { env: environment(), encoding: 'utf8' });
  await until('its connection ends', () => connections() === 0);
  assert.equal((await inDaemon(['container', 'inspect', '-f', '{{.State.Running}}', 'heard'])).stdout, 'true\n');
  await inDaemon(['rm', '-f', 'heard']);
});

test('a daemon that does not answer holds nobody up', async () => {
  const pid = Number(spawnSync('pgrep', ['-f', `${program} daemon`], { encoding: 'utf8' }).stdout.split('\n')[0]);
  process.kill(pid, 'SIGSTOP');
  try {
    const child = spawn(program, ['images'], { env: environment({ PATH: bare }), stdio: 'ignore' });
    const ended = once(child, 'exit');
    await sleep(200);
    child.kill('SIGTERM');
    assert.deepEqual(await ended, [null, 'SIGTERM']);
  } finally {
    process.kill(pid, 'SIGCONT');
  }
});

test('a build that is interrupted ends here, too, and says so', async () => {
  // A number of its own: other runs on this machine look for theirs.
  const step = `sleep ${randomInt(10_000, 1_000_000)}`;
  const slow = makeContext(engine.work, { Dockerfile: `FROM busybox\nRUN echo begun; ${step}\n` });
  const child = spawn(program, ['build', '--progress', 'plain', slow], {
    cwd: engine.work,
    env: environment({ PATH: bare }),
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let seen = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    seen += text;
    if (/ begun/.test(seen.replace(/echo begun/g, ''))) child.kill('SIGINT');
  });
  const [code] = (await once(child, 'close')) as [number | null];
  assert.match(seen, /cancel/i);
  assert.notEqual(code, 0);
  await until('the step ends', () => spawnSync('pgrep', ['-f', step]).status !== 0);
});

test('root alone may connect, and what is no request harms nobody', async () => {
  assert.equal(statSync(socketPath()).mode & 0o777, 0o600);
  for (const bytes of [
    Buffer.from([0xff, 0xff, 0xff, 0xff]),
    Buffer.from([0, 0, 0, 3, 1, 2, 3]),
    Buffer.from('\0\0\0\x09a\0b\0c\0d\x009\0'),
    Buffer.alloc(0),
  ]) {
    const socket = connect(socketPath());
    await once(socket, 'connect');
    if (bytes.length === 0) socket.destroy();
    else socket.end(bytes);
    socket.resume();
    if (!socket.destroyed) await once(socket, 'close');
  }
  await inDaemon(['version']);
  assert.doesNotMatch(readFileSync(join(engine.work, 'run/daemon.log'), 'utf8'), /rror/);
});

test('another program than the daemon’s is run by a process', async () => {
  utimesSync(program, new Date(0), new Date(0));
  await inDaemon(['images'], { accept: [127] });
  await strata(['images']);
});

test('without a daemon one is started', async () => {
  await strata(['system', 'shutdown']);
  await inDaemon(['images'], { accept: [127] });
  await strata(['images']);
  await inDaemon(['images']);
});
