/** The real Docker 28 client, from `version` to `events`, against this engine. */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { type Docker, runCopies } from '../fixtures/copy-run.ts';
import { makeContext } from '../harness/context.ts';
import { fetchText, program, type RunOptions, startEngine, type TestEngine } from '../harness/engine.ts';
import { freePort } from '../harness/ports.ts';

let engine: TestEngine;
const docker = (args: readonly string[], options?: RunOptions) => engine.docker(args, options);
before(async () => {
  engine = await startEngine({ bases: ['busybox'] });
});
after(() => engine?.stop());

test('version and info speak of the engine', async () => {
  const { stdout } = await docker([
    'version',
    '--format',
    '{{.Client.APIVersion}} {{.Server.Platform.Name}} {{.Server.APIVersion}} {{.Server.MinAPIVersion}} {{.Server.Os}}/{{.Server.Arch}}',
  ]);
  assert.match(stdout, /^1\.\d+ Strata.* 1\.51 1\.24 linux\/\w+\n$/);
  const info = await docker(['info']);
  assert.match(info.stdout, /^ Storage Driver: overlay/m);
  assert.match(info.stdout, /^ Images: 1$/m);
  assert.doesNotMatch(info.output, /ERROR|panic/);
});

test('the API version is negotiated down to 1.24, and refused outside with the right words', async () => {
  assert.equal((await docker(['images', '-q'], { env: { DOCKER_API_VERSION: '1.24' } })).code, 0);
  assert.match(
    (await docker(['images'], { env: { DOCKER_API_VERSION: '1.23' }, accept: [1] })).stderr,
    /client version 1\.23 is too old\. Minimum supported API version is 1\.24/,
  );
  assert.match(
    (await docker(['images'], { env: { DOCKER_API_VERSION: '1.99' }, accept: [1] })).stderr,
    /client version 1\.99 is too new\. Maximum supported API version is 1\.51/,
  );
});

test('build, images, history and tag', async () => {
  const context = makeContext(engine.work, {
    Dockerfile:
      'FROM busybox\nARG WHO=world\nENV GREETING=hello\nRUN echo "$GREETING $WHO" > /greeting\nCOPY index.html /www/\nEXPOSE 80\nCMD ["httpd", "-f", "-p", "80", "-h", "/www"]\n',
    'index.html': '<h1>hello</h1>\n',
  });
  const built = await docker(['build', '-t', 'site:1', '--build-arg', 'WHO=docker', context]);
  assert.match(built.stdout, /^Sending build context to Docker daemon/m);
  assert.match(built.stdout, /^Step 7\/7 : CMD \["httpd", "-f", "-p", "80", "-h", "\/www"\]$/m);
  assert.match(built.stdout, /^Successfully built [0-9a-f]{12}\nSuccessfully tagged site:1$/m);
  const again = await docker(['build', '-t', 'site:1', '--build-arg', 'WHO=docker', context]);
  assert.equal(again.stdout.match(/Using cache/g)?.length, 6);

  assert.match(
    (await docker(['images'])).stdout,
    /^REPOSITORY +TAG +IMAGE ID +CREATED +SIZE\n[\s\S]*^site +1 +[0-9a-f]{12} +.* ago +\d+(\.\d+)?MB$/m,
  );
  const history = await docker(['history', 'site:1']);
  assert.match(history.stdout, /^IMAGE +CREATED +CREATED BY +SIZE +COMMENT$/m);
  assert.match(
    history.stdout,
    /^<missing> +.* ago +COPY index\.html \/www\/ # buildkit +15B +buildkit\.dockerfile\.v0$/m,
  );
  await docker(['tag', 'site:1', 'site:2']);
  const ids = (await docker(['images', '-q', '--no-trunc', 'site'])).stdout.trim().split('\n');
  assert.equal(ids.length, 2);
  assert.equal(ids[0], ids[1]);
});

test('run detached with a port, ps, logs, inspect, stop', async () => {
  const port = await freePort();
  const { stdout: id } = await docker(['run', '-d', '--rm', '--name', 'web', '-p', `${port}:80`, 'site:1']);
  assert.match(id, /^[0-9a-f]{64}\n$/);
  assert.equal(await fetchText(`http://127.0.0.1:${port}/`), '<h1>hello</h1>\n');
  assert.match(
    (await docker(['ps'])).stdout,
    new RegExp(
      `^${id.slice(0, 12)} +site:1 +"httpd -f -p 80 -h /…" +.* Up .* 0\\.0\\.0\\.0:${port}->80/tcp.* web$`,
      'm',
    ),
  );
  assert.equal(
    (
      await docker([
        'inspect',
        '-f',
        '{{.State.Status}} {{.Config.Image}} {{(index (index .NetworkSettings.Ports "80/tcp") 0).HostPort}}',
        'web',
      ])
    ).stdout,
    `running site:1 ${port}\n`,
  );
  assert.equal((await docker(['port', 'web'])).stdout.split('\n')[0], `80/tcp -> 0.0.0.0:${port}`);
  assert.equal((await docker(['exec', 'web', 'cat', '/greeting'])).stdout, 'hello docker\n');
  const image = (await docker(['inspect', '-f', '{{.Image}}', 'web'])).stdout.trim();
  assert.match(
    (await docker(['rmi', '-f', image], { accept: [1] })).stderr,
    /conflict: unable to delete [0-9a-f]{12} \(cannot be forced\) - image is being used by running container/,
  );
  await docker(['stop', '-t', '1', 'web']);
  assert.equal((await docker(['ps', '-aq'])).stdout, '');
});

