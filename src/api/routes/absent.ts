import type { FastifyInstance } from 'fastify';
import { StrataError } from '../../errors/index.ts';
import { noSwarm } from '../no-swarm.ts';
import { sendJson } from '../reply.ts';

/** What this engine does not have: answered in words that clients understand, so that they go on without it. */
export function addAbsentRoutes(app: FastifyInstance): void {
  const refuseSwarm = async () => {
    throw noSwarm();
  };
  for (const resource of ['swarm', 'nodes', 'services', 'tasks', 'secrets', 'configs']) {
    app.all(`/${resource}`, refuseSwarm);
    app.all(`/${resource}/*`, refuseSwarm);
  }
  app.get('/plugins', async (_request, reply) => sendJson(reply, []));
  app.all('/plugins/*', async () => {
    throw new StrataError('not_found', 'plugins are not supported by this engine');
  });
}
