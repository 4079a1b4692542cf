import type { FastifyInstance } from 'fastify';
import type { BuildRequest } from '../../build/index.ts';
import { version } from '../../engine/index.ts';
import { StrataError, toStrataError } from '../../errors/index.ts';
import { readJson } from '../body.ts';
import { publishBuilt } from '../publish.ts';
import { sendEmpty, sendJson } from '../reply.ts';
import { buildRequest } from '../shapes/build.ts';
import { openStream } from '../stream-reply.ts';
import type { ApiBackend } from '../types.ts';

type Backend = Pick<ApiBackend, 'builder' | 'config' | 'events' | 'shutdown'>;

/** What our own command line asks for and Docker's API has no word for. */
export function addStrataRoutes(app: FastifyInstance, backend: Backend): void {
  app.get('/strata/v1/status', async (_request, reply) =>
    sendJson(reply, { pid: process.pid, version: version, dataRoot: backend.config.dataRoot }),
  );

  app.post('/strata/v1/shutdown', async (_request, reply) => {
    const { shutdown } = backend;
    if (!shutdown) throw new StrataError('unsupported', 'this engine cannot be shut down over its API');
    reply.raw.once('close', () => shutdown());
    sendEmpty(reply);
  });

  /** Answers with one JSON document a line: build events, and at the end `result` or `error`. */
  app.post('/strata/v1/build', async (request, reply) => {
    const given = await readJson(request, buildRequest, { required: true });
    if (!given.context)
      throw new StrataError('invalid_argument', 'invalid JSON: context is missing', { code: 'invalid_json' });
    const stream = openStream(reply, 'application/x-ndjson');
    const tell = (value: unknown) => stream.post(`${JSON.stringify(value)}\n`);
    stream.start();
    try {
      const result = await backend.builder.build(given as unknown as BuildRequest, {
        signal: stream.signal,
        progress: tell,
      });
      publishBuilt(backend.events, result);
      tell({ type: 'result', result });
    } catch (thrown) {
      tell({ type: 'error', error: errorView(toStrataError(thrown)) });
    }
    stream.end();
    return reply;
  });
}

function errorView(error: StrataError): Record<string, unknown> {
  const { kind, code, message, hint, location, exitCode } = error;
  return { kind, code, message, hint, location, exitCode };
}
