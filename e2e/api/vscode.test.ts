/**
 * The Docker extension of VS Code builds its command lines, and reads what they print, in a package of its own. Every
 * command that it builds is run with docker's client and with Strata's command line in docker's place; its parsers, which
 * are strict here, make the same of both.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { after, before, test } from 'node:test';
import { makeContext } from '../harness/context.ts';
import { program, startEngine, type TestEngine } from '../harness/engine.ts';
import '../harness/vscode.ts';

let engine: TestEngine;
let context: string;

/** The outcomes of docker's run: each client makes and removes its own things, one after the other. */
const expected: unknown[] = [];

before(async () => {
  engine = await startEngine({ bases: ['busybox'] });
  context = makeContext(engine.work, { Dockerfile: 'FROM busybox AS one\nARG A\nRUN echo $A > /a\n' });
  const since = String(Date.now() / 1000);
  for (const [command, options] of steps)
    expected.push(
      await outcome('alpha', command, { since, ...options }, (args) => engine.docker(args, { accept: 'any' })),
    );
});
after(() => engine?.stop());

/** A command as the package builds it. */
interface Built {
  readonly args: readonly (string | { readonly value: string })[];
  parse?(output: string, strict: boolean): Promise<unknown>;
  parseStream?(output: NodeJS.ReadableStream, strict: boolean): AsyncGenerator<unknown>;
}

const { DockerClient } = await import('@microsoft/vscode-container-client');
const client = new DockerClient();
const build = client as unknown as Readonly<Record<string, (options: object) => Promise<Built>>>;

/** `ME` in words stands for a name that each of the two clients has for its own things. */
type Step = readonly [command: string, options: Record<string, unknown>];

const mine = { container: 'ME', containers: ['ME'] };
const steps: readonly Step[] = [
  ['checkInstall', {}],
  ['version', {}],
  ['info', {}],
  [
    'buildImage',
    { path: 'CONTEXT', tags: ['ME:1', 'ME:2'], args: { A: 'b' }, labels: { x: 'ME' }, stage: 'one', pull: false },
  ],
  ['buildImage', { path: 'CONTEXT', file: 'CONTEXT/absent' }],
  ['listImages', { all: true, references: ['ME'] }],
  ['listImages', { dangling: true, labels: { x: 'ME', y: false } }],
  ['inspectImages', { imageRefs: ['ME:1', 'busybox'] }],
  ['tagImage', { fromImageRef: 'ME:1', toImageRef: 'ME:3' }],
  ['pushImage', { imageRef: '127.0.0.1:1/ME' }],
  ['pullImage', { imageRef: '127.0.0.1:1/ME', allTags: true, disableContentTrust: true }],
  ['logout', { registry: 'ME.test' }],
  ['createVolume', { name: 'ME', driver: 'local' }],
  ['listVolumes', { driver: 'local' }],
  ['inspectVolumes', { volumes: ['ME'] }],
  ['createNetwork', { name: 'ME', driver: 'bridge' }],
  ['listNetworks', {}],
  ['inspectNetworks', { networks: ['ME'] }],
  [
    'runContainer',
    {
      imageRef: 'ME:1',
      name: 'ME',
      detached: true,
      ports: [{ containerPort: 80, protocol: 'tcp', hostIp: '127.0.0.1' }],
      exposePorts: [99],
      publishAllPorts: true,
      network: 'ME',
      networkAlias: 'alias',
      addHost: [{ hostname: 'there', ip: '10.0.0.9' }],
      mounts: [{ type: 'volume', source: 'ME', destination: '/v', readOnly: false }],
      labels: { a: 'b' },
      environmentVariables: { E: 'two words' },
      entrypoint: '/bin/sh',
      command: ['-c', 'echo begun; exec sleep 1000'],
    },
  ],
  ['runContainer', { imageRef: 'ME:1', removeOnExit: true, command: ['cat', '/a'] }],
  ['listContainers', { all: true, names: ['ME'] }],
  ['listContainers', { running: true, labels: { a: 'b' }, volumes: ['ME'], networks: ['ME'] }],
  ['inspectContainers', mine],
  ['logsForContainer', { container: 'ME', tail: 1 }],
  ['execContainer', { container: 'ME', command: ['sh', '-c', 'echo $X'], environmentVariables: { X: 'y' } }],
  ['listFiles', { container: 'ME', path: '/etc', operatingSystem: 'linux' }],
  ['statPath', { container: 'ME', path: '/etc/passwd', operatingSystem: 'linux' }],
  ['readFile', { container: 'ME', path: '/a', operatingSystem: 'linux' }],
  ['writeFile', { container: 'ME', path: '/nowhere/x', operatingSystem: 'linux', inputFile: '/dev/null' }],
  ['restartContainers', { container: ['ME'], time: 0 }],
  ['stopContainers', { container: ['ME'], time: 0 }],
  ['startContainers', { container: ['ME'] }],
  ['getEventStream', { until: '-1s', types: ['container'], events: ['create', 'start'] }],
  ['getEventStream', { until: '-1s', types: ['image', 'volume', 'network'] }],
  ['getEventStream', { until: '-1s', types: ['container'], labels: { a: 'b' } }],
  ['removeContainers', { containers: ['ME'], force: true }],
  ['pruneContainers', {}],
  ['removeNetworks', { networks: ['ME'], force: true }],
  ['pruneNetworks', {}],
  ['removeVolumes', { volumes: ['ME'], force: true }],
  ['pruneVolumes', {}],
  ['removeImages', { imageRefs: ['ME:1', 'ME:2', 'ME:3'], force: true }],
  ['pruneImages', {}],
];

