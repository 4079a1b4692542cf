import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { StrataError } from '../errors/index.ts';

export type ImageVerb = (name: string, request: FastifyRequest, reply: FastifyReply) => Promise<unknown>;

/** What can be asked of one image: `GET /images/library/nginx:1/json` is the verb `json` of `library/nginx:1`. */
export interface ImageVerbs {
  on(method: 'GET' | 'POST', verb: string, handle: ImageVerb): void;
}

/** Names hold slashes, so that the verb is the last part of the path and the router cannot find it alone. */
export function addImageVerbs(app: FastifyInstance): ImageVerbs {
  const verbs = new Map<string, ImageVerb>();
  for (const method of ['GET', 'POST'] as const) {
    app.route<{ Params: { '*': string } }>({
      method,
      url: '/images/*',
      handler: async (request, reply) => {
        const rest = request.params['*'];
        const slash = rest.lastIndexOf('/');
        const handle = slash > 0 ? verbs.get(`${method} ${rest.slice(slash + 1)}`) : undefined;
        if (!handle) throw new StrataError('not_found', 'page not found');
        await handle(rest.slice(0, slash), request, reply);
        return reply;
      },
    });
  }
  return { on: (method, verb, handle) => void verbs.set(`${method} ${verb}`, handle) };
}
