import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  createdBy,
  expandInstruction,
  findBaseStage,
  findStage,
  globalScope,
  type Instruction,
  parseDockerfile,
  platformArgs,
  runCommand,
  stageDependencies,
  summarizeHeredoc,
} from './index.ts';

const env: Readonly<Record<string, string>> = { X: 'x y', P: '80', D: '/d' };
const lookup = (name: string): string | undefined => env[name];

function instruction(line: string): Instruction {
  return parseDockerfile(`FROM scratch\n${line}\n`).stages[0]!.instructions[0]!;
}

const expanded = (line: string): Instruction => expandInstruction(instruction(line), lookup);
const history = (line: string): string | undefined => createdBy(expanded(line));

test('instructions with variables are expanded', () => {
  assert.equal(history('ENV A$P=$X B="$X"'), 'ENV A80=x y B=x y');
  assert.equal(history('LABEL a=$P'), 'LABEL a=80');
  assert.equal(history('WORKDIR $D/a'), 'WORKDIR /d/a');
  assert.equal(history('USER u$P'), 'USER u80');
  assert.equal(history('VOLUME $D ["a"'), 'VOLUME [/d [a]');
  assert.equal(history('STOPSIGNAL $P'), 'STOPSIGNAL 80');
  assert.equal(history('EXPOSE $P/udp 90-91 "$P"'), 'EXPOSE [80/tcp 80/udp 90/tcp 91/tcp]');
  assert.equal(history('COPY --chown=$P --chmod=7$P $X a $D'), 'COPY --chown=80 --chmod=780 x y a /d # buildkit');
  assert.equal(history('ARG A=$P B=a$A'), 'ARG A=80 B=a80');
});

test('instructions without variables stay as they are', () => {
  for (const line of [
    'RUN $X',
    'CMD $X',
    'CMD ["$X"]',
    'ENTRYPOINT $X',
    'HEALTHCHECK CMD $X',
    'SHELL ["$X"]',
    'ONBUILD RUN $X',
  ]) {
    assert.deepEqual(expanded(line), line.startsWith('RUN') ? { ...instruction(line), mounts: [] } : instruction(line));
  }
  const copy = expanded('COPY --from=a --exclude=$X b c');
  assert.deepEqual(copy.kind === 'copy' && copy.excludes, ['$X']);
});

test('heredocs of COPY are expanded unless their mark is quoted; quotes in them mean nothing', () => {
  const copy = expanded('COPY <<A <<"B" /\n"$P" \\$P \'$P\'\nA\n$P\nB');
  assert.deepEqual(copy.kind === 'copy' && copy.files.map((file) => file.data), ['"80" $P \'80\'\n', '$P\n']);
});

test('mounts of RUN are taken apart with their values expanded', () => {
  const run = expanded('RUN --mount=type=cache,target=$D,id=$X a');
  assert.deepEqual(run.kind === 'run' && run.mounts, [
    { type: 'cache', target: '/d', id: 'x y', readOnly: false, required: false },
  ]);
});

test('the default of an argument that is given is not looked at', () => {
  const arg = instruction('ARG A=${B:?no}');
  assert.throws(() => expandInstruction(arg, lookup), /B: no/);
  expandInstruction(arg, lookup, { given: (name) => (name === 'A' ? 'x' : undefined) });
});

test('defaults of an ARG see what the arguments in front of them got from outside or from the global scope', () => {
  const arg = instruction('ARG A=1 G C=$A$G');
  const options = { given: (name: string) => (name === 'A' ? 'x' : undefined), inherited: () => 'y' };
  const seen = expandInstruction(arg, () => undefined, options);
  assert.deepEqual(seen.kind === 'arg' && seen.args.at(-1), { key: 'C', value: 'xy' });
});

test('values are checked once they are known', () => {
  assert.throws(() => expanded('STOPSIGNAL x$P'), /invalid signal: x80/);
  assert.throws(() => expanded('VOLUME $NONE'), /VOLUME specified can not be an empty string/);
  assert.throws(() => expanded('EXPOSE $D'), /no port specified|invalid/);
});

test('the history of RUN begins with its arguments', () => {
  const buildArgs = [
    ['A', '1'],
    ['B', ''],
    ['A', '2'],
  ] as const;
  assert.equal(createdBy(instruction('RUN x'), { buildArgs }), 'RUN |2 A=2 B= /bin/sh -c x # buildkit');
  assert.equal(createdBy(instruction('RUN x'), { shell: ['/bin/bash', '-c'] }), 'RUN /bin/bash -c x # buildkit');
  assert.equal(createdBy(instruction('RUN ["x","y z"]')), 'RUN x y z # buildkit');
});

