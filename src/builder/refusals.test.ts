import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { StrataError } from '../errors/index.ts';
import type { BuildEvent } from '../progress/index.ts';
import { type BuildHost, startBuildHost } from './testing/host.ts';

/** What builds that cannot be done tell, as Docker 28.5 does. */
let host: BuildHost;
before(async () => {
  host = await startBuildHost();
});
after(async () => await host.stop());

async function refusal(text: string): Promise<{ error: StrataError; events: readonly BuildEvent[] }> {
  const events: BuildEvent[] = [];
  const dir = host.context({ Dockerfile: text });
  const options = { progress: (event: BuildEvent) => void events.push(event), signal: new AbortController().signal };
  const error = await host.builder.build({ context: { kind: 'local', dir } }, options).then(
    () => assert.fail('the build was done'),
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof StrataError);
  return { error, events };
}

const rules = (events: readonly BuildEvent[]) =>
  events.flatMap((event) => (event.type === 'warning' ? event.rule : []));

test('a file that cannot be built is warned of as far as it was read', async () => {
  const { error, events } = await refusal('FROM busybox\nMAINTAINER me\nCPOY a b\nMAINTAINER you\n');
  assert.match(error.message, /unknown instruction: CPOY/);
  assert.deepEqual(rules(events), ['MaintainerDeprecated']);
});

test('a trigger that fails is told with its FROM, and called a trigger', async () => {
  const text = 'FROM busybox AS base\nONBUILD COPY nothere /x\nFROM base\nENV A=1\n';
  const { location } = (await refusal(text)).error;
  assert.deepEqual([location?.file, location?.line], ['Dockerfile', 3]);
  const { events } = await refusal('FROM busybox AS base\nONBUILD RUN false\nFROM base\n');
  assert.ok(events.some((event) => event.type === 'vertex' && event.name.endsWith('] ONBUILD RUN false')));
});

test('a RUN of an empty list is refused', async () => {
  const { error } = await refusal('FROM busybox\nRUN []\n');
  assert.equal(error.message, 'failed to marshal LLB definition: arguments are required');
  assert.equal(error.location?.line, 2);
});

test('a stage without a name that needs itself is called by its number', async () => {
  const { error } = await refusal('FROM busybox\nCOPY --from=0 /bin/sh /x\n');
  assert.equal(error.message, 'circular dependency detected on stage: stage-0');
});

test('a heredoc without an end is shown to the end of the file', async () => {
  const { location } = (await refusal('FROM busybox\nCOPY <<A /d\nx\ny\n')).error;
  assert.deepEqual([location?.line, location?.endLine], [2, 4]);
});

test('a number that is no id is refused as one, and owns nothing', async () => {
  for (const user of ['3000000000', '99999999999', '-5', '0:-1']) {
    const { error } = await refusal(`FROM busybox\nUSER ${user}\nRUN id\n`);
    assert.match(error.message, /: uids and gids must be in range 0-2147483647$/, user);
  }
});

test('a build argument TARGETPLATFORM is not the platform of the build', async () => {
  const dir = host.context({ Dockerfile: 'FROM busybox\nARG TARGETPLATFORM\nENV A=$TARGETPLATFORM\n' });
  const { events } = await host.build(dir, { buildArgs: { TARGETPLATFORM: 'linux/s390x' } });
  assert.deepEqual(rules(events), []);
});

test('a source that the policy denies is not used, whatever it is', async () => {
  const deny = (identifier: string) => ({
    sourcePolicies: [
      { rules: [{ action: 'DENY' as const, selector: { identifier, matchType: 'WILDCARD' as const } }] },
    ],
  });
  const rows: readonly (readonly [string, string, RegExp])[] = [
    [
      'FROM busybox\n',
      'docker-image://docker.io/library/busybox*',
      /could not resolve image due to policy: source "docker/,
    ],
    ['FROM scratch\nCOPY --from=busybox /bin/sh /\n', 'docker-image://*', /could not resolve image due to policy/],
    [
      'FROM scratch\nADD https://a.invalid/x /\n',
      'https://a.invalid/*',
      /source "https:\/\/a.invalid\/x" denied by policy/,
    ],
    [
      'FROM scratch\nADD https://a.invalid/x.git#main /\n',
      'git://a.invalid/*',
      /source "git:\/\/a.invalid\/x.git#main" denied/,
    ],
    ['FROM scratch\n', 'local://*', /source "local:\/\/dockerfile" denied by policy/],
  ];
  for (const [text, identifier, message] of rows) {
    const dir = host.context({ Dockerfile: text });
    await assert.rejects(host.build(dir, deny(identifier)), { message }, text);
  }
});

test('a Dockerfile of too many instructions, and arguments that no step could have, are refused at once', async () => {
  const labels = Array.from({ length: 1000 }, (_, i) => `LABEL l${i}=${'v'.repeat(100)}\n`);
  const first = (count: number) => labels.slice(0, count).join('');
  const long =
    /^StrataError: the Dockerfile is too large: \d+ instructions that build on each other, at most 1000 are taken$/;
  assert.match(String((await refusal(`FROM busybox\n${first(1000)}`)).error), long);
  for (const above of [
    'FROM one',
    'FROM $ANY',
    'FROM busybox\nCOPY --from=0 / /',
    'FROM busybox\nRUN --mount=from=ONE true',
  ])
    assert.match(String((await refusal(`FROM busybox AS one\n${first(999)}${above}\n`)).error), long, above);
  const stages = `FROM busybox\n${first(900)}`.repeat(12);
  const many = /^StrataError: the Dockerfile is too large: 10812 instructions, at most 10000 are taken$/;
  assert.match(String((await refusal(stages)).error), many);
  const dir = host.context({ Dockerfile: 'FROM busybox\n' });
  const options = { progress: () => {}, signal: new AbortController().signal };
  await assert.rejects(
    host.builder.build({ context: { kind: 'local', dir }, buildArgs: { A: 'x'.repeat(1e7) } }, options),
    /^StrataError: the list of build arguments is too large: 10000008 bytes, at most 1048576 are taken \(A alone: /,
  );
});

test('a build of as many instructions as are taken is done', async () => {
  const labels = Array.from({ length: 999 }, (_, i) => `LABEL l${i}=${'v'.repeat(100)}`).join('\n');
  const dir = host.context({ Dockerfile: `FROM busybox\n${labels}\n` });
  await host.builder.build(
    { context: { kind: 'local', dir } },
    { progress: () => {}, signal: new AbortController().signal },
  );
});
