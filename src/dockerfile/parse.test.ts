import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatError, StrataError } from '../errors/index.ts';
import { type Instruction, parseDockerfile, parseInstruction, parseTolerant } from './index.ts';

function only(line: string, escapeDirective = ''): Instruction {
  return parseDockerfile(`${escapeDirective}FROM scratch\n${line}\n`).stages[0]!.instructions[0]!;
}

function failure(text: string): StrataError {
  try {
    parseDockerfile(text, { file: 'app.Dockerfile' });
  } catch (error) {
    assert.ok(error instanceof StrataError);
    assert.equal(error.kind, 'invalid_argument');
    return error;
  }
  assert.fail('it was parsed');
}

const message = (line: string): string => failure(`FROM scratch\n${line}\n`).message;

test('a file is stages of instructions with global arguments in front', () => {
  const file = parseDockerfile('# syntax=x/y:1\nARG A=1 B\nFROM a AS One\nRUN x\nFROM --platform=p one\nCMD ["a"]\n');
  assert.deepEqual(file.directives, { syntax: 'x/y:1', escape: '\\' });
  assert.deepEqual(file.metaArgs[0]!.args, [{ key: 'A', value: '1' }, { key: 'B' }]);
  assert.deepEqual(
    file.stages.map(({ index, name, base, platform, instructions }) => [
      index,
      name,
      base,
      platform,
      instructions.length,
    ]),
    [
      [0, 'one', 'a', undefined, 1],
      [1, undefined, 'one', 'p', 1],
    ],
  );
  assert.deepEqual([file.stages[0]!.location.line, file.stages[0]!.location.endLine], [3, 4]);
});

test('an error shows the file, the lines around the place and what may be meant', () => {
  const error = failure('FROM scratch\nRUN a\nCPOY a b\nRUN c\n');
  assert.equal(
    formatError(error),
    [
      'dockerfile parse error on line 3: unknown instruction: CPOY (did you mean COPY?)',
      'app.Dockerfile:3',
      '--------------------',
      '1 |     FROM scratch',
      '2 |     RUN a',
      '3 | >>> CPOY a b',
      '4 |     RUN c',
      '5 |',
      '--------------------',
    ].join('\n'),
  );
  assert.deepEqual([error.location!.column, error.location!.line], [1, 3]);
});

test('errors use the words of the reference', () => {
  const table: readonly (readonly [string, string])[] = [
    ['NOSUCH', 'unknown instruction: NOSUCH'],
    ['copy2 a b', 'unknown instruction: copy2 (did you mean copy?)'],
    ['COPY --chwon=1 a b', 'unknown flag: --chwon (did you mean chown?)'],
    ['COPY --link=x a b', 'expecting boolean value for flag --link, not: x'],
    ['COPY --link= a b', 'missing a value on flag: --link'],
    ['COPY --from a b', 'missing a value on flag: --from'],
    ['COPY --chown=1 --chown=2 a b', 'duplicate flag specified: --chown'],
    ['FROM a b', 'FROM requires either one or three arguments'],
    ['FROM a AS 1', 'invalid name for build stage: "1", name can\'t start with a number or contain symbols'],
    ['SHELL a', 'SHELL requires the arguments to be in JSON form'],
    ['VOLUME [""]', 'VOLUME specified can not be an empty string'],
    ['ARG =a', 'ARG names can not be blank'],
    ['WORKDIR', 'WORKDIR requires exactly one argument'],
    ['RUN --network=x a', 'invalid network mode "x"'],
    ['RUN --mount= a', 'failed to parse csv mounts: EOF'],
    ['RUN --mount=from=$a a', "'from' doesn't support variable expansion, define alias stage instead"],
    ['HEALTHCHECK X', 'Unknown type "X" in HEALTHCHECK (try CMD)'],
    ['HEALTHCHECK CMD', 'Missing command after HEALTHCHECK CMD'],
    ['HEALTHCHECK --interval=1 CMD a', 'time: missing unit in duration "1"'],
    ['HEALTHCHECK --interval=1us CMD a', 'Interval "interval" cannot be less than 1ms'],
    ['HEALTHCHECK --retries=x CMD a', 'strconv.ParseInt: parsing "x": invalid syntax'],
    ['ONBUILD FROM a', "FROM isn't allowed as an ONBUILD trigger"],
    ['COPY a <<E\nE', 'COPY cannot accept a heredoc as a destination'],
  ];
  for (const [line, expected] of table) assert.equal(message(line), `dockerfile parse error on line 2: ${expected}`);
});

