import type { FastifyInstance, FastifyRequest } from 'fastify';
import { assertAllowed, type HostConfig, isRunning } from '../../container/index.ts';
import { StrataError } from '../../errors/index.ts';
import { readJson } from '../body.ts';
import { sendEmpty, sendJson } from '../reply.ts';
import { queryOf, versionOf } from '../server.ts';
import { updateRequest } from '../shapes/container.ts';
import { openStream } from '../stream-reply.ts';
import { readSize } from '../terminal-size.ts';
import type { ApiBackend } from '../types.ts';
import { before } from '../version.ts';
import { updateFields, withKnownFields } from '../version-history.ts';

type Backend = Pick<ApiBackend, 'containers'>;
type ById = { Params: { id: string } };

export function addContainerLifecycleRoutes(app: FastifyInstance, { containers }: Backend): void {
  const isUp = (id: string) => isRunning(containers.get(id));

  app.post<ById>('/containers/:id/start', async (request, reply) => {
    assertNoBody(request);
    const { id } = request.params;
    if (containers.get(id).state.status === 'paused') assertAllowed(containers.get(id), 'start');
    if (isUp(id)) return sendEmpty(reply, 304);
    await containers.start(id);
    return sendEmpty(reply);
  });

  app.post<ById>('/containers/:id/stop', async (request, reply) => {
    const { id } = request.params;
    const options = stopOptions(request);
    if (!isUp(id)) return sendEmpty(reply, 304);
    await containers.stop(id, options);
    return sendEmpty(reply);
  });

  app.post<ById>('/containers/:id/restart', async (request, reply) => {
    await containers.restart(request.params.id, stopOptions(request));
    sendEmpty(reply);
  });

  app.post<ById>('/containers/:id/kill', async (request, reply) => {
    const signal = queryOf(request).text('signal');
    await containers.kill(request.params.id, signal === '' ? undefined : signal);
    sendEmpty(reply);
  });

  app.post<ById>('/containers/:id/pause', async (request, reply) => {
    await containers.pause(request.params.id);
    sendEmpty(reply);
  });

  app.post<ById>('/containers/:id/unpause', async (request, reply) => {
    await containers.unpause(request.params.id);
    sendEmpty(reply);
  });

  app.post<ById>('/containers/:id/rename', async (request, reply) => {
    const name = queryOf(request).text('name');
    if (name === '') throw new StrataError('invalid_argument', 'Neither old nor new names may be empty');
    await containers.rename(request.params.id, name);
    sendEmpty(reply);
  });

  app.post<ById>('/containers/:id/update', async (request, reply) => {
    const given = await readJson(request, updateRequest);
    const changes = withKnownFields(given, updateFields, versionOf(request)) as Partial<HostConfig>;
    const warnings = await containers.update(request.params.id, changes);
    sendJson(reply, { Warnings: warnings.length > 0 ? warnings : null });
  });

  app.post<ById>('/containers/:id/resize', async (request, reply) => {
    const { rows, columns } = readSize(request);
    await containers.resize(request.params.id, rows, columns);
    sendEmpty(reply, 200);
  });

  app.post<ById>('/containers/:id/wait', async (request, reply) => {
    const condition = waitCondition(queryOf(request).text('condition'));
    containers.get(request.params.id);
    const stream = openStream(reply, 'application/json');
    const ended = containers.wait(request.params.id, condition, stream.signal);
    // The client starts the container once it sees these headers: the wait must already be there.
    if (!before(versionOf(request), 'earlyHead')) stream.start();
    try {
      const { exitCode, error } = await ended;
      await stream.write(`${JSON.stringify({ StatusCode: exitCode, ...(error && { Error: { Message: error } }) })}\n`);
    } catch (error) {
      const Message = error instanceof Error ? error.message : String(error);
      await stream.write(`${JSON.stringify({ StatusCode: -1, Error: { Message } })}\n`);
    }
    stream.end();
    return reply;
  });
}

/** Very old clients sent a host configuration here. An empty object has less than eight bytes. */
function assertNoBody({ headers }: FastifyRequest): void {
  if (headers['transfer-encoding'] === undefined && Number(headers['content-length'] ?? 0) <= 7) return;
  throw new StrataError(
    'invalid_argument',
    'starting container with non-empty request body was deprecated since API v1.22 and removed in v1.24',
  );
}

function stopOptions(request: FastifyRequest): { timeoutSeconds?: number; signal?: string } {
  const query = queryOf(request);
  const timeoutSeconds = query.int('t');
  const signal = query.text('signal');
  return { ...(timeoutSeconds !== undefined && { timeoutSeconds }), ...(signal !== '' && { signal }) };
}

function waitCondition(text: string): 'not-running' | 'next-exit' | 'removed' {
  if (text === '') return 'not-running';
  if (text === 'not-running' || text === 'next-exit' || text === 'removed') return text;
  throw new StrataError('invalid_argument', `invalid condition: ${JSON.stringify(text)}`);
}
