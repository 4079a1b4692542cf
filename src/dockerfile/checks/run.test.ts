import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkDockerfile, checkText, createIgnore, parseCheckDirective, parseDockerfile } from '../index.ts';
import type { CheckOptions } from './run.ts';

function found(text: string, options: CheckOptions = {}): string[] {
  return checkText(text, options).warnings.map(({ rule, location }) => `${rule}:${location.line}`);
}

function messages(text: string, options: CheckOptions = {}): string[] {
  return checkText(text, options).warnings.map(({ message }) => message);
}

test('findings come in the order in which the reference looks', () => {
  const text = 'From scratch As Foo\nRUN a \\\n\n b\ncmd c\nENV d e\n';
  assert.deepEqual(found(text), [
    ...['NoEmptyContinuation:4', 'StageNameCasing:1', 'ConsistentInstructionCasing:1', 'ConsistentInstructionCasing:5'],
    ...['JSONArgsRecommended:5', 'LegacyKeyValueFormat:6'],
  ]);
});

test('messages name the instruction as it is written', () => {
  assert.deepEqual(messages('from scratch\ncmd a\nenv a b\n'), [
    'JSON arguments recommended for cmd to prevent unintended behavior related to OS signals',
    '"env key=value" should be used instead of legacy "env key value" format',
  ]);
});

test('a skip directive silences rules, skip=all every one', () => {
  const body = 'FROM scratch\nCMD a\nENV b c\n';
  assert.deepEqual(found(`# check=skip=JSONArgsRecommended\n${body}`), ['LegacyKeyValueFormat:4']);
  assert.deepEqual(found(`# check=skip=JSONArgsRecommended,LegacyKeyValueFormat\n${body}`), []);
  assert.deepEqual(found(`# check=skip=all\n${body}`), []);
  assert.deepEqual(found(body, { buildArgs: { BUILDKIT_DOCKERFILE_CHECK: 'skip=all' } }), []);
});

test('with error=true findings are an error that lists their rules once', () => {
  const report = checkText('# check=error=true\nFROM scratch\nENV b c\nCMD a\nENV d e\n');
  assert.equal(report.error?.message, 'lint violation found for rules: JSONArgsRecommended, LegacyKeyValueFormat');
  assert.equal(checkText('# check=error=true\nFROM scratch\n').error, undefined);
});

test('a directive that makes no sense is an error in the words of the reference', () => {
  const table: readonly (readonly [string, string])[] = [
    ['bogus', 'invalid check option "bogus"'],
    ['bogus=1', 'invalid check option "bogus"'],
    ['error=x', 'failed to parse check option "error=x": strconv.ParseBool: parsing "x": invalid syntax'],
  ];
  for (const [text, message] of table) {
    assert.throws(() => parseCheckDirective(text), { message: `failed to parse check options: ${message}` });
    assert.equal(checkText(`# check=${text}\nFROM a\n`).error?.message, `failed to parse check options: ${message}`);
  }
});

test('experimental rules run where they are asked for, whatever is skipped', () => {
  const body = '# nothing\nARG a\nFROM scratch\n';
  assert.deepEqual(found(body), []);
  assert.deepEqual(found(`# check=experimental=all;skip=all\n${body}`), ['InvalidDefinitionDescription:3']);
  assert.deepEqual(found(`# check=experimental=CopyIgnoredFile\n${body}`), []);
});

test('undefined variables are those that neither the base nor the stage sets', () => {
  const config: CheckOptions = { imageConfig: () => ({ Env: ['PATH=/bin', 'LANG=C'] }) };
  const text = 'ARG G=1\nFROM a\nARG A B=$A\nENV C=$A D=$B E=$LANG F=$G H=$TARGETARCH I=${J:-x} K=$PATHS\n';
  assert.deepEqual(messages(text, config), [
    ...["Usage of undefined variable '$G' (did you mean $B?)", "Usage of undefined variable '$TARGETARCH'"],
    ...[
      "Usage of undefined variable '$J' (did you mean $B?)",
      "Usage of undefined variable '$PATHS' (did you mean $PATH?)",
    ],
  ]);
});

test('stages inherit variables, shells and directories from the stage they are built from', () => {
  const text = 'FROM x AS a\nARG A=1\nSHELL ["s"]\nWORKDIR /x\nFROM a\nENV B=$A\nCMD c\nWORKDIR y\n';
  assert.deepEqual(found(text), []);
});

test('triggers are checked where they go off', () => {
  const text = 'FROM x AS a\nONBUILD ENV b c\nFROM a\n';
  assert.deepEqual(found(text), ['LegacyKeyValueFormat:3']);
  assert.deepEqual(found('FROM x\n', { imageConfig: () => ({ OnBuild: ['CMD a'] }) }), ['JSONArgsRecommended:1']);
});

test('only the stages that are asked for are followed', () => {
  const text = 'FROM x AS a\nENV b c\nFROM x AS b\nCMD d\nFROM x\nCOPY --from=b /e /e\n';
  assert.deepEqual(found(text), ['LegacyKeyValueFormat:2', 'JSONArgsRecommended:4']);
  assert.deepEqual(found(text, { reachableOnly: true }), ['JSONArgsRecommended:4']);
  assert.deepEqual(found(text, { target: 'A' }), ['LegacyKeyValueFormat:2']);
});

test('sources are compared with the .dockerignore as they are written', () => {
  const options = { ignore: createIgnore('a\nsub\n') };
  const text =
    '# check=experimental=all\nFROM x AS q\nCOPY a ./a /a sub/b c /\nADD sub/ http://h/a /\nCOPY --from=q a /\n';
  assert.deepEqual(messages(text, options), [
    'Attempting to Copy file "a" that is excluded by .dockerignore',
    'Attempting to Copy file "sub/b" that is excluded by .dockerignore',
    'Attempting to Add file "sub/" that is excluded by .dockerignore',
  ]);
});

test('what was found before an error is kept, and the error has its place', () => {
  const report = checkText('FROM x AS Q\nMAINTAINER a\nFOO\nMAINTAINER b\n', { file: 'f' });
  assert.deepEqual(
    report.warnings.map(({ rule, location }) => `${rule}:${location.line}`),
    ['StageNameCasing:1', 'MaintainerDeprecated:2'],
  );
  assert.deepEqual([report.error?.location?.file, report.error?.location?.line], ['f', 3]);
  const expansion = checkText('FROM x\nENV a b\nENV c=${d:?e}\nENV f g\n');
  assert.deepEqual([expansion.warnings.length, expansion.error?.location?.line], [1, 3]);
});

test('bases and platforms that come to nothing are errors', () => {
  const error = (text: string) => checkText(text).error?.message;
  assert.equal(error('FROM $X\n'), 'base name ($X) should not be blank');
  assert.equal(
    error('FROM --platform=$TARGETPLATFOR x\n'),
    'empty platform value from expression $TARGETPLATFOR (did you mean TARGETPLATFORM?)',
  );
  assert.match(error('FROM x\nCOPY --from=$y a b\n') ?? '', /^variable expansion is not supported for --from/);
});

test('a parsed file is checked without its text', () => {
  assert.equal(checkDockerfile(parseDockerfile('FROM x\nCMD a\n')).length, 1);
});