test('errors of the text itself have no line in their message', () => {
  assert.equal(message('ENV a'), 'ENV must have two arguments');
  assert.equal(message('ENV a=b c'), 'Syntax error - can\'t find = in "c". Must be of the form: name=value');
  assert.equal(message('CMD [1]'), 'when using JSON array syntax, arrays must be comprised of strings only');
  assert.equal(message('COPY <<E /a\nx'), 'unterminated heredoc');
  assert.equal(failure('').message, 'the Dockerfile cannot be empty');
  assert.equal(failure('# x\n').message, 'file with no instructions');
  assert.equal(failure('ARG A\n').message, 'dockerfile contains no stages to build');
  assert.equal(failure('RUN a\n').message, 'no build stage in current context');
  assert.equal(failure('# escape=x\nFROM a\n').message, "invalid escape token 'x' does not match ` or \\");
  assert.equal(failure('# check=a\n# check=b\nFROM a\n').message, 'only one check parser directive can be used');
  assert.match(
    failure(`FROM a\nRUN ${'x'.repeat(70_000)}\n`).message,
    /^dockerfile line greater than max allowed size/,
  );
});

test('a line may have 65,535 bytes and not one more', () => {
  const line = (bytes: number, last: string) =>
    `FROM a\nLABEL a=${'x'.repeat(bytes - 'LABEL a='.length - Buffer.byteLength(last))}${last}\n`;
  parseDockerfile(line(65_535, 'é'));
  assert.match(failure(line(65_536, 'é')).message, /^dockerfile line greater than max allowed size of 65535$/);
});

test('the first fault of the text is reported before faults of instructions in front of it', () => {
  assert.equal(failure('FROM a\nFOO\nENV x\n').message, 'ENV must have two arguments');
});

test('a tolerant parse keeps what it understands and reports the rest in the order of the file', () => {
  const file = parseTolerant('FROM a\nFOO\nENV x\nRUN b\n');
  assert.deepEqual(
    file.diagnostics.map((error) => error.location!.line),
    [2, 3],
  );
  assert.deepEqual(
    file.stages[0]!.instructions.map((instruction) => instruction.kind),
    ['run'],
  );
});

test('continuations join lines, comments and empty lines inside are dropped', () => {
  const run = only('RUN a \\\n# no\n  b \\\n\n   # no\n c');
  assert.equal(run.original, 'RUN a   b  c');
  const { warnings } = parseDockerfile('FROM a\nRUN a \\\n\nb\n');
  assert.deepEqual([warnings[0]!.rule, warnings[0]!.location.line], ['NoEmptyContinuation', 4]);
});

test('a doubled escape at the end of a line does not continue it', () => {
  const { stages } = parseDockerfile('FROM a\nRUN x \\\\\nRUN y\n');
  assert.equal(stages[0]!.instructions.length, 2);
});

test('the escape directive changes the character of continuations and words', () => {
  const run = only('RUN dir c:\\ `\n /w', '# escape=`\n');
  assert.equal(run.original, 'RUN dir c:\\  /w');
});

test('directives end at the first line that is none', () => {
  assert.equal(parseDockerfile('# hi\n# escape=`\nFROM a\n').directives.escape, '\\');
  assert.equal(parseDockerfile('\n# escape=`\nFROM a\n').directives.escape, '\\');
  assert.equal(parseDockerfile('#  ESCAPE = `\nFROM a\n').directives.escape, '`');
  assert.equal(parseDockerfile('#!/x\n# check=skip=all\nFROM a\n').directives.check, 'skip=all');
});

test('Windows line ends and a byte order mark are no part of the text', () => {
  const file = parseDockerfile('\ufeffFROM a\r\nRUN x \\\r\n y\r\nCOPY <<E /f\r\nt\r\nE\r\n');
  const [run, copy] = file.stages[0]!.instructions;
  assert.equal(run!.original, 'RUN x  y');
  assert.equal(copy!.kind === 'copy' && copy!.files[0]!.data, 't\r\n');
});

