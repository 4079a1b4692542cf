import { type IncomingMessage, type Server, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { rawStreamProtocol } from './raw-streams.ts';

/** A connection that a client asked to take over. */
interface Upgrade {
  readonly socket: Duplex;
  readonly response: ServerResponse;
}

const upgrades = new WeakMap<IncomingMessage, Upgrade>();

/** Only these change protocol; a client that merely offers `h2c` elsewhere is answered as if it had not. */
export function wantsUpgrade(request: IncomingMessage): boolean {
  const protocol = request.headers.upgrade?.toLowerCase();
  const path = (request.url ?? '').split('?')[0]!;
  if (protocol === 'tcp' || protocol === rawStreamProtocol)
    return request.method === 'POST' && /\/(attach|start)$/.test(path);
  if (protocol === 'h2c') return request.method === 'POST' && /^(\/v[\d.]+)?\/(grpc|session)$/.test(path);
  if (protocol === 'websocket') return request.method === 'GET' && path.endsWith('/attach/ws');
  return false;
}

/** Sends upgrade requests through the ordinary routes, so that checks and errors are the same for them. */
export function handleUpgrades(
  server: Server,
  route: (request: IncomingMessage, response: ServerResponse) => void,
): void {
  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    socket.on('error', () => socket.destroy());
    // The request still has its body (exec start sends one); what follows it belongs to the new protocol.
    if (head.length > 0) socket.unshift(head);
    const response = new ServerResponse(request);
    response.shouldKeepAlive = false;
    response.assignSocket(socket as never);
    response.once('finish', () => socket.end());
    upgrades.set(request, { socket, response });
    route(request, response);
  });
}

export function upgradeOf(
  request: IncomingMessage,
): { readonly socket: Duplex; readonly isRaw: boolean; release(): void } | undefined {
  const upgrade = upgrades.get(request);
  if (!upgrade) return undefined;
  return {
    socket: upgrade.socket,
    isRaw: request.headers.upgrade === rawStreamProtocol,
    release: () => upgrade.response.detachSocket(upgrade.socket as never),
  };
}
