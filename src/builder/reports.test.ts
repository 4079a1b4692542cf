import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { StrataError } from '../errors/index.ts';
import type { BuildRequest, BuildResult } from '../wire/build.ts';
import { type BuildHost, startBuildHost } from './testing/host.ts';

/** The answers below are those of buildx 0.29 with Docker 28.5. */
const dockerfile = `# check=skip=FromAsCasing;error=true
# VERSION the version that is built
ARG VERSION=1.2
ARG OTHER
# base holds the tools
FROM busybox AS base
ARG VERSION
# NAME who is greeted
ARG NAME="world \${VERSION}"
RUN --mount=type=secret,id=token --mount=type=secret,id=need,required=true --mount=type=ssh echo hi
FROM busybox as other
ARG PASSWORD
ENV a b
# final is shipped
FROM base AS final
ARG TARGETARCH
ARG X=3 Y
COPY --from=base /etc/passwd /p
RUN --mount=type=ssh,id=git,required true
`;

let host: BuildHost;
before(async () => {
  host = await startBuildHost();
});
after(async () => await host.stop());

type Answer = NonNullable<BuildResult['report']>;

async function ask(call: BuildRequest['call'], text: string, more: Partial<BuildRequest> = {}): Promise<Answer> {
  const { result } = await host.build(host.context({ Dockerfile: text }), { ...(call && { call }), ...more });
  assert.ok(result.report, 'the build did not answer');
  return result.report;
}

test('check tells of every stage, in the order of docker, and that the file wants an error', async () => {
  const { text, error, failed } = await ask('check', dockerfile, { shownName: 'some/Dockerfile' });
  assert.equal(
    text,
    `Check complete, 2 warnings have been found!

WARNING: SecretsUsedInArgOrEnv - https://docs.docker.com/go/dockerfile/rule/secrets-used-in-arg-or-env/
Do not use ARG or ENV instructions for sensitive data (ARG "PASSWORD")
some/Dockerfile:12
--------------------
  10 |     RUN --mount=type=secret,id=token --mount=type=secret,id=need,required=true --mount=type=ssh echo hi
  11 |     FROM busybox as other
  12 | >>> ARG PASSWORD
  13 |     ENV a b
  14 |     # final is shipped
--------------------

WARNING: LegacyKeyValueFormat - https://docs.docker.com/go/dockerfile/rule/legacy-key-value-format/
"ENV key=value" should be used instead of legacy "ENV key value" format
some/Dockerfile:13
--------------------
  11 |     FROM busybox as other
  12 |     ARG PASSWORD
  13 | >>> ENV a b
  14 |     # final is shipped
  15 |     FROM base AS final
--------------------

`,
  );
  assert.equal(error, 'ERROR: lint violation found for rules: LegacyKeyValueFormat, SecretsUsedInArgOrEnv\n');
  assert.equal(failed, true);
});

test('the text goes by place, the JSON by the order in which things were found', async () => {
  const { text, json } = await ask('check', 'from busybox\nMAINTAINER me\nCOPY x y\n');
  const rules = ['ConsistentInstructionCasing', 'MaintainerDeprecated'];
  assert.deepEqual(
    [...text.matchAll(/^WARNING: (\w+)/gm)].map(([, rule]) => rule),
    rules,
  );
  const { warnings } = json as { warnings: readonly { ruleName: string }[] };
  assert.deepEqual(
    warnings.map(({ ruleName }) => ruleName),
    rules.toReversed(),
  );
});

test('check of a target tells of what the target needs', async () => {
  const { text, failed } = await ask('check', dockerfile, { target: 'base' });
  assert.equal(text, 'Check complete, no warnings found.\n');
  assert.equal(failed, false);
});

test('check tells of size and secrets as well, and a build does not', async () => {
  const text = 'FROM busybox\nCOPY Dockerfile /big\nRUN rm /big\n';
  assert.match((await ask('check', text)).text, /^WARNING: DeletedInLaterLayer\n/m);
  const { events } = await host.build(host.context({ Dockerfile: text }));
  assert.deepEqual(
    events.filter(({ type }) => type === 'warning'),
    [],
  );
});

