import assert from 'node:assert/strict';
import { test } from 'node:test';
import { classicResult, createClassicRenderer, renderClassic } from './classic.ts';
import type { BuildEvent } from './events.ts';

function vertex(
  number: number,
  total: number,
  kind: 'source' | 'exec' | 'copy' | 'metadata',
  instruction: string,
): BuildEvent {
  return {
    type: 'vertex',
    id: `vertex-${number}-aaaaaaaa`,
    kind,
    name: instruction,
    instruction,
    step: { number, total },
  };
}
const started = (number: number): BuildEvent => ({ type: 'started', id: `vertex-${number}-aaaaaaaa`, at: 0 });
const log = (number: number, text: string, stream: 'stdout' | 'stderr' = 'stdout'): BuildEvent => ({
  type: 'log',
  id: `vertex-${number}-aaaaaaaa`,
  stream,
  at: 0,
  text,
});
const completed = (number: number, cached: boolean, result: string, container?: string): BuildEvent => ({
  type: 'completed',
  id: `vertex-${number}-aaaaaaaa`,
  at: 0,
  cached,
  result,
  ...(container && { container }),
});

test('a build is told as docker build tells it', () => {
  const events = [
    vertex(1, 3, 'source', 'FROM busybox'),
    vertex(2, 3, 'exec', 'RUN echo out; echo err >&2'),
    vertex(3, 3, 'metadata', 'ENV A=1'),
    started(1),
    completed(1, true, 'sha256:43f16bbef0593e95'),
    started(2),
    log(2, 'out\n'),
    log(2, 'err\n', 'stderr'),
    completed(2, false, 'sha256:10808077643aed62fd', 'edfe9a3890f3cc'),
    completed(3, true, 'sha256:a615f93738c198'),
  ];
  assert.equal(
    renderClassic(events).join(''),
    [
      'Step 1/3 : FROM busybox',
      ' ---> 43f16bbef059',
      'Step 2/3 : RUN echo out; echo err >&2',
      ' ---> Running in 7249d9b803a7',
      'out',
      '\x1b[91merr',
      '\x1b[0m ---> Removed intermediate container 7249d9b803a7',
      ' ---> 10808077643a',
      'Step 3/3 : ENV A=1',
      ' ---> Using cache',
      ' ---> a615f93738c1',
      '',
    ].join('\n'),
  );
});

test('a step without output names the container that ran it', () => {
  const text = renderClassic([
    vertex(1, 1, 'exec', 'RUN true'),
    completed(1, false, 'sha256:ffff', '0123456789abcdef'),
  ]).join('');
  assert.match(text, / ---> Running in 0123456789ab\n ---> Removed intermediate container 0123456789ab\n ---> ffff\n/);
});

test('what a step does decides what is told of it', () => {
  const all = [
    vertex(1, 6, 'metadata', 'ARG A'),
    vertex(2, 6, 'source', 'FROM x'),
    vertex(3, 6, 'copy', 'COPY a b'),
    vertex(4, 6, 'copy', 'WORKDIR /w'),
    vertex(5, 6, 'metadata', 'ENV A=1'),
    vertex(6, 6, 'metadata', 'CMD a'),
  ];
  const text = renderClassic([
    ...all,
    { type: 'completed', id: 'vertex-1-aaaaaaaa', at: 0, cached: false },
    completed(2, true, 'sha256:2222'),
    completed(3, false, 'sha256:3333'),
    completed(4, false, 'sha256:4444'),
    completed(5, true, 'sha256:5555'),
    // Not the id of an image: nothing could be done with it.
    completed(6, true, '6666'),
  ]).join('');
  assert.equal(
    text.replaceAll(/[0-9a-f]{12}/g, 'ID'),
    `Step 1/6 : ARG A
Step 2/6 : FROM x
 ---> 2222
Step 3/6 : COPY a b
 ---> 3333
Step 4/6 : WORKDIR /w
 ---> Running in ID
 ---> Removed intermediate container ID
 ---> 4444
Step 5/6 : ENV A=1
 ---> Using cache
 ---> 5555
Step 6/6 : CMD a
`,
  );
});

