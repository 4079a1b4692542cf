import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import { version } from '../engine/index.ts';
import { StrataError } from '../errors/index.ts';
import { createQuery, parseQuery, type Query, type QueryValues } from './query.ts';
import { sendJson } from './reply.ts';
import { errorReply } from './status.ts';
import { apiVersion, assertSupported, splitVersion } from './version.ts';
import { unknownParameters } from './version-history.ts';

const versions = new WeakMap<object, string>();

/** The API version that this request speaks. */
export function versionOf(request: FastifyRequest): string {
  return versions.get(request.raw) ?? apiVersion;
}

/** The parameters that the version of the request knows. */
export function queryOf(request: FastifyRequest): Query {
  const values = request.query as QueryValues;
  const unknown = unknownParameters(request.method, request.url.split('?', 1)[0]!, versionOf(request));
  if (unknown.size === 0) return createQuery(values);
  return createQuery({
    has: (name) => !unknown.has(name) && values.has(name),
    get: (name) => (unknown.has(name) ? null : values.get(name)),
    getAll: (name) => (unknown.has(name) ? [] : values.getAll(name)),
  });
}

/** Fastify set up as Docker's clients expect a daemon to behave; routes are added by the caller. */
export function createServerCore(): FastifyInstance {
  const app = fastify({
    exposeHeadRoutes: false,
    routerOptions: {
      maxParamLength: 8192,
      querystringParser: (text: string) => parseQuery(text) as never,
    },
    rewriteUrl(request) {
      const split = splitVersion(request.url ?? '/');
      versions.set(request, split.version);
      return split.url;
    },
  });
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', (_request, payload, done) => done(null, payload));
  app.addHook('onRequest', async (request, reply) => {
    setCommonHeaders(reply);
    assertSupported(versionOf(request));
  });
  app.setErrorHandler(sendError);
  app.setNotFoundHandler((_request, reply) => sendJson(reply, { message: 'page not found' }, 404));
  return app;
}

function setCommonHeaders(reply: FastifyReply): void {
  reply.raw.setHeader('Api-Version', apiVersion);
  reply.raw.setHeader('Docker-Experimental', 'false');
  reply.raw.setHeader('Ostype', 'linux');
  reply.raw.setHeader('Server', `Strata/${version} (linux)`);
}

function sendError(thrown: unknown, _request: FastifyRequest, reply: FastifyReply): void {
  if (reply.raw.headersSent) {
    reply.raw.destroy();
    return;
  }
  const { status, message } = errorReply(thrown);
  reportBug(thrown, status);
  if (status === 304) {
    reply.code(304).send();
    return;
  }
  sendJson(reply, { message }, status);
}

/** What is no StrataError is a mistake of ours: whoever runs the daemon finds it in its log, clients get one line. */
function reportBug(thrown: unknown, status: number): void {
  const cause = thrown instanceof StrataError && thrown.kind === 'internal' ? thrown.cause : thrown;
  if (status !== 500 || cause instanceof StrataError || !(cause instanceof Error)) return;
  try {
    process.stderr.write(`strata: internal error: ${cause.stack}\n`);
  } catch {
    // The disk of the log is full: the client's answer must leave all the same.
  }
}
