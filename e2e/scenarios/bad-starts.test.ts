/** What goes wrong before anything works: each is told in a few plain words with what to do, and leaves nothing behind. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, test } from 'node:test';
import { makeContext } from '../harness/context.ts';
import { execute, type Result, startEngine, type TestEngine } from '../harness/engine.ts';

const program = join(dirname(dirname(import.meta.dirname)), 'src/cli/main.ts');
const node = [process.execPath, '--disable-warning=ExperimentalWarning', '--', program];
let folder: string;
let engine: TestEngine;

before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'strata-bad-'));
  engine = await startEngine({ bases: ['busybox'] });
});
after(async () => {
  spawnSync('umount', ['-l', join(folder, 'small')]);
  spawnSync('umount', ['-l', join(folder, 'readonly')]);
  await engine?.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** The program with roots of its own, from which no daemon may be left running. */
async function strata(
  args: readonly string[],
  options: { prefix?: readonly string[]; data?: string } = {},
): Promise<Result> {
  const state = mkdtempSync(join(folder, 'state-'));
  const [command = '', ...rest] = [...(options.prefix ?? []), ...node, ...args];
  const result = await execute(
    command,
    rest.map((word) => (word === '$STATE' ? state : word)),
    {
      accept: 'any',
      timeoutMs: 60_000,
      cwd: folder,
      env: {
        PATH: process.env['PATH'] ?? '',
        HOME: folder,
        STRATA_STATE_ROOT: state,
        STRATA_DATA_ROOT: options.data ?? join(folder, 'data'),
      },
    },
  );
  assert.equal(existsSync(join(state, 'strata.sock')), false, 'no daemon listens');
  return told(result);
}

/** A complaint, and no more than that: nothing of our program's inside. */
function told(result: Result): Result {
  assert.doesNotMatch(result.output, /^\s+at |node:internal|\.ts:\d/m);
  assert.equal(result.stdout, '');
  return result;
}

/** The start of a daemon in the foreground. */
function daemon(data: string, prefix: readonly string[] = []): Promise<Result> {
  return strata(['daemon', '--data-root', data, '--state-root', '$STATE', '--bridge', 'stbad0'], { prefix });
}

test('without root rights, no daemon is started, and the message says how', async () => {
  // Nobody in a user namespace of its own: the program cannot tell it from an ordinary user.
  const prefix = ['unshare', '--user'];
  const result = await strata(['image', 'ls'], { prefix });
  assert.equal(result.code, 1);
  assert.match(
    result.stderr,
    /^no Strata daemon answers at unix:\S+, and starting one needs root rights\nhint: .*sudo/,
  );
  const started = await strata(['daemon'], { prefix });
  assert.equal(started.code, 1);
  assert.match(started.stderr, /^strata daemon: the engine needs root rights .*\nhint: start it with sudo/);
});

test('a data root that is a file, or below one, is told by its name', async () => {
  const file = join(folder, 'file');
  writeFileSync(file, '');
  const direct = await daemon(file);
  assert.equal(direct.code, 1);
  assert.equal(
    direct.stderr,
    `strata daemon: cannot use ${file} as the data root: it is not a directory\nhint: choose another folder with --data-root\n`,
  );
  const below = await daemon(join(file, 'x'));
  assert.equal(below.code, 1);
  assert.match(below.stderr, /as the data root: a part of its path is not a directory\n/);
  const onDemand = await strata(['image', 'ls'], { data: file });
  assert.equal(onDemand.code, 1);
  assert.match(
    onDemand.stderr,
    /^the Strata daemon did not start: it ended with exit code 1\nstrata daemon: cannot use /,
  );
});

test('a data root on a read-only file system, or where no folders can be, is told by its name', async () => {
  const readonly = join(folder, 'readonly');
  mkdirSync(readonly);
  spawnSync('mount', ['-t', 'tmpfs', '-o', 'ro', 'strata-ro', readonly]);
  const result = await daemon(join(readonly, 'data'));
  assert.equal(result.code, 1);
  assert.match(result.stderr, /as the data root: read-only file system\nhint: choose another folder/);
  assert.match((await daemon('/proc/nosuch')).stderr, /as the data root: folders cannot be made there\n/);
});

test('a full disk under the data root is told by its name', async () => {
  const small = join(folder, 'small');
  mkdirSync(small);
  spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'strata-small', small]);
  const result = await daemon(join(small, 'data'));
  assert.equal(result.code, 1);
  assert.match(result.stderr, /as the data root: no space left on device\nhint: free some space there/);
});