test('ranges say exactly where a thing stands', () => {
  const text = 'FROM a\n  COPY --from=b \\\n    ["x y", "z"]\nRUN <<E\nq\nE\n';
  const { stages } = parseDockerfile(text);
  const [copy, run] = stages[0]!.instructions;
  const place = (range: { line: number; column: number; endLine: number; endColumn: number }) => [
    range.line,
    range.column,
    range.endLine,
    range.endColumn,
  ];
  assert.deepEqual(place(copy!.location), [2, 3, 3, 17]);
  assert.deepEqual(place(copy!.node!.keyword.range), [2, 3, 2, 7]);
  assert.deepEqual(place(copy!.node!.flags[0]!.range), [2, 8, 2, 16]);
  assert.deepEqual(
    copy!.node!.args.map((arg) => [arg.text, ...place(arg.range)]),
    [
      ['x y', 3, 6, 3, 11],
      ['z', 3, 13, 3, 16],
    ],
  );
  assert.deepEqual(place(run!.location), [4, 1, 6, 2]);
  assert.deepEqual(place(run!.node!.heredocs[0]!.range), [5, 1, 6, 2]);
});

test('an unknown flag is marked where it stands', () => {
  const { location } = failure('FROM a\nRUN --x=1 b\n');
  assert.deepEqual([location!.line, location!.column], [2, 5]);
});

test('several heredocs of a line are read one after the other', () => {
  const copy = only('COPY a <<ONE <<-"TWO" /d/\n1 $x\nTWO\nONE\n\ta\n\t\tb\n\tTWO');
  assert.ok(copy.kind === 'copy');
  assert.deepEqual(copy.sources, ['a']);
  assert.deepEqual(copy.files, [
    { name: 'ONE', data: '1 $x\nTWO\n', expand: true },
    { name: 'TWO', data: 'a\nb\n', expand: false },
  ]);
});

test('a heredoc word may stand apart from its mark, in quotes, behind a descriptor', () => {
  const names = (line: string) =>
    (only(line).node!.heredocs ?? []).map((doc) => [doc.name, doc.expand, doc.fileDescriptor]);
  assert.deepEqual(names('RUN cat << EOF\nEOF'), [['EOF', true, 0]]);
  assert.deepEqual(names('RUN cat 3<<EOF\nEOF'), [['EOF', true, 3]]);
  assert.deepEqual(names('RUN cat <<E"O"F\nEOF'), [['EOF', false, 0]]);
  assert.deepEqual(names("RUN cat <<'E F'\nE F"), [['E F', false, 0]]);
  assert.deepEqual(names('RUN cat <<$X\n$X'), [['$X', true, 0]]);
  assert.deepEqual(names('RUN echo "<<EOF" <<<here \\<\\<x'), []);
  assert.deepEqual(names('RUN ["<<EOF"]'), []);
});

test('only RUN, COPY, ADD and ONBUILD of these have heredocs', () => {
  assert.equal(only('CMD cat <<EOF').node!.heredocs.length, 0);
  const onbuild = only('ONBUILD COPY <<E /a\nx\nE');
  assert.equal(onbuild.kind === 'onbuild' && onbuild.expression, 'COPY <<E /a\nx\nE');
});

test('the JSON form needs valid JSON; anything else is shell text', () => {
  const run = (line: string) => {
    const found = only(line);
    assert.ok(found.kind === 'run');
    return [found.args, found.shell];
  };
  assert.deepEqual(run('RUN  [ "a" , "b\\u0063" ] '), [['a', 'bc'], false]);
  assert.deepEqual(run("RUN ['a']"), [["['a']"], true]);
  assert.deepEqual(run('RUN ["a"] b'), [['["a"] b'], true]);
  assert.deepEqual(run('RUN []'), [[], false]);
  assert.deepEqual(run('RUN'), [[], true]);
});

test('flags are read up to the first word that is none; quotes and backslashes in them are resolved', () => {
  const copy = only('COPY --chown="a b" --chmod=u\\+x -- --link d');
  assert.ok(copy.kind === 'copy');
  assert.deepEqual([copy.chown, copy.chmod, copy.link, copy.sources], ['a b', 'u+x', false, ['--link']]);
});

