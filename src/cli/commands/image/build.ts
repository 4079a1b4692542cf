import { writeFile } from 'node:fs/promises';
import type { BuildRequest, BuildResult } from '../../../build/index.ts';
import { KeptStep } from '../../../client/index.ts';
import { StrataError } from '../../../errors/index.ts';
import type { BuildEvent } from '../../../progress/index.ts';
import { namedContext, prepareContext } from '../../build/context.ts';
import { shellInFailedStep } from '../../build/failed-step.ts';
import { csvFields, fromEnvironment, keyValues } from '../../build/key-values.ts';
import { parseOutput } from '../../build/outputs.ts';
import { readSecret, readSsh } from '../../build/secrets.ts';
import { createView } from '../../build/view.ts';
import { type Call, defineCommand } from '../../command.ts';
import { parseUlimits } from '../../create/limits.ts';
import { bool, bytes, ignored, list, text } from '../../flags/flag.ts';
import { abortOnInterrupt } from '../../terminal/signals.ts';

const flags = {
  'add-host': list('', 'Add a custom host-to-IP mapping (format: "host:ip")'),
  allow: list('', 'Allow extra privileged entitlement (network.host, security.insecure)'),
  annotation: list('', 'Add annotation to the image'),
  'build-arg': list('', 'Set build-time variables (NAME alone: from the environment)'),
  'build-context': list('', 'Additional build contexts (e.g., name=path)'),
  'cache-from': list('', 'External cache sources (e.g., "user/app:cache", "type=local,src=path/to/dir")'),
  'cache-to': list('', 'Cache export destinations (e.g., "type=local,dest=path/to/dir")'),
  call: text('', 'Set method for evaluating build ("check", "outline", "targets")', 'build'),
  'cgroup-parent': text('', 'Set the parent cgroup for the RUN instructions during build'),
  check: bool('', 'Shorthand for "--call=check"'),
  explain: bool('', 'Say for each step that is not cached which input changed'),
  file: text('f', 'Name of the Dockerfile (default: "PATH/Dockerfile")'),
  iidfile: text('', 'Write the image ID to a file'),
  label: list('', 'Set metadata for an image'),
  'metadata-file': text('', 'Write build result metadata to a file'),
  network: text('', 'Set the networking mode for the RUN instructions during build', 'default'),
  'no-cache': bool('', 'Do not use cache when building the image'),
  'no-cache-filter': list('', 'Do not cache specified stages'),
  'on-error': text('', 'What to do when a RUN fails: "shell" opens a shell in its container as it was'),
  output: list('o', 'Output destination (format: "type=local,dest=path")'),
  platform: list('', 'Set target platform for build'),
  progress: text('', 'Set type of progress output ("auto", "tty", "plain", "classic", "rawjson", "quiet")', 'auto'),
  pull: bool('', 'Always attempt to pull all referenced images'),
  push: bool('', 'Shorthand for "--output=type=registry"'),
  quiet: bool('q', 'Suppress the build output and print image ID on success'),
  secret: list('', 'Secret to expose to the build (format: "id=mysecret[,src=/local/secret]")'),
  'shm-size': bytes('', 'Shared memory size for build containers'),
  ssh: list('', 'SSH agent socket or keys to expose to the build (format: "default|<id>[=<socket>|<key>[,<key>]]")'),
  tag: list('t', 'Name and optionally a tag (format: "name:tag")'),
  target: text('', 'Set the target build stage to build'),
  ulimit: list('', 'Ulimit options'),
  // What scripts written for docker give, without a meaning here.
  attest: ignored(list('', '')),
  builder: ignored(text('', '')),
  compress: ignored(bool('', '')),
  'cpu-period': ignored(text('', '')),
  'cpu-quota': ignored(text('', '')),
  'cpu-shares': ignored(text('c', '')),
  'cpuset-cpus': ignored(text('', '')),
  'cpuset-mems': ignored(text('', '')),
  'disable-content-trust': ignored(bool('', '', true)),
  'force-rm': ignored(bool('', '')),
  isolation: ignored(text('', '')),
  load: ignored(bool('', '')),
  memory: ignored(text('m', '')),
  'memory-swap': ignored(text('', '')),
  provenance: ignored(text('', '')),
  rm: ignored(bool('', '', true)),
  sbom: ignored(text('', '')),
  'security-opt': ignored(list('', '')),
  squash: ignored(bool('', '')),
};

type BuildCall = Call<typeof flags>;

export const command = defineCommand({
  synopsis: '[OPTIONS] PATH | URL | -',
  args: { min: 1, max: 1 },
  flags,
  examples: [
    ['build -t app:1 .', 'the Dockerfile of this folder'],
    ['build -t app --build-arg VERSION=2 --target test .', 'a stage of it, with an argument'],
    ['build --explain -t app .', 'why steps were not cached'],
    ['build --check .', 'advice, without building'],
    ['build --on-error=shell -t app .', 'a shell in the step that fails'],
  ],
  run: build,
});

