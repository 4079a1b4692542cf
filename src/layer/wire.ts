import { type ErrorKind, StrataError, toStrataError } from '../errors/index.ts';
import type { Job } from './jobs.ts';

/** Messages between the engine's thread and a worker. One job at a time. */
export type ToWorker =
  | { readonly type: 'start'; readonly job: Job; readonly stop: SharedArrayBuffer }
  /** Its buffer comes back. */
  | { readonly type: 'chunk'; readonly bytes: Uint8Array<ArrayBuffer> }
  | { readonly type: 'end' }
  /** The source failed, or the job is to stop. */
  | { readonly type: 'fail'; readonly error: WireError }
  /** The consumer has taken so many bytes of the output. */
  | { readonly type: 'taken'; readonly bytes: number };

export type FromWorker =
  | { readonly type: 'output'; readonly bytes: Uint8Array }
  /** The job has read so many bytes of a source of its own. */
  | { readonly type: 'read'; readonly bytes: number }
  /** It is done with the chunk that came in this buffer, which may be filled again. */
  | { readonly type: 'back'; readonly buffer: ArrayBuffer }
  | { readonly type: 'done'; readonly result: unknown }
  | { readonly type: 'failed'; readonly error: WireError };

/** Most bytes on their way between two threads. */
export const window = 2 * 2 ** 20;

/** A source goes from thread to thread in buffers of this size, always the same few. */
export const pieceBytes = 512 * 1024;

export interface WireError {
  readonly kind: ErrorKind;
  readonly code: string;
  readonly message: string;
  readonly hint?: string;
  readonly stack?: string;
}

export function packError(error: unknown): WireError {
  const known = toStrataError(error);
  const origin = known.cause instanceof Error ? known.cause.stack : known.stack;
  return {
    kind: known.kind,
    code: known.code,
    message: known.message,
    ...(known.hint !== undefined && { hint: known.hint }),
    ...(origin !== undefined && { stack: origin }),
  };
}

/** The error again; its cause keeps the stack of the thread that it comes from. */
export function unpackError(wire: WireError): StrataError {
  const cause = new Error(wire.message);
  if (wire.stack !== undefined) cause.stack = wire.stack;
  return new StrataError(wire.kind, wire.message, {
    code: wire.code,
    cause,
    ...(wire.hint !== undefined && { hint: wire.hint }),
  });
}
