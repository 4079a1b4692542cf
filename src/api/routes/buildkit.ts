import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { BuildKit } from '../../buildkit/index.ts';
import { version } from '../../engine/index.ts';
import { StrataError } from '../../errors/index.ts';
import { publishBuilt } from '../publish.ts';
import type { ApiBackend } from '../types.ts';
import { upgradeOf } from '../upgrade.ts';

type Backend = Pick<ApiBackend, 'builder' | 'config' | 'events' | 'layers'>;

/** The two connections of buildx: Engine API `POST /grpc` and `POST /session`. */
export function addBuildKitRoutes(app: FastifyInstance, backend: Backend): void {
  let buildkit: Promise<BuildKit> | undefined;

  /** Made when the first client asks: the protocol's libraries cost a start that nobody else needs. */
  function open(): Promise<BuildKit> {
    buildkit ??= import('../../buildkit/index.ts').then(({ createBuildKit }) =>
      createBuildKit({
        builder: backend.builder,
        layers: backend.layers,
        workRoot: join(backend.config.dataRoot, 'tmp', 'sessions'),
        version,
        onBuilt: (result) => publishBuilt(backend.events, result),
      }),
    );
    return buildkit;
  }

  app.addHook('onClose', async () => (await buildkit)?.close());

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