test('run in the foreground passes output, input, exit code and a terminal', async () => {
  const both = await docker(['run', '--rm', 'busybox', 'sh', '-c', 'echo out; echo err >&2; exit 3'], { accept: [3] });
  assert.deepEqual([both.stdout, both.stderr], ['out\n', 'err\n']);
  assert.equal(
    (await docker(['run', '--rm', '-i', 'busybox', 'wc', '-c'], { input: 'twelve bytes' })).stdout.trim(),
    '12',
  );
  assert.match(
    (await docker(['run', '--rm', 'busybox', 'nosuch'], { accept: [127] })).stderr,
    /executable file not found in \$PATH/,
  );
  assert.match(
    (await docker(['run', '--rm', 'no-such-image:here'], { accept: [125] })).stderr,
    /Unable to find image 'no-such-image:here' locally/,
  );

  // script(1) gives the client a terminal of its own
  const child = spawn(
    'script',
    [
      '-qec',
      'stty rows 33 cols 99; docker run --rm -it busybox sh -c "tty; sleep 0.3; stty size; read line; echo got \\$line"',
      '/dev/null',
    ],
    {
      env: { ...process.env, DOCKER_HOST: `unix://${engine.socket}`, TERM: 'xterm' },
      stdio: ['pipe', 'pipe', 'inherit'],
    },
  );
  let seen = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    seen += text;
    if (/\/dev\/pts\/0\r\n33 99\r\n$/.test(seen)) child.stdin.write('words\n');
  });
  const limit = setTimeout(() => child.kill('SIGKILL'), 30_000);
  const code = await new Promise((resolve) => child.on('close', resolve));
  clearTimeout(limit);
  assert.equal(code, 0, seen);
  assert.match(seen, /got words\r\n/);
});

test('logs with follow, tail and both streams; wait and rm', async () => {
  await docker([
    'run',
    '-d',
    '--name',
    'talk',
    'busybox',
    'sh',
    '-c',
    'for i in 1 2 3; do echo line $i; done; echo oops >&2; sleep 1; echo late',
  ]);
  const followed = await docker(['logs', '-f', 'talk']);
  assert.deepEqual([followed.stdout, followed.stderr], ['line 1\nline 2\nline 3\nlate\n', 'oops\n']);
  assert.equal((await docker(['logs', '--tail', '1', 'talk'])).stdout, 'late\n');
  assert.equal((await docker(['wait', 'talk'])).stdout, '0\n');
  assert.match((await docker(['ps', '-a'])).stdout, /Exited \(0\) .* ago +talk/);
  assert.equal((await docker(['rm', 'talk'])).stdout, 'talk\n');
  assert.match((await docker(['rm', 'talk'], { accept: [1] })).stderr, /No such container: talk/);
});

test('save, remove, load and import bring images out and in again', async () => {
  const id = (await docker(['images', '-q', '--no-trunc', 'site:1'])).stdout;
  const archive = join(engine.work, 'site.tar');
  await docker(['save', '-o', archive, 'site:1', 'site:2']);
  const removed = await docker(['rmi', 'site:1', 'site:2']);
  assert.match(removed.stdout, /^Untagged: site:1\nUntagged: site:2\nDeleted: sha256:[0-9a-f]{64}$/m);
  const loaded = await docker(['load', '-i', archive]);
  assert.match(loaded.stdout, /^Loaded image: site:1$/m);
  assert.equal((await docker(['images', '-q', '--no-trunc', 'site:1'])).stdout, id);
  rmSync(archive);

  const root = join(engine.work, 'root.tar');
  await docker(['run', '--name', 'exported', 'busybox', 'sh', '-c', 'echo exported > /note']);
  await docker(['export', '-o', root, 'exported']);
  await docker(['rm', 'exported']);
  await docker(['import', '-c', 'CMD ["cat", "/note"]', '-m', 'from a tar', root, 'imported:1']);
  assert.equal((await docker(['run', '--rm', 'imported:1'])).stdout, 'exported\n');
  assert.match((await docker(['history', 'imported:1'])).stdout, /from a tar/);
});