test('triggers of a base stand under its FROM, with the id of the last one', () => {
  const trigger = (number: number, instruction: string): BuildEvent => ({
    ...(vertex(number + 1, 1, 'exec', instruction) as Extract<BuildEvent, { type: 'vertex' }>),
    step: { number: 1, total: 1, trigger: { number, total: 2 } },
  });
  const text = renderClassic([
    vertex(1, 1, 'source', 'FROM x'),
    trigger(2, 'ONBUILD ENV A=1'),
    trigger(1, 'ONBUILD RUN true'),
    completed(1, true, 'sha256:1111'),
    completed(2, true, 'sha256:2222'),
    completed(3, false, 'sha256:3333', 'cccc'),
  ]).join('');
  assert.equal(
    text,
    `Step 1/1 : FROM x
# Executing 2 build triggers
 ---> Using cache
 ---> Running in cccc
 ---> Removed intermediate container cccc
 ---> 3333
`,
  );
});

test('steps of parallel stages come in the order of the Dockerfile', () => {
  const renderer = createClassicRenderer();
  const early = [
    vertex(1, 2, 'exec', 'RUN a'),
    vertex(2, 2, 'exec', 'RUN b'),
    log(2, 'from b\n'),
    completed(2, false, 'sha256:bbbb'),
  ];
  const before = early.flatMap((event) => renderer.push(event)).join('');
  assert.ok(!before.includes('from b'));
  const live = renderer.push(log(1, 'from a\n')).join('');
  assert.match(live, /from a/);
  const rest = renderer.push(completed(1, false, 'sha256:aaaa')).join('');
  assert.match(rest, /aaaa\nStep 2\/2 : RUN b\n.*\nfrom b\n.*\n ---> bbbb\n$/s);
});

test('what was held back is told when the build fails', () => {
  const renderer = createClassicRenderer();
  for (const event of [vertex(1, 2, 'exec', 'RUN slow'), vertex(2, 2, 'exec', 'RUN false'), log(2, 'why\n')])
    renderer.push(event);
  renderer.push({ type: 'failed', id: 'vertex-2-aaaaaaaa', at: 0, message: 'exit 1' });
  assert.match(renderer.end().join(''), /Step 2\/2 : RUN false\n.*\nwhy\n/);
});

test('steps that were never started are not told of', () => {
  const text = renderClassic([
    vertex(1, 3, 'exec', 'RUN false'),
    vertex(2, 3, 'exec', 'RUN two'),
    vertex(3, 3, 'exec', 'RUN three'),
    started(1),
    { type: 'failed', id: 'vertex-1-aaaaaaaa', at: 0, message: 'exit 1' },
    { type: 'cancelled', id: 'vertex-2-aaaaaaaa', at: 0 },
  ]).join('');
  assert.ok(!text.includes('RUN three'));
});

test('build checks are listed at the end, other warnings at once', () => {
  const text = renderClassic([
    { type: 'warning', message: 'One or more build-args [foo] were not consumed' },
    {
      type: 'warning',
      rule: 'FromAsCasing',
      message: "'as' and 'FROM' keywords' casing do not match",
      location: { file: 'Dockerfile', line: 1 },
    },
    vertex(1, 1, 'source', 'FROM busybox'),
    completed(1, true, 'aaaa'),
  ]).join('');
  assert.ok(text.startsWith('[Warning] One or more build-args [foo] were not consumed\n'));
  assert.ok(text.endsWith(":\n - FromAsCasing: 'as' and 'FROM' keywords' casing do not match (line 1)\n\n"));
});

test('the result names the image and each tag', () => {
  assert.deepEqual(classicResult(`sha256:${'ab'.repeat(32)}`, ['x:1']), [
    'Successfully built abababababab\n',
    'Successfully tagged x:1\n',
  ]);
});
