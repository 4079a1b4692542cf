import type { ErrorKind } from '../../errors/index.ts';
import type { Job } from './jobs.ts';

export interface WorkerSettings {
  /** File of the digest table. */
  readonly digests: string;
  readonly umask: number;
}

export interface Order {
  readonly id: number;
  readonly job: Job;
  /** One Int32 that becomes 1 when nobody wants the result any more. */
  readonly cancelled: SharedArrayBuffer;
}

export interface Answer {
  readonly id: number;
  readonly result?: unknown;
  readonly error?: {
    readonly kind: ErrorKind;
    readonly message: string;
    readonly code?: string;
    readonly hint?: string;
  };
}