test('a rule is skipped where the file says so, or the build argument in its place', async () => {
  const text = '# check=skip=JSONArgsRecommended\nFROM busybox\nCMD echo hi\n';
  assert.equal((await ask('check', text)).failed, false);
  const other = { buildArgs: { BUILDKIT_DOCKERFILE_CHECK: 'skip=UndefinedVar' } };
  assert.match((await ask('check', text, other)).text, /^Check complete, 1 warning has been found!$/m);
});

test('a file that cannot be read is an error beside the answer, with its place', async () => {
  const { text, json, error } = await ask('check', 'FROM busybox\nCPOY a b\n');
  assert.equal(text, '');
  assert.equal(
    error,
    `ERROR: dockerfile parse error on line 2: unknown instruction: CPOY (did you mean COPY?)
Dockerfile:2
--------------------
   1 |     FROM busybox
   2 | >>> CPOY a b
   3 |     
--------------------
`,
  );
  const { warnings, buildError } = json as { warnings: unknown; buildError: unknown };
  assert.equal(warnings, null);
  assert.deepEqual(buildError, {
    message: 'dockerfile parse error on line 2: unknown instruction: CPOY (did you mean COPY?)',
    location: { ranges: [{ start: { line: 2 }, end: { line: 2 } }] },
  });
});

test('a base image that cannot have its name is an error, said before what its stage holds', async () => {
  const { text, error } = await ask('check', 'FROM BUSYBOX\nCMD echo hi\n');
  assert.match(
    error ?? '',
    /^ERROR: failed to parse stage name "BUSYBOX": invalid reference format: repository name \(library\/BUSYBOX\) must be lowercase\nDockerfile:1\n/,
  );
  assert.doesNotMatch(text, /JSONArgs/);
});

test('what only the stages together or filled-in variables show is an error of the check', async () => {
  const errors = {
    'FROM busybox AS a\nCOPY --from=a /x /x\n': 'circular dependency detected on stage: a',
    'FROM busybox\nCOPY --from=b /x /x\nFROM busybox AS b\n':
      'cannot copy from stage "b", it needs to be defined before current stage "stage-0"',
    'FROM busybox\nARG M=999\nCOPY --chmod=$M /x /x\n':
      "invalid chmod parameter: '999'. it should be octal string and between 0 and 07777",
    'FROM busybox\nADD --checksum=sha256 http://localhost/x /x\n': 'invalid checksum digest format',
  };
  for (const [text, message] of Object.entries(errors)) {
    assert.equal((await ask('check', text)).error?.split('\n')[0], `ERROR: ${message}`);
  }
});

test('a directive that nobody understands fails the check, the outline and the build', async () => {
  const text = '# check=nope=1\nFROM busybox\n';
  const message = 'failed to parse check options: invalid check option "nope"';
  assert.equal((await ask('check', text)).error, `ERROR: ${message}\n`);
  const isRefused = (error: unknown) => error instanceof StrataError && error.message === message;
  await assert.rejects(ask('outline', text), isRefused);
  await assert.rejects(host.build(host.context({ Dockerfile: text })), isRefused);
});

test('findings fail a build whose file wants it', async () => {
  const text = '# check=error=true\nFROM busybox\nCMD echo hi\n';
  const isRefused = (error: unknown) =>
    error instanceof StrataError && error.message === 'lint violation found for rules: JSONArgsRecommended';
  await assert.rejects(host.build(host.context({ Dockerfile: text })), isRefused);
  await assert.rejects(ask('outline', text), isRefused);
});

test('outline tells what a target takes: arguments with their defaults, secrets, agents', async () => {
  const { text, failed } = await ask('outline', dockerfile);
  assert.equal(
    text,
    `TARGET:      final
DESCRIPTION: is shipped

BUILD ARG   VALUE       DESCRIPTION
VERSION     1.2         the version that is built
NAME        world 1.2   who is greeted
X           3           
Y                       

SECRET   REQUIRED
token    
need     true

SSH       REQUIRED
default   
git       true

`,
  );
  assert.equal(failed, false);
  assert.equal((await ask('outline', 'FROM busybox\n')).text, '');
  assert.equal((await ask('outline', 'FROM busybox AS one\n')).text, 'TARGET: one\n\n');
});

test('targets lists the stages, the last one as the default', async () => {
  const { text } = await ask('targets', dockerfile);
  assert.equal(
    text,
    `TARGET          DESCRIPTION
base            holds the tools
other           
final (default) is shipped
`,
  );
});
