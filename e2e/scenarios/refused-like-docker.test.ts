/**
 * What Docker refuses, Strata refuses: in its words and with its exit code, through the real docker client. The words are
 * recorded from Docker 28.5; with `STRATA_PEERS` in the environment and `DOCKER_HOST` at such an engine, each line is asked
 * of that, too.
 */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { execute, startEngine, type TestEngine } from '../harness/engine.ts';
import { dockerIs28 } from '../harness/twins.ts';

const skip = (await dockerIs28()) ? false : 'needs the docker client 28: others have other words';
const peer = process.env['STRATA_PEERS'] ? process.env['DOCKER_HOST'] : undefined;
let engine: TestEngine;

before(async () => {
  if (skip) return;
  engine = await startEngine({ bases: ['busybox'] });
});
after(async () => await engine?.stop());

interface Answer {
  readonly code: number;
  readonly output: string;
}

/** Without ids, places of the engine's own, and what the client adds. */
function plain(text: string): string {
  return text
    .replaceAll(/[0-9a-f]{64}/g, 'ID')
    .replaceAll(/(lstat|mkdir) \S+\/(x{300})/g, '$1 ROOT/$2')
    .replaceAll('x'.repeat(300), 'LONG')
    .replace(/^docker: /, '')
    .replace(/\n\nRun 'docker .*/s, '')
    .trim();
}

async function ask(line: readonly string[], host?: string): Promise<Answer> {
  const env = host === undefined ? {} : { DOCKER_HOST: host };
  const options = { accept: 'any' as const, timeoutMs: 60_000 };
  const { code, stderr } =
    host === undefined
      ? await engine.docker(line, options)
      : await execute('docker', line, { ...options, env: { ...(process.env as Record<string, string>), ...env } });
  return { code, output: plain(stderr).replace('Error response from daemon: ', '') };
}

/** The client ends with 127 where the message speaks of a file that is not there. */
async function compare(rows: readonly (readonly [string, number, string])[]): Promise<void> {
  for (const [text, code, output] of rows) {
    const line = text.replaceAll('LONG', 'x'.repeat(300)).split(' ');
    assert.deepEqual(await ask(line), { code, output }, text);
    if (peer) assert.deepEqual(await ask(line, peer), { code, output }, `${text} (the other engine)`);
  }
}

test('settings that cannot be', { skip }, async () => {
  await compare([
    ['create -w foo busybox', 1, "the working directory 'foo' is invalid, it needs to be an absolute path"],
    ['run --rm -w foo nosuch', 125, "the working directory 'foo' is invalid, it needs to be an absolute path"],
    ['run --rm -w /LONG busybox', 125, 'lstat ROOT/LONG: file name too long'],
    ['run --rm -v /LONG busybox', 125, 'lstat ROOT/LONG: file name too long'],
    ['run --rm --health-interval 1us --health-cmd x busybox', 125, 'Interval in Healthcheck cannot be less than 1ms'],
    ['run --rm --stop-signal foo busybox', 125, 'invalid signal: foo'],
    ['run --rm --stop-signal 99 busybox true', 0, ''],
    ['run --rm --ipc foo busybox', 125, 'invalid IPC mode: foo'],
    ['run --rm --cap-add foo busybox', 125, 'invalid CapAdd: unknown capability: "CAP_FOO"'],
    ['run --rm --memory-reservation 1m busybox', 125, 'Minimum memory reservation allowed is 6MB'],
    ['run --rm --cpuset-cpus x busybox', 125, 'Invalid value x for cpuset cpus: invalid format: x'],
    ['run --rm --log-opt a=b busybox', 125, "unknown log opt 'a' for json-file log driver"],
    [
      'run --rm --log-opt max-size=x busybox',
      125,
      "failed to create task for container: failed to initialize logging driver: invalid size: 'x'",
    ],
    [
      'run --rm --storage-opt size=1G busybox',
      125,
      "--storage-opt is supported only for overlay over xfs with 'pquota' mount option",
    ],
    ['run --rm --gpus all busybox', 125, 'could not select device driver "" with capabilities: [[gpu]]'],
  ]);
});

test('what is done with a container that is there', { skip }, async () => {
  const make = ['run', '-d', '--name', 'strata-refused', '-m', '64m', '--cpus', '1', 'busybox', 'sleep', '300'];
  const hosts = [undefined, ...(peer ? [peer] : [])];
  for (const host of hosts) assert.equal((await ask(make, host)).code, 0);
  try {
    await compare([
      // Why a process does not start is told on its standard output.
      ['exec -w foo strata-refused true', 128, ''],
      ['exec strata-refused nope', 127, ''],
      ['exec -u nope strata-refused true', 1, 'unable to find user nope: no matching entries in passwd file'],
      ['exec --detach-keys foo strata-refused true', 1, 'Invalid escape keys (foo) provided'],
      [
        'kill -s 99 strata-refused',
        1,
        'cannot kill container: strata-refused: the linux daemon does not support signal 99',
      ],
      ['update --memory-reservation 1m strata-refused', 1, 'Minimum memory reservation allowed is 6MB'],
      [
        'update --cpu-period 10000 strata-refused',
        1,
        'Cannot update container ID: Conflicting options: CPU Period cannot be updated as NanoCPUs has already been set',
      ],
      ['rm -l strata-refused', 1, 'Conflict, cannot remove the default link name of the container'],
      ['network rm bridge', 1, 'bridge is a pre-defined network and cannot be removed\nexit status 1'],
      ['network create -d foo strata-refused', 1, 'plugin "foo" not found'],
      ['network create --ipam-driver foo strata-refused', 1, 'plugin "foo" not found'],
      [
        'volume create a',
        1,
        'create a: volume name is too short, names should be at least two alphanumeric characters',
      ],
      [
        'volume create -o size=10m strata-refused',
        1,
        'create strata-refused: quota size requested but no quota support',
      ],
      ['cp strata-refused:/LONG /tmp/x', 1, 'lstat /LONG: file name too long'],
      ['commit -c EXPOSE\tx strata-refused', 1, 'Invalid containerPort: x'],
    ]);
  } finally {
    for (const host of hosts) await ask(['rm', '-f', 'strata-refused'], host);
  }
});

test('mounts that cannot be', { skip }, async () => {
  await compare([
    ['run --rm --tmpfs foo busybox', 125, "invalid mount path: 'foo' mount path must be absolute"],
    ['run --rm --tmpfs /a:bad busybox', 125, 'invalid tmpfs option "bad"'],
    ['run --rm --volumes-from nope busybox', 125, 'No such container: nope'],
    ['create --volumes-from nope:zz busybox', 1, 'invalid mode: zz'],
    ['run --rm --mount type=volume,dst=/x,volume-opt=a busybox', 125, 'create ID: invalid option: "a"'],
    ['run --rm -v x:y busybox true', 0, ''],
    ['run --rm -v /tmp:/x:ro,rw busybox', 125, 'invalid mode: ro,rw'],
    ['run --rm -v /tmp:/x -v /etc:/x busybox', 125, 'Duplicate mount point: /x'],
    [
      'run --rm -v /proc/nope/x:/x busybox',
      127,
      "error while creating mount source path '/proc/nope/x': mkdir /proc/nope: no such file or directory",
    ],
  ]);
});
