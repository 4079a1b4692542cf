import { once } from 'node:events';
import type { FastifyInstance } from 'fastify';
import { FailedStep, type KeptRoot } from '../../builder/index.ts';
import { openFailedStep, publishBuilt, version } from '../../engine/index.ts';
import { messageOf, StrataError, toStrataError } from '../../errors/index.ts';
import type { BuildRequest } from '../../wire/index.ts';
import { readJson } from '../body.ts';
import { jsonText } from '../json-text.ts';
import { sendEmpty, sendJson } from '../reply.ts';
import { queryOf } from '../server.ts';
import { buildRequest } from '../shapes/build.ts';
import { openStream } from '../stream-reply.ts';
import type { ApiBackend } from '../types.ts';

type Backend = Pick<ApiBackend, 'builder' | 'config' | 'containers' | 'events' | 'images' | 'shutdown' | 'snapshots'>;

/** Bytes of a request for a build: a Dockerfile may come with it. */
const buildLimit = 16 * 1024 * 1024;

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
    const given = await readJson(request, buildRequest, { required: true, limit: buildLimit });
    if (!given.context)
      throw new StrataError('invalid_argument', 'invalid JSON: context is missing', { code: 'invalid_json' });
    const stream = openStream(reply, 'application/x-ndjson');
    const tty = queryOf(request).flag('tty');
    const tell = (value: unknown) => stream.post(`${jsonText(value)}\n`);
    stream.start();
    try {
      const result = await backend.builder.build(given as unknown as BuildRequest, {
        signal: stream.signal,
        progress: tell,
      });
      await publishBuilt(backend, result);
      tell({ type: 'result', result });
    } catch (thrown) {
      await tellError(backend, toStrataError(thrown), { tell, tty, signal: stream.signal });
    }
    stream.end();
    return reply;
  });
}

/** A failed step that was kept can be entered for as long as the client stays. */
async function tellError(
  backend: Backend,
  error: StrataError,
  to: { readonly tell: (value: unknown) => void; readonly tty: boolean; readonly signal: AbortSignal },
): Promise<void> {
  const view = errorView(error);
  const step = error.cause;
  if (!(step instanceof FailedStep) || !step.kept) return to.tell({ type: 'error', error: view });
  try {
    const shell = await openFailedStep(backend, step as typeof step & { readonly kept: KeptRoot }, to);
    try {
      to.tell({ type: 'error', error: { ...view, failedStep: { container: shell.container } } });
      if (!to.signal.aborted) await once(to.signal, 'abort');
    } finally {
      await shell.close();
    }
  } catch (cause) {
    to.tell({ type: 'error', error: { ...view, failedStep: { problem: messageOf(cause) } } });
  }
}

function errorView(error: StrataError): Record<string, unknown> {
  const { kind, code, message, hint, location, exitCode } = error;
  return { kind, code, message, hint, location, exitCode };
}
