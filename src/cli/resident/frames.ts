import type { Socket } from 'node:net';
import { constants } from 'node:os';

/** Kinds of frames to the launcher: a byte of kind, four of length (big-endian), the content. */
export const frames = {
  /** Not here: the launcher starts a process. */
  declined: 0,
  stdout: 1,
  stderr: 2,
  /** One byte, the exit code; the last frame. */
  exit: 3,
  /** A byte for each signal that the command listens to now; to the others the launcher does what a process does. */
  listens: 4,
  /** One byte, a signal that was heard. */
  heard: 5,
} as const;

export function send(socket: Socket, kind: number, content: Uint8Array = Buffer.alloc(0)): void {
  if (!socket.writable) return;
  const head = Buffer.alloc(5);
  head.writeUInt8(kind, 0);
  head.writeUInt32BE(content.length, 1);
  socket.write(Buffer.concat([head, content]));
}

/** A signal that the launcher got, with the size of its terminal (0 where it has none). */
export interface SignalMessage {
  readonly number: number;
  readonly name: NodeJS.Signals;
  readonly rows: number;
  readonly columns: number;
}

const names = Object.keys(constants.signals) as NodeJS.Signals[];

/** Each is five bytes: the number of the signal, rows and columns (two bytes each, big-endian). */
const signalSize = 5;

/** Calls `heard` with every signal that the launcher tells of. */
export function readSignals(socket: Socket, heard: (signal: SignalMessage) => void): void {
  let rest = Buffer.alloc(0);
  socket.on('data', (chunk: Buffer) => {
    rest = Buffer.concat([rest, chunk]);
    for (; rest.length >= signalSize; rest = rest.subarray(signalSize)) {
      const number = rest.readUInt8(0);
      const name = names.find((one) => constants.signals[one] === number);
      if (name) heard({ number, name, rows: rest.readUInt16BE(1), columns: rest.readUInt16BE(3) });
    }
  });
}
