import { type IncomingMessage, type Server, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { Readable } from 'node:stream';

/** A connection that a client asked to take over, with what it sent ahead. */
interface Upgrade {
  readonly socket: Duplex;
  readonly response: ServerResponse;
  /** Body of the request, which the HTTP parser leaves alone once it sees an upgrade. */
  readonly body: Buffer;
}

const upgrades = new WeakMap<IncomingMessage, Upgrade>();

/** Exec start is the only upgrade with a body, and it is small. */
const bodyLimit = 1024 * 1024;

/** Only these change protocol; a client that merely offers `h2c` is answered as if it had not. */
export function wantsUpgrade(request: IncomingMessage): boolean {
  const protocol = request.headers.upgrade?.toLowerCase();
  const path = (request.url ?? '').split('?')[0]!;
  if (protocol === 'tcp') return request.method === 'POST' && /\/(attach|start)$/.test(path);
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
    readBody(request, socket, head).then(
      (body) => {
        const response = new ServerResponse(request);
        response.shouldKeepAlive = false;
        response.assignSocket(socket as never);
        response.once('finish', () => socket.end());
        upgrades.set(request, { socket, response, body });
        route(request, response);
      },
      () => socket.destroy(),
    );
  });
}

/** Reads exactly the body off the socket; bytes behind it belong to the new protocol and go back. */
async function readBody(request: IncomingMessage, socket: Duplex, head: Buffer): Promise<Buffer> {
  const length = Number(request.headers['content-length'] ?? 0);
  if (!Number.isSafeInteger(length) || length < 0 || length > bodyLimit || request.headers['transfer-encoding']) {
    socket.end('HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n');
    throw new Error('unreadable upgrade body');
  }
  let bytes = head;
  while (bytes.length < length) bytes = Buffer.concat([bytes, await nextChunk(socket)]);
  if (bytes.length > length) socket.unshift(bytes.subarray(length));
  return bytes.subarray(0, length);
}

function nextChunk(socket: Duplex): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const settle = (act: () => void) => {
      socket.off('data', onData);
      socket.off('close', onClose);
      socket.off('end', onClose);
      socket.pause();
      act();
    };
    const onData = (chunk: Buffer) => settle(() => resolve(chunk));
    const onClose = () => settle(() => reject(new Error('closed')));
    socket.on('data', onData);
    socket.on('close', onClose);
    socket.on('end', onClose);
  });
}

/** The body of an upgrade request as a stream; undefined for ordinary requests. */
export function upgradeBody(request: IncomingMessage): (Readable & { receivedEncodedLength: number }) | undefined {
  const upgrade = upgrades.get(request);
  if (!upgrade) return undefined;
  const stream = Readable.from(upgrade.body.length > 0 ? [upgrade.body] : []);
  return Object.assign(stream, { receivedEncodedLength: upgrade.body.length });
}

export function upgradeOf(request: IncomingMessage): { readonly socket: Duplex; release(): void } | undefined {
  const upgrade = upgrades.get(request);
  if (!upgrade) return undefined;
  return { socket: upgrade.socket, release: () => upgrade.response.detachSocket(upgrade.socket as never) };
}
