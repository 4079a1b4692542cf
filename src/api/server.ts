import { readFileSync } from 'node:fs';
import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import { createQuery, type Query } from './query.ts';
import { sendJson } from './reply.ts';
import { errorReply } from './status.ts';
import { upgradeBody } from './upgrade.ts';
import { apiVersion, assertSupported, splitVersion } from './version.ts';

const versions = new WeakMap<object, string>();

/** The API version that this request speaks. */
export function versionOf(request: FastifyRequest): string {
  return versions.get(request.raw) ?? apiVersion;
}

export function queryOf(request: FastifyRequest): Query {
  return createQuery(request.query as URLSearchParams);
}

/** Our own version, for `Server` and `/version`. */
export const productVersion: string = readVersion();

function readVersion(): string {
  try {
    return JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')).version;
  } catch {
    // A bundle stands beside its package.json in other places.
    return '0.1.0';
  }
}

/** Fastify set up as Docker's clients expect a daemon to behave; routes are added by the caller. */
export function createServerCore(): FastifyInstance {
  const app = fastify({
    exposeHeadRoutes: false,
    routerOptions: {
      maxParamLength: 8192,
      querystringParser: (text: string) => new URLSearchParams(text) as never,
    },
    rewriteUrl(request) {
      const { url, version } = splitVersion(request.url ?? '/');
      versions.set(request, version);
      return url;
    },
  });
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', (_request, payload, done) => done(null, payload));
  app.addHook('onRequest', async (request, reply) => {
    setCommonHeaders(reply);
    assertSupported(versionOf(request));
  });
  app.addHook('preParsing', async (request, _reply, payload) => upgradeBody(request.raw) ?? payload);
  app.setErrorHandler(sendError);
  app.setNotFoundHandler((_request, reply) => sendJson(reply, { message: 'page not found' }, 404));
  return app;
}

function setCommonHeaders(reply: FastifyReply): void {
  reply.raw.setHeader('Api-Version', apiVersion);
  reply.raw.setHeader('Docker-Experimental', 'false');
  reply.raw.setHeader('Ostype', 'linux');
  reply.raw.setHeader('Server', `Strata/${productVersion} (linux)`);
}

function sendError(thrown: unknown, _request: FastifyRequest, reply: FastifyReply): void {
  if (reply.raw.headersSent) {
    reply.raw.destroy();
    return;
  }
  const { status, message } = errorReply(thrown);
  if (status === 304) {
    reply.code(304).send();
    return;
  }
  sendJson(reply, { message }, status);
}
