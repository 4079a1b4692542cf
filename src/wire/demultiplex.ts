import { StrataError } from '../errors/index.ts';

export interface Frame {
  readonly stream: 'stdin' | 'stdout' | 'stderr' | 'system';
  readonly bytes: Uint8Array;
}

const streams = ['stdin', 'stdout', 'stderr', 'system'] as const;

/**
 * Splits the output of a container without a terminal: frames of one byte stream, three zero bytes, the length as
 * big-endian uint32, and the bytes. Pieces of a frame are passed on as they come, so that no frame is held whole.
 */
export async function* demultiplex(source: AsyncIterable<Uint8Array>): AsyncGenerator<Frame> {
  let header = Buffer.alloc(0);
  let left = 0;
  let stream: Frame['stream'] = 'stdout';
  for await (const chunk of source) {
    let data = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    while (data.length > 0) {
      if (left > 0) {
        const bytes = data.subarray(0, left);
        left -= bytes.length;
        data = data.subarray(bytes.length);
        yield { stream, bytes };
        continue;
      }
      const taken = 8 - header.length;
      header = Buffer.concat([header, data.subarray(0, taken)]);
      data = data.subarray(taken);
      if (header.length < 8) continue;
      const named = streams[header[0]!];
      if (!named) throw new StrataError('data_loss', `Unrecognized input header: ${header[0]}`);
      stream = named;
      left = header.readUInt32BE(4);
      header = Buffer.alloc(0);
    }
  }
}
