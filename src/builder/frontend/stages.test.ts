import assert from 'node:assert/strict';
import { test } from 'node:test';
import { globalScope, parseDockerfile } from '../../dockerfile/index.ts';
import { StrataError } from '../../errors/index.ts';
import { parsePlatform } from '../../oci/index.ts';
import { Scope } from './scope.ts';
import {
  findCopySource,
  findTarget,
  neededStages,
  readStages,
  refuseCycles,
  refuseLaterStages,
  withStages,
} from './stages.ts';

function stages(text: string, buildArgs: Record<string, string> = {}) {
  const dockerfile = parseDockerfile(text);
  const platform = parsePlatform('linux/amd64');
  const globals = globalScope(dockerfile, { buildPlatform: platform, targetPlatform: platform, buildArgs });
  return { dockerfile, nodes: readStages(dockerfile, new Scope(globals)) };
}

test('FROM names a stage above it, the last of that name, or something outside', () => {
  const { nodes } = stages('FROM b AS a\nFROM a AS x\nFROM b AS a\nFROM a AS y\nFROM scratch\nFROM A\n');
  const bases = nodes.map(({ base }) =>
    base.kind === 'stage' ? base.node.index : base.kind === 'external' ? base.name : '-',
  );
  assert.deepEqual(bases, ['b', 0, 'b', 2, '-', 'A']);
});

test('FROM sees the arguments in front of the first FROM, and a number is no stage', () => {
  const { nodes } = stages('ARG B=one\nARG C=${B}-two\nFROM $C\nFROM 0\nFROM ${B:+x}\n', { B: 'given' });
  assert.deepEqual(
    nodes.map(({ base }) => base.kind === 'external' && base.name),
    ['given-two', '0', 'x'],
  );
});

test('a base that comes out blank is refused at its place', () => {
  assert.throws(
    () => stages('FROM busybox\nFROM ${NONE}\n'),
    (error: { message: string; location?: { line: number } }) => {
      assert.deepEqual([error.message, error.location?.line], ['base name (${NONE}) should not be blank', 2]);
      return true;
    },
  );
});

test('a platform is expanded, normalised and held against the grammar', () => {
  const { nodes } = stages('FROM --platform=$BUILDPLATFORM a\nFROM --platform=linux/aarch64 b\n');
  assert.deepEqual(
    nodes.map(({ platform }) => platform?.architecture),
    ['amd64', 'arm64'],
  );
  assert.throws(
    () => stages('FROM --platform=a/b/c/d/e x\n'),
    /failed to parse platform a\/b\/c\/d\/e: "d\/e" is an invalid component/,
  );
  assert.throws(
    () => stages('FROM --platform=a/b/c/d x\n'),
    /failed to parse platform a\/b\/c\/d: "a\/b\/c\/d": cannot parse platform specifier: invalid argument/,
  );
  assert.throws(() => stages('FROM --platform=$NONE x\n'), /empty platform value from expression \$NONE/);
});

test('a target goes by name in any case, the last stage where none is named', () => {
  const { nodes } = stages('FROM a AS One\nFROM b AS two\n');
  assert.equal(findTarget(nodes, 'ONE').index, 0);
  assert.equal(findTarget(nodes, undefined).index, 1);
  assert.throws(() => findTarget(nodes, '0'), {
    message: 'target stage "0" could not be found',
    hint: 'stages here: one, two',
  });
});

test('COPY --from goes by number or name, also to a stage below', () => {
  const { nodes } = stages('FROM a\nFROM b AS later\n');
  assert.equal(findCopySource(nodes, '0')?.index, 0);
  assert.equal(findCopySource(nodes, 'Later')?.index, 1);
  assert.equal(findCopySource(nodes, 'nginx'), undefined);
  assert.throws(() => findCopySource(nodes, '7'), /invalid stage index 7/);
});

test('nothing is taken from a stage further down, in any stage that the target needs', () => {
  const copying = stages('FROM a AS one\nFROM b AS two\nCOPY --from=later /f /f\nFROM c AS later\nFROM two\n');
  const refuse = (target: string | undefined) =>
    refuseLaterStages(copying.dockerfile, copying.nodes, target ? findTarget(copying.nodes, target) : undefined);
  assert.throws(() => refuseLaterStages(copying.dockerfile, copying.nodes, copying.nodes.at(-1)), {
    message: 'cannot copy from stage "later", it needs to be defined before current stage "two"',
  });
  refuse('one');
  refuse('later');
  assert.throws(() => refuse(undefined), /cannot copy from stage "later"/);
  const mounting = stages('FROM a AS one\nRUN --mount=from=b,target=/b true\nFROM a AS b\n');
  assert.throws(() => refuseLaterStages(mounting.dockerfile, mounting.nodes), {
    message: 'cannot mount from stage "b" to "/b", stage needs to be defined before current command',
  });
});

test('stages that need each other are refused, whatever they need each other for', () => {
  const cycles = [
    'FROM x AS a\nCOPY --from=a /f /f\n',
    'FROM x AS a\nCOPY --from=b /f /f\nFROM x AS b\nRUN --mount=from=a,target=/a true\n',
    'FROM x AS a\nCOPY --from=1 /f /f\nFROM a\n',
  ];
  for (const text of cycles) {
    const { dockerfile, nodes } = stages(text);
    assert.throws(() => refuseCycles(dockerfile, nodes), /circular dependency detected on stage: a/);
  }
  const { dockerfile, nodes } = stages('FROM x AS a\nCOPY --from=b /f /f\nFROM x AS b\nFROM a\nCOPY --from=b /f /f\n');
  refuseCycles(dockerfile, nodes);
});

test('an image that cannot be had is answered with the stages that there are', () => {
  const { nodes } = stages('FROM a AS build\nFROM b AS test\n');
  const absent = new StrataError('not_found', 'biuld: not found', { code: 'base_not_found' });
  assert.deepEqual(
    ['biuld', 'nginx', 'team/app'].map((name) => (withStages(absent, name, nodes) as StrataError).hint),
    [
      'no stage is named "biuld"; stages here: build, test (did you mean build?)',
      'no stage is named "nginx"; stages here: build, test',
      undefined,
    ],
  );
});

test('a stage needs what it is built on and what its instructions take from, and nothing else', () => {
  const { nodes } = stages(
    'FROM gone AS unused\nFROM b AS files\nFROM b AS tools\nFROM files AS base\nFROM base AS final\n' +
      'COPY --from=1 / /\nRUN --mount=from=tools,target=/t true\nFROM gone AS later\nCOPY --from=unused / /\n',
  );
  const needs = (target: string) =>
    neededStages(nodes, findTarget(nodes, target))
      .map(({ index }) => index)
      .sort();
  assert.deepEqual(needs('final'), [1, 2, 3, 4]);
  assert.deepEqual(needs('later'), [0, 5]);
  assert.deepEqual(needs('files'), [1]);
});
