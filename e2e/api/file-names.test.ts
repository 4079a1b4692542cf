/** Names of any bytes go in and out by every road, with the engine's own command line, the docker client and buildx. */
import assert from 'node:assert/strict';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fillHardTree, gnuTreeOf, treeOf } from '../../src/sys/testing/hard-trees.ts';
import { dockerWithPlugins } from '../harness/buildx.ts';
import { type Result, type RunOptions, startEngine, type TestEngine } from '../harness/engine.ts';
import { startRegistry, type TestRegistry } from '../registry/fixtures/docker-registry.ts';

type Run = (args: readonly string[], options?: RunOptions) => Promise<Result>;
type Tree = ReadonlyMap<string, string>;

let engine: TestEngine;
let registry: TestRegistry;
let strata: Run;
let docker: Run;
let buildx: Run;
let context = '';
let wanted: Tree;
let count = 0;

const dockerfile = `FROM busybox AS one
COPY tree /ctx
RUN cp -a /ctx /q && mkdir /gone && touch "/gone/$(printf 'caf\\351')" "/gone/$(printf 'caf\\350')"
RUN rm "/gone/$(printf 'caf\\351')"
FROM busybox AS two
COPY --from=one /q /q
COPY --from=one /gone /gone
RUN --mount=from=one,source=/q,target=/m cp -a /m /mounted
FROM scratch AS files
COPY --from=two /q /
`;

before(async () => {
  [engine, registry] = await Promise.all([startEngine({ bases: ['busybox'] }), startRegistry()]);
  strata = engine.strata;
  docker = engine.docker;
  buildx = dockerWithPlugins(engine);
  context = join(engine.work, 'context');
  fillHardTree(join(context, 'tree'));
  writeFileSync(join(context, 'Dockerfile'), dockerfile);
  wanted = treeOf(join(context, 'tree'));
});
after(async () => {
  await registry?.close();
  await engine?.stop();
});

const scratch = () => join(engine.work, `scratch-${count++}`);

/** A container's files, as `export` has them and GNU tar reads them: the folder that they are in. */
async function exported(container: string, run = strata): Promise<string> {
  const [archive, folder] = [scratch(), scratch()];
  await run(['export', '-o', archive, container]);
  gnuTreeOf(archive, folder);
  return folder;
}

async function filesOf(image: string): Promise<string> {
  const name = `c${count++}`;
  await strata(['create', '--name', name, image]);
  try {
    return await exported(name);
  } finally {
    await strata(['rm', name]);
  }
}

async function sameImage(image: string): Promise<void> {
  const files = await filesOf(image);
  assert.deepEqual(treeOf(`${files}/q`), wanted);
  assert.deepEqual(treeOf(`${files}/mounted`), wanted);
  assert.deepEqual([...treeOf(`${files}/gone`).keys()], ['/caf\xe8']);
}

test('builds read a context from the folder, as an archive and over a session', async () => {
  await strata(['build', '-q', '-t', 'odd:strata', '--target', 'two', context]);
  await sameImage('odd:strata');
  await docker(['build', '-q', '-t', 'odd:classic', '--target', 'two', context]);
  await sameImage('odd:classic');
  await buildx(['build', '-q', '-t', 'odd:buildx', '--target', 'two', context]);
  await sameImage('odd:buildx');
});

test('a changed byte of a name is another build', async () => {
  const other = join(engine.work, 'other');
  for (const byte of [0xe8, 0xe9]) {
    rmSync(other, { recursive: true, force: true });
    mkdirSync(other);
    writeFileSync(join(other, 'Dockerfile'), 'FROM busybox\nCOPY f* /f/\n');
    writeFileSync(Buffer.concat([Buffer.from(`${other}/f`), Buffer.of(byte)]), '');
    await strata(['build', '-q', '-t', 'odd:byte', other]);
    assert.deepEqual([...treeOf(`${await filesOf('odd:byte')}/f`).keys()], [`/f${String.fromCharCode(byte)}`]);
  }
});