async function build(call: BuildCall): Promise<number> {
  const { flags: given, session } = call;
  if (given['on-error'] !== '' && given['on-error'] !== 'shell') {
    throw new StrataError('invalid_argument', `invalid value ${JSON.stringify(given['on-error'])} for --on-error`, {
      hint: 'shell',
    });
  }
  const prepared = await prepareContext(call.args[0]!, given.file, session);
  const interrupt = abortOnInterrupt();
  try {
    const request = requestOf(call, prepared.request);
    const client = await call.client();
    const name = given.quiet ? 'quiet' : given.progress;
    if (name === 'classic' && request.context.kind === 'local')
      session.stdout.write('Sending build context: read in place\n');
    const view = await createView(name, session);
    let result: BuildResult;
    try {
      result = await client.strata.build(request, {
        progress: explained(view.push, given.explain || name === 'rawjson'),
        signal: interrupt.signal,
      });
    } finally {
      view.end();
    }
    return await finish(call, request, result, name);
  } catch (error) {
    if (error instanceof StrataError && error.cause instanceof KeptStep) {
      const { errorText } = await import('../../report-error.ts');
      session.stderr.write(`ERROR: ${errorText(error)}\n`);
      await shellInFailedStep(error.cause.step, session);
      return error.exitCode ?? 1;
    }
    throw buildError(error);
  } finally {
    interrupt.stop();
    await prepared.cleanUp();
  }
}

/** Why a step was not cached is told to whoever asks. */
function explained(push: (event: BuildEvent) => void, all: boolean): (event: BuildEvent) => void {
  return (event) => {
    if (all || event.type !== 'miss') push(event);
  };
}

/** The message as people know it from buildx. */
function buildError(error: unknown): unknown {
  if (!(error instanceof StrataError) || error.kind === 'cancelled') return error;
  return new StrataError(error.kind, `ERROR: failed to build: ${error.message}`, {
    code: error.code,
    exitCode: error.exitCode ?? 1,
    cause: error,
    ...(error.hint !== undefined && { hint: error.hint }),
    ...(error.location && { location: error.location }),
  });
}

async function finish(call: BuildCall, request: BuildRequest, result: BuildResult, view: string): Promise<number> {
  const { flags: given, session } = call;
  if (result.report) {
    session.stdout.write(result.report.text);
    return result.report.failed ? 1 : 0;
  }
  const id = result.imageID ?? result.digest;
  if (given.iidfile !== '' && id) await writeFile(given.iidfile, id);
  if (given['metadata-file'] !== '')
    await writeFile(given['metadata-file'], `${JSON.stringify(result.metadata ?? {}, null, 2)}\n`);
  if (given.quiet && id) session.stdout.write(`${id}\n`);
  if (view === 'classic' && result.imageID) {
    const { classicResult } = await import('../../../progress/classic.ts');
    session.stdout.write(classicResult(result.imageID, (request.tags ?? []).map(withTag)).join(''));
  }
  return 0;
}

function withTag(name: string): string {
  return name.lastIndexOf(':') > name.lastIndexOf('/') ? name : `${name}:latest`;
}

function requestOf(
  { flags: given, session }: BuildCall,
  context: Pick<BuildRequest, 'context' | 'dockerfile'>,
): BuildRequest {
  const call = given.check ? 'check' : given.call.split(',')[0]!;
  if (!['build', 'check', 'outline', 'targets'].includes(call))
    throw new StrataError('invalid_argument', `unknown value ${JSON.stringify(given.call)} for --call`, {
      hint: 'build, check, outline or targets',
    });
  const contexts = Object.fromEntries(
    Object.entries(keyValues(given['build-context'])).map(([name, value]) => [
      name.toLowerCase(),
      namedContext(value, session.cwd),
    ]),
  );
  const outputs = [
    ...given.output.map((one) => parseOutput(one, session.cwd)),
    ...(given.push ? [{ type: 'registry' as const, attributes: {} }] : []),
  ];
  const cache = (words: readonly string[], flag: string) =>
    words.map((word) => (word.includes('=') ? csvFields(word, flag) : { type: 'registry', ref: word }));
  return {
    ...context,
    tags: given.tag,
    buildArgs: fromEnvironment(given['build-arg'], session.env),
    labels: keyValues(given.label),
    annotations: keyValues(given.annotation),
    network: given.network,
    noCache: given['no-cache'],
    pull: given.pull,
    explain: given.explain,
    keepFailed: given['on-error'] === 'shell',
    call: call as NonNullable<BuildRequest['call']>,
    ...(given.target !== '' && { target: given.target }),
    ...(given['no-cache-filter'].length > 0 && {
      noCacheFilter: given['no-cache-filter'].flatMap((one) => one.split(',')),
    }),
    ...(given.platform.length > 0 && { platforms: given.platform.flatMap((one) => one.split(',')) }),
    ...(Object.keys(contexts).length > 0 && { namedContexts: contexts }),
    ...(given.secret.length > 0 && { secrets: given.secret.map((one) => readSecret(one, session)) }),
    ...(given.ssh.length > 0 && { ssh: given.ssh.map((one) => readSsh(one, session)) }),
    ...(given['add-host'].length > 0 && { extraHosts: given['add-host'] }),
    ...(given['shm-size'] > 0 && { shmSize: given['shm-size'] }),
    ...(given.ulimit.length > 0 && { ulimits: parseUlimits(given.ulimit) }),
    ...(given['cgroup-parent'] !== '' && { cgroupParent: given['cgroup-parent'] }),
    ...(outputs.length > 0 && { outputs }),
    ...(given['cache-from'].length > 0 && { cacheFrom: cache(given['cache-from'], 'cache-from') }),
    ...(given['cache-to'].length > 0 && { cacheTo: cache(given['cache-to'], 'cache-to') }),
    ...(given.allow.length > 0 && { allow: given.allow.flatMap((one) => one.split(',')) }),
  };
}