test('COPY and ADD have every documented flag', () => {
  const copy = only('COPY --from=x --chown=1:2 --chmod=0644 --link --parents --exclude=*.md --exclude=b a /b/');
  assert.ok(copy.kind === 'copy');
  assert.deepEqual(
    [copy.from, copy.chown, copy.chmod, copy.link, copy.parents, copy.excludes],
    ['x', '1:2', '0644', true, true, ['*.md', 'b']],
  );
  const add = only('ADD --checksum=sha256:1 --keep-git-dir=true --unpack=false --link=false a /b/');
  assert.ok(add.kind === 'add');
  assert.deepEqual([add.checksum, add.keepGitDir, add.unpack, add.link], ['sha256:1', true, false, false]);
  const plain = only('ADD a b');
  assert.ok(plain.kind === 'add');
  assert.deepEqual([plain.unpack, plain.keepGitDir, 'checksum' in plain], [undefined, undefined, false]);
});

test('RUN has every documented flag', () => {
  const run = only(
    'RUN --mount=type=cache,target=/a --mount=type=ssh --network=none --security=insecure --device=v/c=d x',
  );
  assert.ok(run.kind === 'run');
  assert.deepEqual(run.mountSpecs, ['type=cache,target=/a', 'type=ssh']);
  assert.deepEqual(
    [run.network, run.security, run.devices],
    ['none', 'insecure', [{ name: 'v/c=d', required: false }]],
  );
});

test('ENV and LABEL read both of their forms, with quotes and escapes left for expansion', () => {
  const env = only('ENV A=b "C D"=e\\ f G=');
  assert.ok(env.kind === 'env');
  assert.deepEqual(env.pairs, [
    { key: 'A', value: 'b', legacy: false },
    { key: '"C D"', value: 'e\\ f', legacy: false },
    { key: 'G', value: '', legacy: false },
  ]);
  const label = only('LABEL key some  value = x');
  assert.deepEqual(label.kind === 'label' && label.pairs, [{ key: 'key', value: 'some  value = x', legacy: true }]);
});

test('HEALTHCHECK has its flags in nanoseconds', () => {
  const check = only(
    'HEALTHCHECK --interval=1m30s --timeout=3s --start-period=1h --start-interval=500ms --retries=4 CMD a b',
  );
  assert.ok(check.kind === 'healthcheck');
  assert.deepEqual(check.health, {
    test: ['CMD-SHELL', 'a b'],
    interval: 90e9,
    timeout: 3e9,
    startPeriod: 3600e9,
    startInterval: 5e8,
    retries: 4,
  });
  const none = only('healthcheck none');
  assert.deepEqual(none.kind === 'healthcheck' && none.health.test, ['NONE']);
});

test('comments directly in front belong to an instruction; an empty one cuts them off', () => {
  const file = parseDockerfile('# a\n#\n# b\n\n# c\nARG x\nFROM a\n');
  assert.deepEqual(file.ast[0]!.comments, ['b', 'c']);
});

test('a trigger is parsed alone', () => {
  assert.equal(parseInstruction('COPY <<E /a\nx\nE').kind, 'copy');
  assert.throws(() => parseInstruction('RUN a\nRUN b'), /single expression/);
  assert.throws(() => parseInstruction('FOO'), /unknown instruction: FOO/);
});

test('ten thousand lines are parsed in less than a tenth of a second', () => {
  const lines = ['FROM debian AS base'];
  for (let at = 0; lines.length < 10_000; at++) {
    lines.push(
      `ENV A${at}="value $HOME" B=c`,
      `COPY --from=base --chown=1:1 a${at} "b" /d/`,
      'RUN a && \\',
      '    b "$x" \\',
      '    # c',
      '    d',
    );
  }
  const text = `${lines.join('\n')}\n`;
  parseDockerfile(text);
  // Of this thread alone, and the best of many: what else the machine does is not our doing.
  const times = Array.from({ length: 20 }, () => {
    const { user } = process.threadCpuUsage();
    parseDockerfile(text);
    return (process.threadCpuUsage().user - user) / 1000;
  });
  assert.ok(Math.min(...times) < 100, `it took ${Math.min(...times).toFixed(0)} ms`);
});
