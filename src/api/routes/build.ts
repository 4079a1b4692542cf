import type { FastifyInstance, FastifyReply } from 'fastify';
import { publishBuilt } from '../../engine/index.ts';
import { StrataError, toStrataError } from '../../errors/index.ts';
import { familiarName, parseReference, withDefaultTag } from '../../oci/index.ts';
import { classicResult, createClassicRenderer } from '../../progress/index.ts';
import type { BuildRequest, BuildResult } from '../../wire/index.ts';
import { classicBuildRequest, isByBuildKit, remoteContext } from '../classic-build-request.ts';
import { directBuilds } from '../direct-builds.ts';
import { excerptText } from '../excerpt.ts';
import { readFilters } from '../filters.ts';
import type { LazyBuildKit } from '../lazy-buildkit.ts';
import type { Query } from '../query.ts';
import { registryConfig } from '../registry-auth.ts';
import { sendEmpty, sendJson } from '../reply.ts';
import { queryOf } from '../server.ts';
import { type MessageStream, openMessages } from '../stream-reply.ts';
import { parseDuration } from '../time.ts';
import type { ApiBackend } from '../types.ts';
import { uploadedContext } from '../uploaded-context.ts';

type Backend = Pick<ApiBackend, 'builder' | 'events' | 'config' | 'images'>;

export function addBuildRoutes(app: FastifyInstance, backend: Backend, buildkit: LazyBuildKit): void {
  const direct = directBuilds(backend, buildkit);

  app.post('/build', async (request, reply) => {
    const query = queryOf(request);
    const options = classicBuildRequest(query, registryConfig(request));
    if (isByBuildKit(query)) {
      await direct.answer(options, query, { request, reply });
      return reply;
    }
    const context = remoteContext(query.text('remote')) ?? (await uploadedContext(backend, request));
    await build(backend, { ...options, context }, query, reply);
    return reply;
  });

  app.post('/build/prune', async (request, reply) => {
    const query = queryOf(request);
    const filters = readFilters(query, [
      'description',
      'id',
      'inuse',
      'parent',
      'private',
      'shared',
      'type',
      'unused-for',
      'until',
    ]);
    const unusedFor = age(filters.values('until')[0] ?? filters.values('unused-for')[0]);
    const reservedSpace = bytes(query, 'reserved-space') ?? bytes(query, 'keep-storage');
    const [maxUsedSpace, minFreeSpace] = [bytes(query, 'max-used-space'), bytes(query, 'min-free-space')];
    const others = ['description', 'id', 'inuse', 'parent', 'private', 'shared', 'type'].filter((name) =>
      filters.has(name),
    );
    const { deleted, reclaimed } = await backend.builder.cache.prune({
      all: query.flag('all'),
      ...(reservedSpace !== undefined && { reservedSpace }),
      ...(maxUsedSpace !== undefined && { maxUsedSpace }),
      ...(minFreeSpace !== undefined && { minFreeSpace }),
      ...(unusedFor !== undefined && { unusedFor }),
      ...(others.length > 0 && { filters: Object.fromEntries(others.map((name) => [name, filters.values(name)])) }),
    });
    backend.events.publish({
      Type: 'builder',
      Action: 'prune',
      Actor: { ID: '', Attributes: { reclaimed: String(reclaimed) } },
    });
    sendJson(reply, { CachesDeleted: deleted.length > 0 ? deleted : null, SpaceReclaimed: reclaimed });
  });

  app.post('/build/cancel', async (request, reply) => {
    const id = queryOf(request).text('id');
    if (id === '') throw new StrataError('invalid_argument', 'build ID not provided');
    direct.cancel(id);
    sendEmpty(reply, 200);
  });
}

function bytes(query: Query, name: string): number | undefined {
  const text = query.text(name);
  if (text !== '' && !/^[+-]?\d+$/.test(text))
    throw new StrataError(
      'invalid_argument',
      `${name} is in bytes and expects an integer, got ${text}: strconv.Atoi: parsing ${JSON.stringify(text)}: invalid syntax`,
    );
  return query.int(name);
}

/** Seconds of a duration such as `24h`. */
function age(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const seconds = parseDuration(text);
  if (seconds === undefined)
    throw new StrataError(
      'invalid_argument',
      `failed to prune build cache: "until" filter expects a duration (e.g., '24h') or a timestamp: failed to parse value as time or duration: ${JSON.stringify(text)}`,
    );
  return seconds;
}

async function build(backend: Backend, request: BuildRequest, query: Query, reply: FastifyReply): Promise<void> {
  const messages = openMessages(reply);
  const quiet = query.flag('q');
  const renderer = createClassicRenderer({ remove: query.flag('rm', true) });
  // A quiet build tells what it held back only when it fails.
  const held: string[] = [];
  const tell = (lines: readonly string[]) => {
    if (quiet) held.push(...lines);
    else for (const stream of lines) messages.message({ stream });
  };
  try {
    const result = await backend.builder.build(request, {
      signal: messages.signal,
      progress: (event) => tell(renderer.push(event)),
    });
    await publishBuilt(backend, result);
    tell(renderer.end());
    succeed(messages, result, request, quiet);
  } catch (thrown) {
    tell(renderer.end());
    fail(messages, thrown, quiet ? held : []);
  }
}

function succeed(messages: MessageStream, result: BuildResult, request: BuildRequest, quiet: boolean): void {
  const { imageID } = result;
  if (imageID !== undefined && quiet) messages.message({ stream: `${imageID}\n` });
  if (imageID !== undefined && !quiet) {
    messages.message({ aux: { ID: imageID } });
    const names = (request.tags ?? []).map((tag) => familiarName(withDefaultTag(parseReference(tag))));
    for (const stream of classicResult(imageID, names)) messages.message({ stream });
  }
  messages.end();
}

/** Faults of the request itself. */
const beforeSteps: ReadonlySet<string> = new Set(['dockerfile_not_found', 'target_not_found']);

function fail(messages: MessageStream, thrown: unknown, held: readonly string[]): void {
  const error = toStrataError(thrown);
  // Docker answers 200 before it works on the first instruction, and tells of what fails then in the stream.
  if (error.kind !== 'invalid_argument' && !beforeSteps.has(error.code)) messages.start();
  for (const stream of held) messages.message({ stream });
  if (messages.started) for (const stream of excerptText(error)) messages.message({ stream });
  const { exitCode: code } = error;
  messages.fail(error, code === undefined ? {} : { code });
}
