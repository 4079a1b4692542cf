import { performServerHandshake } from 'node:http2';
import type { Duplex } from 'node:stream';
import type { FastifyInstance } from 'fastify';
import { StrataError } from '../../errors/index.ts';
import { upgradeOf } from '../upgrade.ts';

const advice =
  "Strata does not speak BuildKit's own protocol: set DOCKER_BUILDKIT=0 and call `docker build`, or call `strata build` (the language and the results are BuildKit's in both)";

/** gRPC's status UNIMPLEMENTED. */
const unimplemented = '12';

/**
 * `docker build` with the buildx plugin asks for `/grpc` first. Where that is refused, it downloads a builder of its own
 * and leaves the image in there, out of the user's sight. So the connection is taken, and every call on it is answered
 * with what to do, which is the text that the user sees.
 */
export function addBuildKitRoutes(app: FastifyInstance): void {
  app.post('/grpc', async (request, reply) => {
    const upgrade = upgradeOf(request.raw);
    if (!upgrade) throw refusal();
    reply.hijack();
    upgrade.release();
    upgrade.socket.write('HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n');
    refuseCalls(upgrade.socket);
  });
  app.post('/session', async () => {
    throw refusal();
  });
}

function refuseCalls(socket: Duplex): void {
  const session = performServerHandshake(socket);
  session.on('error', () => session.destroy());
  session.on('stream', (stream) => {
    stream.on('error', () => {});
    stream.respond(
      {
        ':status': 200,
        'content-type': 'application/grpc',
        'grpc-status': unimplemented,
        'grpc-message': encodeURI(advice),
      },
      { endStream: true },
    );
  });
}

function refusal(): StrataError {
  return new StrataError('unsupported', advice, { code: 'buildkit_protocol' });
}
