import { createHash } from 'node:crypto';
import type { Duplex } from 'node:stream';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Attachment } from '../container/index.ts';
import { StrataError } from '../errors/index.ts';
import { drained } from '../stream/index.ts';
import type { StreamOptions } from './hijack.ts';
import { versionOf } from './server.ts';
import { upgradeOf } from './upgrade.ts';
import { before } from './version.ts';
import { binaryFrame, closeFrame, createFrameReader, pongFrame, textFrame } from './websocket-frames.ts';

/** RFC 6455, section 1.3. */
const handshakeSuffix = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';

/**
 * Joins a process to a WebSocket (`GET /containers/{id}/attach/ws`): its output in binary messages, both streams as they
 * come; what the client sends is its input. A client that goes detaches and leaves the process alone.
 */
export async function serveWebSocket(
  request: FastifyRequest,
  reply: FastifyReply,
  attach: () => Promise<Attachment>,
  options: StreamOptions,
): Promise<void> {
  const upgrade = upgradeOf(request.raw);
  const key = request.headers['sec-websocket-key'];
  if (!upgrade || typeof key !== 'string' || request.headers['sec-websocket-version'] !== '13')
    throw new StrataError('invalid_argument', 'not a WebSocket handshake', { code: 'bad_handshake' });
  const attachment = await attach();
  const { socket } = upgrade;
  const frameOf = before(versionOf(request), 'binaryFrames') ? textFrame : binaryFrame;
  reply.hijack();
  upgrade.release();
  const accept = createHash('sha1').update(`${key}${handshakeSuffix}`).digest('base64');
  const head = ['HTTP/1.1 101 Switching Protocols', 'Upgrade: websocket', 'Connection: Upgrade'];
  socket.write(`${[...head, `Sec-WebSocket-Accept: ${accept}`].join('\r\n')}\r\n\r\n`);
  const detach = () => attachment.detach();
  socket.once('close', detach);
  if (socket.destroyed) detach();
  void readFrames(socket, attachment, options).catch(() => socket.destroy());
  try {
    for await (const { data } of attachment.output) {
      if (socket.destroyed) break;
      if (data.length > 0 && !socket.write(frameOf(data))) await drained(socket);
    }
  } finally {
    if (!socket.destroyed) socket.end(closeFrame());
    // The answer to the close frame is read, or not: the process is through.
    setTimeout(() => socket.destroy(), 1000).unref();
  }
}

async function readFrames(socket: Duplex, attachment: Attachment, { tty, stdin }: StreamOptions): Promise<void> {
  const end = async () => (stdin === 'whole' && !tty ? await attachment.closeInput() : attachment.detach());
  const read = createFrameReader();
  for await (const chunk of socket) {
    for (const frame of read(chunk as Buffer)) {
      if (frame.kind === 'data' && stdin !== 'none') await attachment.write(frame.data);
      if (frame.kind === 'ping') socket.write(pongFrame(frame.data));
      if (frame.kind === 'close') {
        await end();
        socket.end(closeFrame());
        return;
      }
    }
  }
  await end();
}
