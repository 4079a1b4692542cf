import { createReadStream, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { Client } from '../../../client/index.ts';
import { StrataError } from '../../../errors/index.ts';
import { familiarName, parseReference, withDefaultTag } from '../../../oci/index.ts';
import type { BuildEvent } from '../../../progress/index.ts';
import type { BuildRequest, BuildResult } from '../../../wire/index.ts';
import { parseCall } from '../../builder/call.ts';
import { readSources } from '../../builder/context.ts';
import { contextSize } from '../../builder/context-size.ts';
import { hasTerminal, shellInFailedStep } from '../../builder/failed-step.ts';
import { tellFailure } from '../../builder/failure.ts';
import { fault } from '../../builder/fault.ts';
import { buildFlags } from '../../builder/flags.ts';
import { type Output, readOutputs } from '../../builder/outputs.ts';
import { buildRequest } from '../../builder/request.ts';
import { type BuildView, chooseMode, createBuildView } from '../../builder/view.ts';
import { type Call, defineCommand } from '../../command.ts';
import { hasEngine } from '../../connect.ts';
import { everyCredential } from '../../registry-auth.ts';
import type { Session } from '../../session.ts';
import { abortOnInterrupt } from '../../terminal/signals.ts';

export const command = defineCommand({
  synopsis: '[OPTIONS] PATH | URL | -',
  args: { min: 1, max: 1 },
  flags: buildFlags,
  examples: [
    ['build -t app:1 .', 'an image of the folder here'],
    ['build --explain -t app:1 .', 'the same, and why steps did not come from the cache'],
    ['build -f web.Dockerfile --target test --build-arg VERSION=2 .', 'one stage of another Dockerfile'],
    ['build --secret id=token,src=token.txt .', 'a secret that RUN --mount=type=secret,id=token can read'],
    ['build -o out .', 'the files of the last stage in a folder, no image'],
    ['build --on-error=shell .', 'a shell in the step that fails'],
  ],
  isResident: async ({ flags, args, session }) =>
    flags.file !== '-' &&
    flags['on-error'] === '' &&
    !readsOrWritesFiles(flags) &&
    (await isFolder(resolve(session.cwd, args[0]!))),
  async run(call) {
    try {
      return await build(call);
    } catch (error) {
      return tellFailure(error, call.session);
    }
  },
});

type BuildCall = Call<typeof buildFlags>;

function readsOrWritesFiles(flags: BuildCall['flags']): boolean {
  const lists = [flags.secret, flags.ssh, flags.output, flags['build-context']];
  return flags.iidfile !== '' || flags['metadata-file'] !== '' || lists.some((list) => list.length > 0);
}

async function isFolder(path: string): Promise<boolean> {
  return await stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
}

async function build({ flags, args, session, client }: BuildCall): Promise<number> {
  if (!['', 'shell'].includes(flags['on-error']))
    throw fault(`invalid value ${JSON.stringify(flags['on-error'])} for --on-error`, 'the only value is "shell"');
  const mode = chooseMode(flags.progress, flags.quiet, session);
  const outputs = readOutputs(flags.push ? [...flags.output, 'type=registry'] : flags.output, session.cwd);
  const sources = await readSources(session, args[0]!, flags.file);
  const aside = putAside(outputs);
  try {
    const request = buildRequest(flags, session, sources, aside.outputs);
    const alone = await checkedAlone(request, session);
    if (alone) return await present({ report: alone }, flags, session, []);
    const auth = await everyCredential(session);
    const engine = await client();
    const view = createBuildView(mode, session, {
      color: colorful(session),
      expand: session.debug || flags.debug,
      names: flags.tag.map(fullName),
      ...(mode === 'classic' && { contextSize: await sentSize(request) }),
    });
    const result = await run(
      engine,
      session,
      { ...request, ...(mode === 'classic' && { stepImages: true }), ...(auth && { auth }) },
      told(view, flags.explain || mode === 'rawjson'),
    );
    return await present(result, flags, session, aside.files);
  } finally {
    aside.dispose();
    sources.dispose();
  }
}

/** The checks of a Dockerfile that is here need no engine, and do not start one. */
async function checkedAlone(request: BuildRequest, session: Session): Promise<BuildResult['report'] | undefined> {
  if (request.call !== 'check' || (await hasEngine(session))) return undefined;
  const { checkAlone } = await import('../../../builder/index.ts');
  return checkAlone(request);
}

/** What the docker client would send of the context; undefined where the engine fetches it. */
async function sentSize({ context, dockerfile }: BuildRequest): Promise<number | undefined> {
  if (context.kind === 'file') return (await stat(context.path)).size;
  const path = dockerfile && 'path' in dockerfile ? dockerfile.path : 'Dockerfile';
  return context.kind === 'local' ? await contextSize(context.dir, path) : undefined;
}

async function run(engine: Client, session: Session, request: BuildRequest, view: BuildView): Promise<BuildResult> {
  const interrupt = abortOnInterrupt(session);
  let told = false;
  try {
    const result = await engine.strata.build(request, {
      progress: view.progress,
      drained: async () => {
        await session.stdout.drained();
        await session.stderr.drained();
      },
      signal: interrupt.signal,
      tty: hasTerminal(session),
      async onFailedStep(step, error) {
        view.finish(undefined);
        tellFailure(error, session);
        told = true;
        // From here on an interrupt is for the shell.
        interrupt.stop();
        await shellInFailedStep(step, engine, session);
      },
    });
    view.finish(result);
    return result;
  } catch (error) {
    if (told) throw new StrataError('failed_precondition', '', { code: 'told', exitCode: 1, cause: error });
    view.finish(undefined);
    throw error;
  } finally {
    interrupt.stop();
  }
}

/** Why a step was not cached is told to whoever asks. */
function told(view: BuildView, misses: boolean): BuildView {
  const wanted = (event: BuildEvent) => misses || event.type !== 'miss';
  return { ...view, progress: (event) => (wanted(event) ? view.progress(event) : undefined) };
}

function fullName(name: string): string {
  return familiarName(withDefaultTag(parseReference(name)));
}

async function present(
  result: BuildResult,
  flags: BuildCall['flags'],
  session: Session,
  archives: readonly string[],
): Promise<number> {
  const { stdout, stderr } = session;
  for (const file of archives) {
    for await (const chunk of createReadStream(file)) {
      stdout.write(chunk);
      await stdout.drained();
    }
  }
  const { report, imageID } = result;
  if (report) {
    const { json, ignoreStatus } = parseCall(flags.call, flags.check);
    stdout.write(json ? `${JSON.stringify(report.json, null, 2)}\n` : report.text);
    if (report.error !== undefined) stderr.write(`${report.error}\n`);
    return report.error !== undefined || (report.failed && !ignoreStatus) ? 1 : 0;
  }
  if (imageID !== undefined) {
    if (flags.iidfile) writeFileSync(resolve(session.cwd, flags.iidfile), imageID);
    if (flags.quiet || flags.progress === 'quiet') stdout.write(`${imageID}\n`);
  }
  if (flags['metadata-file'])
    writeFileSync(resolve(session.cwd, flags['metadata-file']), `${JSON.stringify(result.metadata ?? {}, null, 2)}\n`);
  return 0;
}

/** What goes to stdout is written to files first: the daemon has no other way to hand it over. */
function putAside(outputs: readonly Output[]): { outputs: readonly Output[]; files: string[]; dispose(): void } {
  if (!outputs.some(({ toStdout }) => toStdout)) return { outputs, files: [], dispose() {} };
  const folder = mkdtempSync(join(tmpdir(), 'strata-output-'));
  const files: string[] = [];
  const changed = outputs.map((output, index) => {
    if (!output.toStdout) return output;
    const dest = join(folder, `${index}.tar`);
    files.push(dest);
    return { ...output, dest };
  });
  return { outputs: changed, files, dispose: () => rmSync(folder, { recursive: true, force: true }) };
}

function colorful({ env, stderr }: Session): boolean {
  return stderr.isTTY && !env['NO_COLOR'];
}
