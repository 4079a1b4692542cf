import { createServer } from 'node:http2';
import type { Duplex } from 'node:stream';
import { connectNodeAdapter } from '@connectrpc/connect-node';
import type { Jobs } from './jobs.ts';
import { addServices, type ServiceParts } from './services.ts';
import { openSession, Sessions } from './session.ts';

/**
 * BuildKit's protocol for clients that build with buildx: `POST /grpc` carries its Control service to the engine,
 * `POST /session` carries the client's files and secrets back. The build itself is this engine's own.
 */
export interface BuildKit {
  /** Serves a connection that was upgraded to h2c by `POST /grpc`. */
  serve(socket: Duplex): void;
  /** Takes a connection that was upgraded by `POST /session` with this id and shared key. */
  addSession(id: string, sharedKey: string, socket: Duplex): void;
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
  });
  const server = createServer({ settings: { initialWindowSize: 4 << 20 } }, handler);
  server.on('sessionError', () => {});
  return {
    serve: (socket) => void server.emit('connection', socket),
    addSession: (id, sharedKey, socket) => sessions.add(openSession(id, sharedKey, socket)),
    close() {
      jobs?.close();
      sessions.close();
    },
  };
}
