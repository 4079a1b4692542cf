import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { randomInt } from 'node:crypto';
import {
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { oldDockerClient } from '../../scripts/newer-debian.ts';
import { dockerWithPlugins } from '../harness/buildx.ts';
import { makeContext } from '../harness/context.ts';
import { execute, fetchText, type RunOptions, startEngine, type TestEngine } from '../harness/engine.ts';
import { freePort } from '../harness/ports.ts';
import { until } from '../harness/until.ts';

let engine: TestEngine;
let docker: ReturnType<typeof dockerWithPlugins>;
before(async () => {
  engine = await startEngine({ bases: ['busybox'] });
  docker = dockerWithPlugins(engine);
});
after(async () => await engine?.stop());

const build = (context: string, args: readonly string[] = [], options: RunOptions = {}) =>
  docker(['build', '--progress=plain', ...args, context], options);

test('docker build with buildx sends the context, shows the steps and names the image', async () => {
  const context = makeContext(engine.work, {
    Dockerfile: 'FROM busybox\nARG WHO=nobody\nCOPY . /ctx/\nRUN echo "hello $WHO"; ls -lR /ctx\nLABEL a=b\n',
    '.dockerignore': 'hidden\n*.log\n',
    hidden: 'x',
    'a.log': 'x',
    'folder/file ü': 'x'.repeat(300_000),
  });
  symlinkSync('folder', join(context, 'link'));
  mkdirSync(join(context, 'empty'));
  linkSync(join(context, 'folder/file ü'), join(context, 'folder/twin'));
  const { output } = await build(context, ['-t', 'bx:1', '--build-arg', 'WHO=ann', '--label', 'c=d']);
  assert.match(output, /transferring context: 300\.\d+kB/);
  assert.match(output, /hello ann/);
  assert.match(output, /naming to docker\.io\/library\/bx:1/);
  assert.match(output, / 300000 .* file \?\?/);
  assert.match(output, / 300000 .* twin/);
  assert.match(output, /link -> folder/);
  assert.match(output, /empty/);
  assert.doesNotMatch(output, /hidden|a\.log/);
  assert.doesNotMatch(output, /LABEL a=b/, 'instructions without work are no steps to buildx');
  const { stdout } = await docker(['inspect', '--format', '{{json .Config.Labels}}', 'bx:1']);
  assert.deepEqual(JSON.parse(stdout), { a: 'b', c: 'd' });

  const again = await build(context, ['-t', 'bx:1', '--build-arg', 'WHO=ann', '--label', 'c=d']);
  assert.match(again.output, /RUN echo.*\n#\d+ CACHED/);
  assert.deepEqual(readdirSync(join(engine.dataRoot, 'tmp/sessions')), [], 'what the client sent is gone');
});

test('the next build of a folder sends only what changed, and sees what went', async () => {
  const context = makeContext(engine.work, {
    Dockerfile: 'FROM busybox\nCOPY . /ctx/\nRUN cd /ctx; find . -type f | sort; cat small folder/* | md5sum\n',
    big: 'x'.repeat(3_000_000),
    small: 'one',
    gone: 'x',
    'folder/a': 'a',
  });
  const sent = async () => {
    const { output } = await build(context);
    const [, amount, unit] = [...output.matchAll(/transferring context: ([\d.]+)(B|kB|MB)/g)].at(-1) ?? [];
    return { output, bytes: Number(amount) * { B: 1, kB: 1e3, MB: 1e6 }[unit as 'B']! };
  };
  assert.ok((await sent()).bytes > 2_900_000);
  writeFileSync(join(context, 'small'), 'two');
  rmSync(join(context, 'gone'));
  rmSync(join(context, 'folder'), { recursive: true });
  writeFileSync(join(context, 'folder'), 'now a file');
  const { output, bytes } = await sent();
  assert.ok(bytes < 1000, `${bytes} bytes`);
  assert.match(output, /\.\/big\n.*\.\/folder\n.*\.\/small\n/);
  assert.doesNotMatch(output, /\.\/gone|folder\/a/);
});

test('a failing step, a syntax error and an absent file are shown with their line', async () => {
  const failing = makeContext(engine.work, { Dockerfile: 'FROM busybox\nRUN echo out; exit 7\n' });
  const one = await build(failing, [], { accept: [1] });
  assert.match(one.output, /Dockerfile:2\n-+\n +1 \|.*FROM busybox\n +2 \| >>> RUN echo out; exit 7/);
  assert.match(
    one.output,
    /ERROR: failed to build: failed to solve: process "\/bin\/sh -c echo out; exit 7" did not complete successfully: exit code: 7\n/,
  );
  const typo = makeContext(engine.work, { Dockerfile: 'FROM busybox\n\n\nCPOY a b\n' });
  const two = await build(typo, [], { accept: [1] });
  assert.match(two.output, /Dockerfile:4\n[\s\S]*4 \| >>> CPOY a b/);
  assert.match(two.output, /unknown instruction: CPOY \(did you mean COPY\?\)/);
  const three = await build(join(engine.work, 'nowhere'), [], { accept: [1] });
  assert.match(three.output, /path ".*nowhere" not found/);
  const four = await build(failing, ['-f', join(failing, 'Absent')], { accept: [1] });
  assert.match(four.output, /failed to read dockerfile: open Absent: no such file or directory/);
});

test('secrets, agents, named contexts and standard input come from the client', async () => {
  const context = makeContext(engine.work, {
    Dockerfile: `FROM busybox
RUN --mount=type=secret,id=token sha256sum /run/secrets/token | cut -c1-8; [ $(wc -c < /run/secrets/token) = 9 ]
RUN --mount=type=secret,id=env,env=WORD [ \${#WORD} = 9 ]
RUN --mount=type=ssh [ -S $SSH_AUTH_SOCK ]
COPY --from=more extra /
`,
    token: 'topsecret',
  });
  const more = makeContext(engine.work, { extra: 'x' });
  const agent = createServer((connection) =>
    connection.on('data', (data) => connection.end(`agent says ${String(data)}`)).on('error', () => {}),
  );
  const socket = join(engine.work, 'agent.sock');
  await new Promise<void>((resolve) => agent.listen(socket, resolve));
  try {
    const args = ['--secret', `id=token,src=${join(context, 'token')}`, '--secret', 'id=env,env=MY_WORD'];
    const { output } = await build(
      context,
      [...args, '--ssh', `default=${socket}`, '--build-context', `more=${more}`],
      {
        env: { MY_WORD: 'whispered' },
      },
    );
    assert.doesNotMatch(output, /topsecret|whispered/);
  } finally {
    agent.close();
  }
  const fromStdin = await build('-', [], { input: 'FROM busybox\nRUN echo from standard input\n' });
  assert.match(fromStdin.output, /from standard input/);
  const archive = spawnSync('tar', ['-c', 'extra'], { cwd: more });
  const tar = spawnSync('tar', ['-c', 'Dockerfile', 'extra'], {
    cwd: makeContext(engine.work, { Dockerfile: 'FROM busybox\nCOPY extra /\nRUN cat /extra\n', extra: 'packed' }),
  });
  assert.equal(archive.status, 0);
  assert.match((await build('-', [], { input: tar.stdout })).output, /packed/);
});

test('results go to a folder, to an archive, to files about them', async () => {
  const context = makeContext(engine.work, {
    Dockerfile: 'FROM scratch\nCOPY a /deep/a\nCOPY b /\n',
    a: 'first',
    b: 'second',
  });
  const [folder, archive] = [join(engine.work, 'out'), join(engine.work, 'out.tar')];
  await build(context, ['-o', folder]);
  assert.deepEqual(readdirSync(folder, { recursive: true }).sort(), ['b', 'deep', 'deep/a']);
  assert.equal(readFileSync(join(folder, 'deep/a'), 'utf8'), 'first');
  await build(context, ['-o', `type=tar,dest=${archive}`]);
  assert.match(spawnSync('tar', ['-tf', archive], { encoding: 'utf8' }).stdout, /deep\/a/);
  const [idFile, metadata] = [join(engine.work, 'iid'), join(engine.work, 'metadata.json')];
  const { stdout } = await docker([
    'build',
    '-q',
    '-t',
    'bx:2',
    '--iidfile',
    idFile,
    '--metadata-file',
    metadata,
    context,
  ]);
  const id = readFileSync(idFile, 'utf8');
  assert.equal(stdout.trim(), id);
  assert.equal(JSON.parse(readFileSync(metadata, 'utf8'))['containerimage.config.digest'], id);
  assert.equal((await docker(['inspect', '--format', '{{.Id}}', 'bx:2'])).stdout.trim(), id);
});

test('warnings, checks, outlines and targets are answered', async () => {
  const context = makeContext(engine.work, {
    Dockerfile: 'FROM busybox AS first\nARG B=2\n\n# the second\nfrom busybox AS second\nENV a b\n',
  });
  assert.match((await build(context)).output, /warnings? found[\s\S]*LegacyKeyValueFormat/);
  const check = await build(context, ['--check'], { accept: [1] });
  assert.match(check.output, /Check complete, \d warnings? ha(s|ve) been found!/);
  assert.match((await build(context, ['--call=targets'])).output, /first\s*\n[\s\S]*second \(default\)/);
  assert.match((await build(context, ['--call=outline', '--target=first'])).output, /B +2/);
});

test('a call asks for no base that it does not need', async () => {
  const context = makeContext(engine.work, {
    Dockerfile: 'FROM nosuch.invalid/x:1 AS lost\nARG A=1\nRUN true\nFROM busybox AS found\nARG B=2\n',
  });
  for (const run of [build, (dir: string, args: readonly string[]) => engine.strata(['build', ...args, dir])]) {
    for (const [args, answer] of [
      [['--call=targets'], /lost\s*\n[\s\S]*found \(default\)/],
      [['--call=outline'], /B +2/],
      [['--call=outline', '--target=found'], /B +2/],
    ] as const) {
      const { output } = await run(context, args);
      assert.match(output, answer);
      assert.doesNotMatch(output, /nosuch/);
    }
  }
  const refused = await build(context, ['--call=outline', '--target=lost'], { accept: [1] });
  assert.match(refused.output, /nosuch\.invalid\/x:1: failed to resolve source metadata/);
});

test('a source policy of the client holds, and what is not done is told', async () => {
  const context = makeContext(engine.work, { Dockerfile: 'FROM busybox\nLABEL policy=1\n' });
  const selector = { identifier: 'docker-image://docker.io/library/busybox*' };
  const policy = join(engine.work, 'policy.json');
  const env = { EXPERIMENTAL_BUILDKIT_SOURCE_POLICY: policy };
  writeFileSync(policy, JSON.stringify({ rules: [{ action: 'DENY', selector }] }));
  const denied = await build(context, [], { env, accept: [1] });
  assert.match(denied.output, /source "docker-image:\/\/docker.io\/library\/busybox:latest" denied by policy/);
  const own = await engine.strata(['build', context], { env, accept: [1] });
  assert.match(own.output, /denied by policy: source denied by policy/);
  const updates = { identifier: 'docker-image://docker.io/library/alpine$1' };
  writeFileSync(policy, JSON.stringify({ rules: [{ action: 'CONVERT', selector, updates }] }));
  await build(context, [], { env });
  assert.match(
    (await build(context, ['--build-arg', 'BUILDKIT_SYNTAX=a/b'])).output,
    /BUILDKIT_SYNTAX=a\/b is not fetched/,
  );
  for (const [args, message] of [
    [['--allow', 'device=foo'], /granting entitlement device is not allowed by build daemon configuration/],
    [['-o', 'type=image,compression=estargz'], /unsupported compression type estargz/],
    [['--sbom=true'], /Attestations are not supported by the current BuildKit daemon/],
  ] as const)
    assert.match((await build(context, args, { accept: [1] })).output, message);
});

test('a build that the client gives up ends here, too', async () => {
  // A number of its own: other runs on this machine look for theirs.
  const step = `sleep ${randomInt(10_000, 1_000_000)}`;
  const context = makeContext(engine.work, { Dockerfile: `FROM busybox\nRUN echo begun; ${step}\n` });
  const stop = new AbortController();
  const building = build(context, [], { accept: 'any', signal: stop.signal });
  const runs = () => spawnSync('pgrep', ['-f', `^${step}`]).status === 0;
  await until('the step runs', runs);
  stop.abort();
  assert.notEqual((await building).code, 0);
  await until('the step ends', () => !runs());
});

test('buildx knows the builder, its cache and how to prune it', async () => {
  assert.match((await docker(['buildx', 'ls'])).stdout, /default +running +\d+\.\d+\.\d+ +linux\//);
  assert.match((await docker(['buildx', 'du'])).stdout, /Total:\s+[\d.]+[kM]?B/);
  assert.match((await docker(['buildx', 'prune', '-af'])).stdout, /Total:\s+[\d.]+[kM]?B/);
});

test('a target of bake is the base and the context of another, whether it becomes an image or not', async () => {
  const folder = makeContext(engine.work, {
    'docker-bake.hcl': `group "default" { targets = ["app"] }
target "tools" {
  context = "tools"
  output = ["type=cacheonly"]
}
target "base" {
  context = "base"
  tags = ["baked-base:1"]
}
target "app" {
  context = "app"
  tags = ["baked:1"]
  contexts = {
    base = "target:base"
    tools = "target:tools"
  }
}
`,
    'tools/Dockerfile': 'FROM busybox\nRUN echo tool > /tool\n',
    'base/Dockerfile': 'FROM busybox\nENV BASE=yes\nLABEL of=base\nWORKDIR /w\n',
    'app/Dockerfile': 'FROM base\nCOPY --from=tools /tool .\nRUN cat tool; echo "$BASE in $PWD"\n',
  });
  const { output } = await docker(['buildx', 'bake', '--progress=plain'], { cwd: folder });
  assert.match(output, / tool\n(?:.*\n)*#\d+ [\d.]+ yes in \/w\n/);
  const { stdout } = await docker([
    'image',
    'inspect',
    '-f',
    '{{json .Config.Labels}} {{len .RootFS.Layers}}',
    'baked:1',
  ]);
  assert.equal(stdout, '{"of":"base"} 4\n');
  assert.match((await docker(['history', '--format', '{{.CreatedBy}}', 'baked:1'])).stdout, /ENV BASE=yes/);
});

test('a service of Compose is the context of another', async () => {
  const project = makeContext(engine.work, {
    'compose.yml': `services:
  base:
    build: base
  app:
    build:
      context: app
      additional_contexts:
        base: service:base
`,
    'base/Dockerfile': 'FROM busybox\nRUN echo shared > /shared\n',
    'app/Dockerfile': 'FROM base\nRUN cat /shared > /copy\nCMD ["cat", "/copy"]\n',
  });
  const compose = (...args: string[]) => docker(['compose', '-p', 'strata-linked', ...args], { cwd: project });
  await compose('build');
  assert.match((await compose('run', '--rm', '-T', 'app')).stdout, /^shared\n$/m);
  await compose('down');
});

test('docker compose builds, runs, asks and takes down a project', async () => {
  const port = await freePort();
  const project = makeContext(engine.work, {
    'compose.yml': `services:
  web:
    build: .
    ports: ["127.0.0.1:${port}:80"]
    depends_on: [db]
  db:
    image: busybox
    command: ["sleep", "300"]
    volumes: ["data:/data"]
volumes:
  data:
`,
    Dockerfile:
      'FROM busybox\nRUN mkdir /w && echo composed > /w/index.html\nCMD ["httpd", "-f", "-p", "80", "-h", "/w"]\n',
  });
  const compose = (...args: string[]) => docker(['compose', '-p', 'strata-e2e', ...args], { cwd: project });
  try {
    await compose('up', '-d', '--build');
    assert.equal(await fetchText(`http://127.0.0.1:${port}/`), 'composed\n');
    assert.equal(
      (await compose('exec', '-T', 'web', 'sh', '-c', 'ping -c1 -w5 db >/dev/null && echo reached')).stdout,
      'reached\n',
    );
    assert.match((await compose('ps', '--format', '{{.Service}} {{.State}}')).stdout, /db running\nweb running/);
  } finally {
    await compose('down', '-v', '-t', '0');
  }
  assert.equal((await docker(['ps', '-aq'])).stdout, '');
  assert.ok(existsSync(project));
  writeFileSync(join(project, 'done'), '');
});

/** How many bytes of a context came, as the client tells; undefined where none were asked for. */
const transferred = (output: string) => [...output.matchAll(/transferring context: (\d\S+)/g)].at(-1)?.[1];

for (const [what, instructions, sent] of [
  ['nothing where nothing is copied', 'RUN true', undefined],
  ['what COPY names', 'COPY small /', '5B'],
  ['what a variable of COPY stands for', 'ARG F=small\nCOPY $F /', '5B'],
  ['what a wildcard of COPY means', 'COPY sm*l /', '5B'],
  ['what a link leads to', 'COPY link /', '5B'],
  ['what ADD names', 'ADD folder/part /', '7B'],
  ['what a mount names', 'RUN --mount=type=bind,source=folder,target=/f cat /f/part', '7B'],
  ['what is copied with its parents', 'COPY --parents ./folder/part /', '7B'],
  ['nothing for another stage', 'FROM busybox AS other\nCOPY large /\nFROM busybox\nCOPY small /', '5B'],
  ['all where all is copied', 'COPY . /', '3.00MB'],
] as const)
  test(`buildx sends ${what}`, async () => {
    const context = makeContext(engine.work, {
      Dockerfile: `FROM busybox\n${instructions}\n`,
      small: 'small',
      'folder/part': 'in part',
      large: 'x'.repeat(3_000_000),
    });
    symlinkSync('small', join(context, 'link'));
    const { output } = await build(context, ['--no-cache']);
    const seen = transferred(output);
    // The client counts the names of files, too, where all is sent.
    assert.equal(seen?.replace(/^3\.0\d*MB/, '3.00MB'), sent, output);
  });

test('buildx sends a named context only where it is read', async () => {
  const context = makeContext(engine.work, { Dockerfile: 'FROM busybox\nCOPY small /\n', small: 'small' });
  const named = makeContext(engine.work, { 'one/file': 'x'.repeat(100_000) });
  const unread = await build(context, ['--build-context', `more=${named}`]);
  assert.doesNotMatch(unread.output, /1\d\d\.\d+kB/);
  writeFileSync(join(context, 'Dockerfile'), 'FROM busybox\nCOPY --from=more one/file /\n');
  const read = await build(context, ['--build-context', `more=${named}`]);
  assert.match(read.output, /transferring context: 100\.\d+kB/);
});

test('a Dockerfile that is a link is read, inside of its folder alone', async () => {
  const context = makeContext(engine.work, { 'files/real': 'FROM busybox\nRUN echo from-$((40 + 2))\n' });
  symlinkSync('files/real', join(context, 'Dockerfile'));
  assert.match((await build(context, ['--no-cache'])).output, /from-42/);
  symlinkSync('/etc/passwd', join(context, 'Outside'));
  const outside = await build(context, ['-f', join(context, 'Outside')], { accept: 'any' });
  assert.notEqual(outside.code, 0);
  assert.doesNotMatch(outside.output, /root:x/);
});

/** A docker client that speaks BuildKit's protocol without buildx (`POST /build?version=2`). */
async function oldBuild(args: readonly string[], options: RunOptions = {}) {
  const env = { DOCKER_HOST: `unix://${engine.socket}`, DOCKER_BUILDKIT: '1', HOME: engine.work };
  return await execute(oldDockerClient(), ['build', '--progress=plain', ...args], { ...options, env }, engine.work);
}

test('a docker client without buildx sends its folder, its secrets and its logins, and takes files back', async () => {
  const context = makeContext(engine.work, {
    Dockerfile:
      'FROM busybox\nARG WHO\nCOPY . /ctx/\nRUN --mount=type=secret,id=s cat /run/secrets/s; ls /ctx; echo "to $WHO"\n',
    '.dockerignore': 'hidden\n',
    hidden: 'x',
    seen: 'y',
    word: 'from-the-client\n',
  });
  const secret = `id=s,src=${join(context, 'word')}`;
  const { output } = await oldBuild(['-t', 'old:1', '--build-arg', 'WHO=ann', '--secret', secret, context]);
  assert.match(output, /from-the-client/);
  assert.match(output, /to ann/);
  assert.match(output, /naming to docker\.io\/library\/old:1/);
  assert.doesNotMatch(output, /hidden/);
  const quiet = await oldBuild(['-q', '-t', 'old:2', '--build-arg', 'WHO=ann', '--secret', secret, context]);
  const { stdout } = await docker(['image', 'inspect', '--format', '{{.Id}}', 'old:1']);
  assert.equal(quiet.stdout, stdout);
  const out = join(engine.work, 'old-out');
  await oldBuild(['-o', out, '--secret', secret, context]);
  assert.deepEqual(readdirSync(join(out, 'ctx')).sort(), ['.dockerignore', 'Dockerfile', 'seen', 'word']);
});

test('a docker client without buildx sends a tar or a Dockerfile from its input', async () => {
  const context = makeContext(engine.work, {
    Dockerfile: 'FROM busybox\nCOPY word /\nRUN cat word\n',
    word: 'in-a-tar\n',
  });
  const tar = spawnSync('tar', ['-c', '-C', context, '.'], { encoding: 'buffer' }).stdout;
  assert.match((await oldBuild(['-'], { input: tar })).output, /in-a-tar/);
  const wanting = makeContext(engine.work, {
    Dockerfile: 'FROM busybox\nRUN --mount=type=secret,id=s,required cat /run/secrets/s\n',
    secret: 'for-a-tar\n',
  });
  const input = spawnSync('tar', ['-c', '-C', wanting, '.'], { encoding: 'buffer' }).stdout;
  const secret = ['--secret', `id=s,src=${join(wanting, 'secret')}`, '-'];
  assert.match((await oldBuild(secret, { input })).output, /for-a-tar/);
  const byBuildx = await docker(['build', '--progress=plain', '--no-cache', ...secret], { input });
  assert.match(byBuildx.output, /for-a-tar/);
  const text = await oldBuild(['-'], { input: 'FROM busybox\nRUN echo typed-$((40 + 2)); exit 7\n', accept: 'any' });
  assert.notEqual(text.code, 0);
  assert.match(text.output, /typed-42[\s\S]*did not complete successfully: exit code: 7/);
});
