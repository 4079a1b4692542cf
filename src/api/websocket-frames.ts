import { StrataError } from '../errors/index.ts';

/** What a client sent. Messages in several frames come as several pieces of data. */
export interface Frame {
  readonly kind: 'data' | 'ping' | 'pong' | 'close';
  readonly data: Buffer;
}

/** RFC 6455, section 5.2. */
const kinds: Readonly<Record<number, Frame['kind']>> = {
  0: 'data',
  1: 'data',
  2: 'data',
  8: 'close',
  9: 'ping',
  10: 'pong',
};
const mostBytes = 1 << 20;

/** Takes bytes as they come and returns the frames that they complete. `invalid_argument` for what no client may send. */
export function createFrameReader(): (chunk: Buffer) => readonly Frame[] {
  let rest: Buffer = Buffer.alloc(0);
  return (chunk) => {
    rest = Buffer.concat([rest, chunk]);
    const frames: Frame[] = [];
    for (;;) {
      const found = firstFrame(rest);
      if (!found) return frames;
      frames.push(found.frame);
      rest = rest.subarray(found.length);
    }
  };
}

function firstFrame(bytes: Buffer): { readonly frame: Frame; readonly length: number } | undefined {
  if (bytes.length < 2) return undefined;
  const kind = kinds[bytes[0]! & 0x0f];
  const isMasked = (bytes[1]! & 0x80) !== 0;
  if (kind === undefined || !isMasked || (bytes[0]! & 0x70) !== 0) throw refused('malformed WebSocket frame');
  const short = bytes[1]! & 0x7f;
  const lengthBytes = short === 126 ? 2 : short === 127 ? 8 : 0;
  const start = 2 + lengthBytes + 4;
  if (bytes.length < start) return undefined;
  const size = lengthBytes === 0 ? short : long(bytes, lengthBytes);
  if (size > mostBytes) throw refused(`a WebSocket frame may have ${mostBytes} bytes at most`);
  if (bytes.length < start + size) return undefined;
  const mask = bytes.subarray(start - 4, start);
  const data = Buffer.from(bytes.subarray(start, start + size));
  for (let i = 0; i < data.length; i++) data[i]! ^= mask[i % 4]!;
  return { frame: { kind, data }, length: start + size };
}

function long(bytes: Buffer, width: number): number {
  return width === 2 ? bytes.readUInt16BE(2) : Number(bytes.readBigUInt64BE(2));
}

function refused(message: string): StrataError {
  return new StrataError('invalid_argument', message, { code: 'bad_frame' });
}

export function binaryFrame(data: Uint8Array): Buffer {
  return frame(0x82, data);
}

export function textFrame(data: Uint8Array): Buffer {
  return frame(0x81, data);
}

export function pongFrame(data: Uint8Array): Buffer {
  return frame(0x8a, data);
}

/** A normal end (1000). */
export function closeFrame(): Buffer {
  return frame(0x88, Buffer.from([0x03, 0xe8]));
}

function frame(first: number, data: Uint8Array): Buffer {
  const size = data.length;
  const head = Buffer.alloc(size < 126 ? 2 : size < 65536 ? 4 : 10);
  head[0] = first;
  if (size < 126) head[1] = size;
  else if (size < 65536) {
    head[1] = 126;
    head.writeUInt16BE(size, 2);
  } else {
    head[1] = 127;
    head.writeBigUInt64BE(BigInt(size), 2);
  }
  return Buffer.concat([head, data]);
}