test('a Dockerfile and a .dockerignore name files by their bytes', async () => {
  const named = join(engine.work, 'named');
  mkdirSync(named);
  const write = (name: string, text: string) =>
    writeFileSync(Buffer.from(join(named, name), 'latin1'), Buffer.from(text, 'latin1'));
  const lines = [
    '# caf\xe9',
    'FROM busybox',
    'COPY caf\xe9 /n/',
    'COPY . /n/',
    'COPY <<E /n/here',
    'caf\xe9',
    'E',
    'LABEL a=\xe9',
  ];
  write('Dockerfile', lines.join('\n'));
  write('.dockerignore', 'caf\xe8\nDockerfile\n.dockerignore\n');
  write('caf\xe8', 'no');
  write('caf\xe9', 'yes');
  write('caf\xea', 'yes');
  for (const run of [strata, docker, buildx]) {
    const { stdout, stderr } = await run(['build', '-t', 'odd:named', named]);
    assert.match(stdout + stderr, /Dockerfile:8: LABEL a=\\351: what is not UTF-8 became U\+FFFD/);
    const tree = treeOf(`${await filesOf('odd:named')}/n`);
    assert.deepEqual([...tree.keys()].sort(), ['/caf\xe9', '/caf\xea', '/here']);
    const { stdout: content } = await strata(['run', '--rm', 'odd:named', 'od', '-An', '-to1', '/n/here']);
    assert.equal(content.trim(), '143 141 146 351 012');
    const { stdout: history } = await docker(['history', '--no-trunc', '--format', '{{.CreatedBy}}', 'odd:named']);
    assert.ok(history.includes('COPY caf\ufffd /n/ # buildkit'), history);
  }
});

test('a step that cannot have such bytes is refused', async () => {
  const refused = join(engine.work, 'refused');
  mkdirSync(refused);
  writeFileSync(join(refused, 'Dockerfile'), Buffer.from('FROM busybox\nRUN echo caf\xe9\n', 'latin1'));
  for (const run of [strata, docker, buildx]) {
    const { output } = await run(['build', refused], { accept: 'any' });
    assert.match(output, /parse error on line 2: string field contains invalid UTF-8/);
  }
});

test('builds write folders and archives', async () => {
  for (const run of [strata, buildx]) {
    const [folder, archive] = [scratch(), scratch()];
    await run(['build', '-q', '--target', 'files', '-o', folder, context]);
    assert.deepEqual(treeOf(folder), wanted);
    await run(['build', '-q', '--target', 'files', '-o', `type=tar,dest=${archive}`, context]);
    assert.deepEqual(gnuTreeOf(archive, scratch()), wanted);
  }
});

test('images keep them when saved, loaded, pushed and pulled', async () => {
  const archive = scratch();
  await strata(['save', '-o', archive, 'odd:strata']);
  const name = `${registry.host}/odd:1`;
  await strata(['tag', 'odd:strata', name]);
  await strata(['push', '-q', name]);
  await strata(['rmi', 'odd:strata', 'odd:classic', 'odd:buildx', name]);
  await strata(['builder', 'prune', '-af']);
  await strata(['load', '-i', archive]);
  await sameImage('odd:strata');
  await strata(['rmi', 'odd:strata']);
  await strata(['pull', '-q', name]);
  await sameImage(name);
  await strata(['tag', name, 'odd:strata']);
});

test('cp carries them in and out, and diff, commit and export show them', async () => {
  await strata(['run', '-d', '--name', 'busy', 'odd:strata', 'sleep', '1000']);
  await strata(['create', '--name', 'idle', 'odd:strata']);
  for (const container of ['busy', 'idle'])
    for (const [name, run] of [
      ['strata', strata],
      ['docker', docker],
    ] as const) {
      const out = scratch();
      await run(['cp', `${container}:/q`, out]);
      assert.deepEqual(treeOf(out), wanted, `${name} cp ${container}:/q`);
      await run(['cp', join(context, 'tree'), `${container}:/${name}`]);
      assert.deepEqual(treeOf(`${await exported(container, run)}/${name}`), wanted, `${name} cp to ${container}`);
    }
  await strata(['exec', 'busy', 'sh', '-c', 'rm "/q/files/$(printf "caf\\351")"; touch "/new$(printf "\\377")"']);
  for (const run of [strata, docker]) {
    const lines = (await run(['diff', 'busy'])).stdout.split('\n');
    assert.ok(lines.includes('D /q/files/caf\\351'), lines.join('\n'));
    assert.ok(lines.includes('A /new\\377'));
    assert.ok(lines.includes('A /strata/folders/caf\\350/caf\\350'));
  }
  await strata(['commit', 'busy', 'odd:commit']);
  const files = await filesOf('odd:commit');
  assert.deepEqual(treeOf(`${files}/docker`), wanted);
  const tree = treeOf(files);
  assert.ok(tree.has('/new\xff') && tree.has('/q/files/caf\xe8') && !tree.has('/q/files/caf\xe9'));
  await strata(['rm', '-f', 'busy', 'idle']);
});

test('a new volume gets them from the image', async () => {
  await strata(['run', '--name', 'filled', '-v', 'odd:/q', 'odd:strata', 'true']);
  assert.deepEqual(treeOf((await strata(['volume', 'inspect', '-f', '{{.Mountpoint}}', 'odd'])).stdout.trim()), wanted);
  const out = scratch();
  await strata(['cp', 'filled:/q', out]);
  assert.deepEqual(treeOf(out), wanted);
  await strata(['rm', 'filled']);
  await strata(['volume', 'rm', 'odd']);
});
