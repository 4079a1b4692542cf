import type { IncomingMessage, ServerResponse } from 'node:http';
import type { FastifyReply } from 'fastify';
import { type Listener, startListener } from './listen.ts';
import { addRoutes } from './routes/index.ts';
import { createServerCore } from './server.ts';
import type { Api, ApiBackend } from './types.ts';

/** Docker's Engine API and Strata's own, over `backend`. Nothing is opened before `listen`. */
export function createApi(backend: ApiBackend): Api {
  const app = createServerCore();
  // Nobody is told of a change that a power cut would still take.
  app.decorate('settled', () => backend.settled());
  const answered = new WeakSet<FastifyReply>();
  app.addHook('onSend', async ({ method }, reply, payload) => {
    answered.add(reply);
    if (method !== 'GET' && method !== 'HEAD' && reply.statusCode < 400) await backend.settled();
    return payload;
  });
  // The database notes a removal before the space is free.
  app.addHook('onRequest', async ({ method, url }) => {
    if (method === 'DELETE' || /\/prune($|\?)/.test(url)) backend.makeRoom();
  });
  // A handler that has given its answer returns while it still waits to be sent: Fastify would send another, empty one.
  app.addHook('onRoute', (route) => {
    const { handler } = route;
    route.handler = async function (request, reply) {
      const result: unknown = await handler.call(this, request, reply);
      return result === undefined && answered.has(reply) ? reply : result;
    };
  });
  addRoutes(app, backend);
  const listeners: Listener[] = [];
  const route = (request: IncomingMessage, response: ServerResponse) => app.routing(request, response);
  return {
    async listen(options) {
      await app.ready();
      listeners.push(await startListener(options, route));
    },
    async close() {
      await Promise.all(listeners.splice(0).map((listener) => listener.close()));
      await app.close();
    },
    inject: (options) => app.inject(options),
  };
}
