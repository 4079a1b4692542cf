import type { Duplex } from 'node:stream';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { StrataError } from '../../errors/index.ts';
import type { LazyBuildKit } from '../lazy-buildkit.ts';
import { upgradeOf } from '../upgrade.ts';

/** The two connections of buildx: Engine API `POST /grpc` and `POST /session`. */
export function addBuildKitRoutes(app: FastifyInstance, { open, close }: LazyBuildKit): void {
  app.addHook('onClose', close);

  app.post('/grpc', async (request, reply) => {
    const { serve } = await open();
    serve(takeSocket(request, reply));
  });

  app.post('/session', async (request, reply) => {
    // A client that names no session has one without a name, as BuildKit sees it.
    const id = request.headers['x-docker-expose-session-uuid'] ?? '';
    if (typeof id !== 'string' || id.length > 256)
      throw new StrataError('invalid_argument', 'X-Docker-Expose-Session-Uuid is no name of a session', {
        code: 'no_session_id',
      });
    const { addSession, hasSession } = await open();
    if (hasSession(id)) throw new StrataError('invalid_argument', `session ${id} already exists`);
    const key = request.headers['x-docker-expose-session-sharedkey'];
    addSession(id, typeof key === 'string' ? key : '', takeSocket(request, reply));
  });
}

function takeSocket(request: FastifyRequest, reply: FastifyReply): Duplex {
  const upgrade = upgradeOf(request.raw);
  if (!upgrade) {
    const protocol = request.raw.headers.upgrade;
    const why = protocol === undefined ? 'no upgrade proto in request' : `protocol ${protocol} not supported`;
    throw new StrataError('invalid_argument', why, {
      code: 'no_upgrade',
      hint: 'this path needs a connection that is upgraded to h2c',
    });
  }
  reply.hijack();
  upgrade.release();
  const { socket } = upgrade;
  socket.on('error', () => socket.destroy());
  socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n');
  return socket;
}