test('a second daemon on the same roots is refused, and the first goes on', async () => {
  const data = await daemon(engine.dataRoot);
  assert.equal(data.code, 1);
  assert.match(data.stderr, /another engine already uses the data root .*\nhint: stop the other daemon/);
  const socket = await execute(
    node[0]!,
    [
      ...node.slice(1),
      'daemon',
      '--data-root',
      join(folder, 'other'),
      '--state-root',
      join(folder, 'otherstate'),
      '--socket',
      engine.socket,
    ],
    { accept: 'any', timeoutMs: 60_000 },
  );
  assert.equal(told(socket).code, 1);
  assert.match(socket.stderr, /another daemon already listens on /);
  assert.equal((await engine.strata(['image', 'ls', '-q'])).code, 0);
});

test('settings of the daemon that are wrong are told with their place', async () => {
  const file = join(folder, 'config.json');
  writeFileSync(file, '{ "dataRot": "/x" }');
  const unknown = await strata(['daemon', '--config', file]);
  assert.equal(unknown.code, 1);
  assert.match(unknown.stderr, /config\.json: unknown setting "dataRot"\nhint: known settings: dataRoot/);
  writeFileSync(file, '{');
  assert.match((await strata(['daemon', '--config', file])).stderr, /config\.json is not valid JSON/);
  assert.match(
    (await strata(['daemon', '--nosuch'])).stderr,
    /Unknown option '--nosuch'.*\nhint: see 'strata daemon --help'/,
  );
});

test('a missing runtime is told with the packages to install', async () => {
  const hide = (programs: string) =>
    `for p in ${programs}; do for d in /usr/bin /usr/sbin /usr/local/bin /usr/local/sbin /bin /sbin; do [ -e $d/$p ] && mount --bind /dev/null $d/$p; done; done; exec "$@"`;
  const result = await daemon(join(folder, 'data'), ['unshare', '-m', 'sh', '-c', hide('crun runc'), 'sh']);
  assert.equal(result.code, 1);
  assert.match(
    result.stderr,
    /no container runtime is installed: neither crun nor runc is on the PATH\nhint: apt-get install crun conmon\n$/,
  );
});

test('a daemon that cannot be reached is told with its address', async () => {
  for (const host of [`unix://${folder}/nosuch.sock`, 'tcp://127.0.0.1:1']) {
    const result = await strata(['-H', host, 'ps']);
    assert.equal(result.code, 1);
    assert.match(
      result.stderr,
      new RegExp(`^Cannot connect to the Strata daemon at ${host}\\. Is the strata daemon running\\?`),
    );
  }
});

test('a port in use is told with its number, the code is 125, and no container stays', async () => {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '0.0.0.0', resolve));
  const { port } = server.address() as { port: number };
  const result = told(await engine.strata(['run', '--rm', '-p', `${port}:80`, 'busybox', 'true'], { accept: 'any' }));
  server.close();
  assert.equal(result.code, 125);
  assert.match(result.stderr, new RegExp(`${port}.*(address already in use|port is already allocated)`));
  assert.equal((await engine.strata(['ps', '-aq'])).stdout, '');
});

test('an image, a Dockerfile, a context and an instruction that are not there', async () => {
  const context = makeContext(engine.work, {
    Broken: 'FROM busybox\nCPOY a b\n',
    Missing: 'FROM busybox\nCOPY nosuch /\n',
  });
  const cases: [readonly string[], number, RegExp][] = [
    [
      ['run', '--rm', '--pull', 'never', 'nosuch'],
      125,
      /^strata: Error response from daemon: No such image: nosuch:latest/,
    ],
    [['build', context], 1, /failed to read dockerfile: open Dockerfile: no such file or directory/],
    [['build', join(context, 'nosuch')], 1, /unable to prepare context: path ".*nosuch" not found/],
    [
      ['build', '-f', join(context, 'Broken'), context],
      1,
      /Broken:2\n[\s\S]*2 \| >>> CPOY a b[\s\S]*unknown instruction: CPOY \(did you mean COPY\?\)/,
    ],
    [['build', '-f', join(context, 'Missing'), context], 1, /Missing:2\n[\s\S]*"\/nosuch": not found/],
    [['build', '--nosuch', context], 125, /^unknown flag: --nosuch\n/],
    [['build', '-t', 'Bad', context], 1, /repository name .*must be lowercase/],
  ];
  for (const [args, code, message] of cases) {
    const result = told(await engine.strata(args, { accept: 'any' }));
    assert.equal(result.code, code, args.join(' '));
    assert.match(result.stderr, message);
  }
  assert.equal((await engine.strata(['ps', '-aq'])).stdout, '');
  assert.equal((await engine.strata(['images', '-aq', '--filter', 'dangling=true'])).stdout, '');
});
