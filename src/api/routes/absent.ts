import type { FastifyInstance } from 'fastify';
import { StrataError } from '../../errors/index.ts';
import { sendJson } from '../reply.ts';

/** What this engine does not have: answered in words that clients understand, so that they go on without it. */
export function addAbsentRoutes(app: FastifyInstance): void {
  for (const resource of ['swarm', 'nodes', 'services', 'tasks', 'secrets', 'configs']) {
    app.all(`/${resource}`, noSwarm);
    app.all(`/${resource}/*`, noSwarm);
  }
  app.get('/plugins', async (_request, reply) => sendJson(reply, []));
  app.all('/plugins/*', async () => {
    throw new StrataError('not_found', 'plugins are not supported by this engine');
  });
}

async function noSwarm(): Promise<never> {
  throw new StrataError(
    'unavailable',
    'This node is not a swarm manager. Use "docker swarm init" or "docker swarm join" to connect this node to swarm and try again.',
    { code: 'no_swarm' },
  );
}