test('the history of other instructions is that of the reference', () => {
  assert.equal(history('CMD a "b"'), 'CMD ["/bin/sh" "-c" "a \\"b\\""]');
  assert.equal(history('ENTRYPOINT []'), 'ENTRYPOINT []');
  assert.equal(history('SHELL ["a", "b"]'), 'SHELL [a b]');
  assert.equal(history('MAINTAINER me <m>'), 'MAINTAINER me <m>');
  assert.equal(history('ADD a <<E /b/\nE'), 'ADD a <<E /b/ # buildkit');
  assert.equal(history('COPY --parents --link --exclude=q a /b/'), 'COPY --parents a /b/ # buildkit');
  assert.equal(
    history('HEALTHCHECK --interval=90s --retries=3 CMD ["a"]'),
    `HEALTHCHECK &{["CMD" "a"] "1m30s" "0s" "0s" "0s" '\\x03'}`,
  );
  assert.equal(history('ONBUILD RUN a'), undefined);
});

test('a lone heredoc is the script of a RUN, or with a #! line a file', () => {
  const command = (line: string) => {
    const run = instruction(line);
    assert.ok(run.kind === 'run');
    return runCommand(run);
  };
  assert.deepEqual(command('RUN <<-E\n\ta $X\n\tE'), { args: ['a $X\n'], shell: true });
  assert.deepEqual(command('RUN <<E\n#!/bin/x\na\nE'), {
    args: ['/dev/pipes/E'],
    shell: true,
    file: { name: 'E', data: '#!/bin/x\na\n' },
  });
  assert.deepEqual(command('RUN cat <<E <<-F\na\nE\n\tb\nF'), { args: ['cat <<E <<-F\na\nE\n\tb\nF'], shell: true });
  assert.deepEqual(command('RUN ["a"]'), { args: ['a'], shell: false });
  assert.equal(summarizeHeredoc('\n a\nb\n'), 'a...');
});

test('global arguments have platforms, defaults and what is given from outside', () => {
  const platform = { os: 'linux', architecture: 'arm', variant: 'v7' };
  const host = { os: 'linux', architecture: 'amd64' };
  const options = { buildPlatform: host, targetPlatform: platform };
  const names = platformArgs({ ...options, buildArgs: { TARGETOS: 'mine' } });
  assert.equal(names.get('TARGETPLATFORM'), 'linux/arm/v7');
  assert.deepEqual(
    [names.get('TARGETOS'), names.get('BUILDVARIANT'), names.get('TARGETSTAGE')],
    ['mine', '', 'default'],
  );
  const file = parseDockerfile('ARG A=1 B=$A$TARGETARCH\nARG C D\nFROM x AS last\n');
  const scope = globalScope(file, { ...options, buildArgs: { A: '2', D: 'd' } });
  assert.deepEqual([scope.get('A'), scope.get('B'), scope.has('C'), scope.get('D')], ['2', '2arm', false, 'd']);
  assert.equal(scope.get('TARGETSTAGE'), 'last');
  assert.throws(
    () => globalScope(parseDockerfile('ARG A=${B:?no}\nFROM x\n'), options),
    (error: { location?: { line: number } }) => error.location?.line === 1,
  );
});

test('a stage says what it is built from', () => {
  const file = parseDockerfile(
    'FROM a AS one\nFROM one AS ONE\nFROM b\nCOPY --from=One x y\nCOPY --from=0 x y\nRUN --mount=type=cache,target=/c,from=img --mount=target=/d x\n',
  );
  assert.deepEqual(
    stageDependencies(file.stages[2]!).map(({ via, name, location }) => [via, name, location.line]),
    [
      ['from', 'b', 3],
      ['copy', 'One', 4],
      ['copy', '0', 5],
      ['mount', 'img', 6],
    ],
  );
  assert.equal(findStage(file, 'One')!.index, 1);
  assert.equal(findStage(file, '0')!.index, 0);
  assert.equal(findStage(file, 'none'), undefined);
  assert.throws(() => findStage(file, '9'), { message: 'invalid stage index 9' });
  assert.equal(findBaseStage(file, 'one', 1)!.index, 0);
  assert.equal(findBaseStage(file, 'one', 0), undefined);
});
