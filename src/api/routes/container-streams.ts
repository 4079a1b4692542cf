import { setTimeout as sleep } from 'node:timers/promises';
import type { FastifyInstance } from 'fastify';
import { assertAllowed, type Container, type LogOptions, logDetails } from '../../container/index.ts';
import { containerEvent } from '../../engine/index.ts';
import { StrataError } from '../../errors/index.ts';
import { framer } from '../../wire/index.ts';
import { checkDetachKeys } from '../detach-keys.ts';
import { type StreamOptions, serveAttachment } from '../hijack.ts';
import { markedLines } from '../log-lines.ts';
import type { Query } from '../query.ts';
import { sendJson } from '../reply.ts';
import { queryOf, versionOf } from '../server.ts';
import { sampler } from '../stats-sampler.ts';
import { openStream } from '../stream-reply.ts';
import { streamType } from '../stream-type.ts';
import { parseMoment } from '../time.ts';
import type { ApiBackend } from '../types.ts';
import { before } from '../version.ts';
import { serveWebSocket } from '../websocket.ts';

type Backend = Pick<ApiBackend, 'containers' | 'events'>;
type ById = { Params: { id: string } };

/** What a container says: output, log, statistics, processes, changed files. */
export function addContainerStreamRoutes(app: FastifyInstance, { containers, events }: Backend): void {
  app.get<ById>('/containers/:id/logs', async (request, reply) => {
    const query = queryOf(request);
    const options = logOptions(query);
    const container = containers.get(request.params.id);
    const tty = container.config.Tty ?? false;
    const stream = openStream(reply, streamType(tty, versionOf(request)));
    const chunks = containers.logs(container.id, { ...options, signal: stream.signal });
    const onWire = framer(tty);
    const details = query.flag('details') ? logDetails(container) : undefined;
    const marks = { timestamps: query.flag('timestamps'), details };
    const isMarked = marks.timestamps || details !== undefined;
    stream.start();
    try {
      for await (const chunk of isMarked ? markedLines(chunks, marks) : chunks) {
        await stream.write(onWire(chunk));
        if (stream.signal.aborted) return reply;
      }
    } catch (error) {
      if (!stream.signal.aborted)
        await stream.write(
          onWire({ stream: 'stderr', data: Buffer.from(`Error grabbing logs: ${(error as Error).message}\n`) }),
        );
    }
    stream.end();
    return reply;
  });

  function attachable(id: string): Container {
    const container = containers.get(id);
    assertAllowed(container, 'attach');
    return container;
  }

  const attach = async (container: Container, query: Query, stdin: boolean) =>
    await containers.attach(container.id, {
      stdin,
      stdout: query.flag('stdout'),
      stderr: query.flag('stderr'),
      replay: query.flag('logs'),
      stream: query.flag('stream'),
    });
  const takesInput = (container: Container, query: Query) =>
    query.flag('stdin') && (container.config.OpenStdin ?? false);

  const streamsOf = ({ config }: Container, stdin: boolean, detachKeys: string): StreamOptions => ({
    detachKeys,
    tty: config.Tty ?? false,
    stdin: !stdin ? 'none' : config.StdinOnce ? 'whole' : 'shared',
  });

  app.post<ById>('/containers/:id/attach', async (request, reply) => {
    const query = queryOf(request);
    checkDetachKeys(query.text('detachKeys'), 'detach');
    const container = attachable(request.params.id);
    const stdin = takesInput(container, query);
    const attachment = await attach(container, query, stdin);
    await serveAttachment(request, reply, attachment, streamsOf(container, stdin, query.text('detachKeys')));
    return reply;
  });

  app.get<ById>('/containers/:id/attach/ws', async (request, reply) => {
    const query = streamsChosen(queryOf(request), versionOf(request));
    checkDetachKeys(query.text('detachKeys'), 'detach');
    const container = attachable(request.params.id);
    const stdin = takesInput(container, query);
    await serveWebSocket(
      request,
      reply,
      () => attach(container, query, stdin),
      streamsOf(container, stdin, query.text('detachKeys')),
    );
    return reply;
  });

  app.get<ById>('/containers/:id/stats', async (request, reply) => {
    const query = queryOf(request);
    const { id } = containers.get(request.params.id);
    const follow = query.flag('stream', true);
    const stream = openStream(reply, 'application/json');
    const sample = sampler(containers, id);
    if (!follow) {
      if (!query.flag('one-shot') && containers.get(id).state.pid > 0) {
        await sample();
        await sleep(1000, undefined, { signal: stream.signal }).catch(() => {});
      }
      return sendJson(reply, await sample());
    }
    stream.start();
    while (!stream.signal.aborted) {
      const next = await sample().catch(() => undefined);
      if (next === undefined) break;
      await stream.write(`${JSON.stringify(next)}\n`);
      await sleep(1000, undefined, { signal: stream.signal }).catch(() => {});
    }
    stream.end();
    return reply;
  });

  app.get<ById>('/containers/:id/top', async (request, reply) => {
    const psArgs = queryOf(request).text('ps_args');
    const table = await containers.top(request.params.id, psArgs === '' ? '-ef' : psArgs);
    events.publish(containerEvent('top', containers.get(request.params.id)));
    sendJson(reply, table);
  });

  app.get<ById>('/containers/:id/changes', async (request, reply) => {
    const kinds = { C: 0, A: 1, D: 2 } as const;
    const changes = await containers.changes(request.params.id);
    sendJson(reply, changes.length === 0 ? null : changes.map(({ path, kind }) => ({ Path: path, Kind: kinds[kind] })));
  });
}

/** By WebSocket, older clients always have all three streams. */
function streamsChosen(query: Query, version: string): Query {
  if (!before(version, 'chosenStreams')) return query;
  const all = new Set(['stdin', 'stdout', 'stderr']);
  return { ...query, flag: (name, otherwise) => all.has(name) || query.flag(name, otherwise) };
}

function logOptions(query: Query): LogOptions {
  const stdout = query.flag('stdout');
  const stderr = query.flag('stderr');
  if (!stdout && !stderr)
    throw new StrataError('invalid_argument', 'Bad parameters: you must choose at least one stream');
  const since = parseMoment(query.text('since'));
  const until = parseMoment(query.text('until'));
  const tail = /^\d{1,15}$/.test(query.text('tail')) ? Number(query.text('tail')) : undefined;
  return {
    stdout,
    stderr,
    follow: query.flag('follow'),
    ...(tail !== undefined && { tail }),
    ...(since !== undefined && since !== 0 && { since }),
    ...(until !== undefined && until !== 0 && { until }),
  };
}
