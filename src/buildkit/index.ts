import { createServer, type Http2ServerRequest, type Http2ServerResponse } from 'node:http2';
import type { Duplex } from 'node:stream';
import { Code } from '@connectrpc/connect';
import { connectNodeAdapter } from '@connectrpc/connect-node';
import type { BuildResult } from '../wire/index.ts';
import { type DirectBuild, runDirectBuild } from './direct-build.ts';
import type { Jobs } from './jobs.ts';
import { addServices, type ServiceParts } from './services.ts';
import { openSession, Sessions } from './session.ts';

export type { DirectBuild } from './direct-build.ts';

/**
 * BuildKit's protocol for clients that build with buildx: `POST /grpc` carries its Control service to the engine,
 * `POST /session` carries the client's files and secrets back. The build itself is this engine's own.
 */
export interface BuildKit {
  /** Serves a connection that was upgraded to h2c by `POST /grpc`. */
  serve(socket: Duplex): void;
  /** Takes a connection that was upgraded by `POST /session` with this id and shared key. */
  addSession(id: string, sharedKey: string, socket: Duplex): void;
  /** Whether a session of this id is open. */
  hasSession(id: string): boolean;
  /** A build without a Control service: `POST /build?version=2`. Its answer is like that of `Builder.build`. */
  build(asked: DirectBuild, to: Parameters<typeof runDirectBuild>[3]): Promise<BuildResult>;
  close(): void;
}

export function createBuildKit(parts: ServiceParts): BuildKit {
  const sessions = new Sessions();
  let jobs: Jobs | undefined;
  const handler = connectNodeAdapter({
    routes: (router) => {
      jobs = addServices(router, parts, sessions);
    },
    grpc: true,
    grpcWeb: false,
    connect: false,
    acceptCompression: [],
    fallback: refuseUnknown,
  });
  const server = createServer({ settings: { initialWindowSize: 4 << 20 } }, handler);
  server.on('sessionError', () => {});
  return {
    serve: (socket) => void server.emit('connection', socket),
    hasSession: (id) => sessions.has(id),
    addSession: (id, sharedKey, socket) => sessions.add(openSession(id, sharedKey, socket)),
    build: (asked, to) => runDirectBuild(parts, sessions, asked, to),
    close() {
      jobs?.close();
      sessions.close();
    },
  };
}

/** A method that nobody serves is told as gRPC tells it; clients do without it. */
function refuseUnknown(request: Http2ServerRequest | object, response: Http2ServerResponse | object): void {
  const [, service = '', method = ''] = ((request as Http2ServerRequest).url ?? '').split('/');
  const message = `unknown method ${method} for service ${service}`;
  const answer = response as Http2ServerResponse;
  answer.writeHead(200, {
    'content-type': 'application/grpc',
    'grpc-status': String(Code.Unimplemented),
    'grpc-message': encodeURIComponent(message).replaceAll('%20', ' '),
  });
  answer.end();
}