let since: string;
for (const [index, [command, options]] of steps.entries())
  test(`VS Code reads the same of ${command} ${JSON.stringify(options)}`, { timeout: 60_000 }, async () => {
    since ??= String(Date.now() / 1000);
    const strata = outcome('bravo', command, { since, ...options }, (args) => engine.strata(args, { accept: 'any' }));
    assert.deepEqual(await strata, expected[index]);
  });

async function outcome(
  me: string,
  command: string,
  options: Record<string, unknown>,
  run: (args: readonly string[]) => Promise<{ readonly code: number; readonly stdout: string }>,
): Promise<unknown> {
  const words = JSON.stringify(command.endsWith('Stream') ? options : { ...options, since: undefined })
    .replaceAll('ME', me)
    .replaceAll('CONTEXT', context);
  const built = await build[command]!.call(client, JSON.parse(words) as object);
  const { code, stdout } = await run(textsOf(built));
  let read: unknown;
  if (built.parse) read = await built.parse(stdout, true);
  else if (built.parseStream) {
    const { Readable } = await import('node:stream');
    read = await Array.fromAsync(built.parseStream(Readable.from([stdout]), true));
  }
  return { code, read: sameForBoth(read, me) };
}

function textsOf({ args }: Built): string[] {
  return args.map((word) => (typeof word === 'string' ? word : word.value));
}

/** What was read, without what differs by right: the clients' own facts, ids, times, addresses. */
function sameForBoth(read: unknown, me: string): unknown {
  const text = JSON.stringify(read, (name, value: unknown) => (name === 'raw' ? undefined : value)) ?? 'nothing';
  return (
    text
      .replaceAll(me, 'ME')
      .replace(/("client":)"[^"]+"|(Docker|Strata) version [^"]*/g, '$1CLIENT')
      .replace(/\b[0-9a-f]{64}\b/g, 'ID64')
      .replace(/\b[0-9a-f]{12}\b/g, 'ID12')
      .replace(/\b\d{4}-\d\d-\d\dT[\d:.]+Z/g, 'TIME')
      .replace(/\b179\d{10}\b/g, 'MILLISECONDS')
      .replace(/02(:[0-9a-f]{2}){5}/g, 'MAC')
      // Docker's client tells this on standard output.
      .replace('"Flag --time has been deprecated, use --timeout instead",', '')
      .replace(/\bUp (?:Less than a second|About an? (?:minute|hour)|\d+ (?:second|minute)s?)/g, 'Up')
      .replace(/("execDuration":)"\d+"/g, '$1SECONDS')
      // Docker's client builds with an image for every step, which goes with the last one.
      .replace(/("Deleted: sha256:ID64")(,"Deleted: sha256:ID64")+/g, '$1')
      .replace(/"name":"[a-z]+_[a-z0-9]+"/g, '"name":"RANDOM"')
      .replace(/\b10\.\d+\.\d+\.\d+/g, 'ADDRESS')
      .replace(/("hostPort":)\d+/g, '$1PORT')
  );
}

test('VS Code hears what happens while it listens', async () => {
  const { args, parseStream } = await build['getEventStream']!.call(client, { events: ['tag'] });
  const listening = spawn(program[0], [...program.slice(1), ...textsOf({ args })], {
    env: { ...process.env, STRATA_HOST: `unix://${engine.socket}` },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  try {
    await engine.docker(['tag', 'busybox', 'heard:1']);
    for await (const event of parseStream!(listening.stdout, true)) {
      assert.equal((event as { readonly action: string }).action, 'tag');
      break;
    }
  } finally {
    listening.kill();
    await once(listening, 'close');
  }
});

test('VS Code’s figures of containers come as a table', async () => {
  const { args } = await build['statsContainers']!.call(client, { all: true });
  const { stdout } = await engine.strata([...textsOf({ args }), '--no-stream']);
  assert.match(stdout, /^CONTAINER ID +NAME +CPU %/);
});