test('cp goes both ways, commit makes an image', async () => {
  await docker(['run', '-d', '--name', 'box', 'busybox', 'sleep', '300']);
  const context = makeContext(engine.work, { 'in/file.txt': 'carried\n' });
  await docker(['cp', join(context, 'in'), 'box:/tmp/']);
  assert.equal((await docker(['exec', 'box', 'cat', '/tmp/in/file.txt'])).stdout, 'carried\n');
  assert.equal((await docker(['cp', 'box:/tmp/in/file.txt', '-'])).stdout.includes('carried'), true);
  assert.match((await docker(['diff', 'box'])).stdout, /^A \/tmp\/in$/m);
  await docker(['commit', '-m', 'with a file', 'box', 'boxed']);
  await docker(['rm', '-f', 'box']);
  assert.equal((await docker(['run', '--rm', 'boxed', 'cat', '/tmp/in/file.txt'])).stdout, 'carried\n');
});

test('prune removes dangling images and says how much came back', async () => {
  const context = makeContext(engine.work, { Dockerfile: 'FROM busybox\nRUN echo first > /f\n' });
  await docker(['build', '-q', '-t', 'moving', context]);
  const other = makeContext(engine.work, { Dockerfile: 'FROM busybox\nRUN echo second > /f\n' });
  await docker(['build', '-q', '-t', 'moving', other]);
  assert.match((await docker(['images', '-f', 'dangling=true'])).stdout, /<none> +<none>/);
  assert.match(
    (await docker(['image', 'prune', '-f'])).stdout,
    /deleted: sha256:[0-9a-f]{64}[\s\S]*Total reclaimed space: /,
  );
  assert.equal((await docker(['images', '-q', '-f', 'dangling=true'])).stdout, '');
  assert.match((await docker(['system', 'df'])).stdout, /^Images +\d+ +/m);
});

test('a commit of a container that is just ending makes an image all the same', async () => {
  for (const wait of ['0.05', '0.1', '0.15', '0.2', '0.25']) {
    await docker(['run', '-d', '--name', 'ending', 'busybox', 'sh', '-c', `echo x > /made; sleep ${wait}`]);
    await docker(['commit', 'ending', 'ended']);
    assert.equal((await docker(['run', '--rm', 'ended', 'cat', '/made'])).stdout, 'x\n');
    await docker(['rm', '-f', 'ending']);
  }
});

test('logs tell the details that were asked for when the container was made', async () => {
  await docker([
    ...['run', '--name', 'detailed', '--label', 'a=1', '--label', 'b=2', '-e', 'X=5', '--log-opt', 'labels=a'],
    ...['--log-opt', 'env=X', '--log-opt', 'tag=t/{{.Name}}', 'busybox', 'echo', 'hi'],
  ]);
  assert.equal((await docker(['logs', '--details', 'detailed'])).stdout, 'X=5,a=1,tag=t%2Fdetailed hi\n');
  assert.match(
    (await docker(['logs', '-t', '--details', 'detailed'])).stdout,
    /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z X=5,a=1,tag=t%2Fdetailed hi\n$/,
  );
  await docker(['rm', 'detailed']);
});

test('events tell what happened', async () => {
  const since = String(Math.floor(Date.now() / 1000));
  await docker(['run', '--rm', '--name', 'eventful', 'busybox', 'true']);
  const { stdout } = await docker([
    'events',
    '--since',
    since,
    '--until',
    String(Math.ceil(Date.now() / 1000) + 1),
    '--filter',
    'container=eventful',
    '--format',
    '{{.Action}}',
  ]);
  const actions = stdout.trim().split('\n');
  for (const action of ['create', 'attach', 'start', 'die', 'destroy'])
    assert.ok(actions.includes(action), `${action} in ${actions}`);
});

test('cp does what it does with Docker, whichever client asks', () => {
  const recorded: Record<string, string> = JSON.parse(
    readFileSync(join(import.meta.dirname, 'golden/copy.json'), 'utf8'),
  );
  // What a running container has in memory is there for who copies; with Docker it is not.
  recorded['running: C:/scratch new'] = 'exit 0\nnew 1777 0 folder\nnew/s 644 0 s';
  const client = (command: string, words: readonly string[]): Docker => {
    const env = { ...process.env, DOCKER_HOST: `unix://${engine.socket}`, STRATA_HOST: `unix://${engine.socket}` };
    return (args, { cwd, input = Buffer.alloc(0) } = {}) => {
      const ran = spawnSync(command, [...words, ...args], { input, env, maxBuffer: 2 ** 26, ...(cwd && { cwd }) });
      return { code: ran.status ?? 1, stdout: ran.stdout, stderr: ran.stderr.toString() };
    };
  };
  const [own, ...words] = program;
  const bind = join(engine.work, 'copied');
  const wanted = (name: string) => name in recorded;
  assert.deepEqual(
    runCopies(client('docker', []), 'copied', bind, ['running', 'stopped', 'created'], wanted),
    recorded,
  );
  // Its own client takes longer to start: what it does by itself.
  const some = new Set(
    ['C:/data new', 'C:/etc/hosts -', 'C:/vlink/. new', 'C:/nope new', 'dir C:W/dir'].map(
      (words) => `stopped: ${words}`,
    ),
  );
  for (const [name, outcome] of Object.entries(
    runCopies(client(own, words), 'copied', bind, ['stopped'], (name) => some.has(name)),
  ))
    assert.equal(outcome, recorded[name], name);
});
