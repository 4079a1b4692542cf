import { umask } from 'node:process';
import type { Worker } from 'node:worker_threads';
import { StrataError } from '../../errors/index.ts';
import { startThread } from '../../sys/index.ts';
import type { Job, JobResults } from './jobs.ts';
import type { Answer, Order, WorkerSettings } from './protocol.ts';

/** Runs file jobs in worker threads. */
export interface Files {
  run<Kind extends Job['kind']>(
    job: Extract<Job, { kind: Kind }>,
    options: { readonly signal: AbortSignal },
  ): Promise<JobResults[Kind]>;
  close(): Promise<void>;
}

interface Seat {
  readonly worker: Worker;
  busy: boolean;
  finish: ((answer: Answer) => void) | undefined;
}

/** Set by the build of a one-file program. */
declare const STRATA_FILE_THREAD: string | undefined;
const bundledCode = () => (typeof STRATA_FILE_THREAD === 'string' ? STRATA_FILE_THREAD : undefined);

export interface FilesOptions {
  /** Most threads; they are started when first needed and do not keep the process alive. */
  readonly count: number;
  readonly digests: string;
}

export function createFiles(options: FilesOptions): Files {
  const settings: WorkerSettings = { digests: options.digests, umask: umask() };
  const seats: Seat[] = [];
  const queue: ((seat: Seat) => void)[] = [];
  let ids = 0;
  let closed = false;

  const take = (): Promise<Seat> => {
    const free = seats.find((seat) => !seat.busy) ?? (seats.length < options.count ? start() : undefined);
    if (free) {
      free.busy = true;
      return Promise.resolve(free);
    }
    return new Promise((resolve) => queue.push(resolve));
  };

  const give = (seat: Seat) => {
    const alive = seats.includes(seat);
    const next = queue.shift();
    if (next) next(alive ? seat : Object.assign(start(), { busy: true }));
    else if (alive) {
      seat.busy = false;
      seat.worker.unref();
    }
  };

  const start = (): Seat => {
    const worker = startThread(new URL('./worker-entry.ts', import.meta.url), bundledCode(), settings);
    const seat: Seat = { worker, busy: false, finish: undefined };
    worker.unref();
    worker.on('message', (answer: Answer) => seat.finish?.(answer));
    worker.on('error', (error: Error) => {
      seats.splice(seats.indexOf(seat), 1);
      seat.finish?.({ id: -1, error: { kind: 'internal', message: error.message } });
    });
    seats.push(seat);
    return seat;
  };

  return {
    async run<Kind extends Job['kind']>(
      job: Extract<Job, { kind: Kind }>,
      { signal }: { readonly signal: AbortSignal },
    ): Promise<JobResults[Kind]> {
      if (closed) throw new StrataError('unavailable', 'the builder is closed');
      signal.throwIfAborted();
      const seat = await take();
      const cancelled = new SharedArrayBuffer(4);
      const cancel = () => void Atomics.store(new Int32Array(cancelled), 0, 1);
      signal.addEventListener('abort', cancel, { once: true });
      if (signal.aborted) cancel();
      try {
        seat.worker.ref();
        const order: Order = { id: ++ids, job, cancelled };
        const answer = await new Promise<Answer>((resolve) => {
          seat.finish = resolve;
          seat.worker.postMessage(order);
        });
        if (answer.error) {
          const { kind, message, ...rest } = answer.error;
          throw new StrataError(kind, message, rest);
        }
        return answer.result as JobResults[Kind];
      } finally {
        signal.removeEventListener('abort', cancel);
        seat.finish = undefined;
        give(seat);
      }
    },
    async close() {
      closed = true;
      await Promise.all(
        seats.map(({ worker }) => {
          const gone = new Promise((resolve) => worker.once('exit', resolve));
          // A thread that does nothing keeps nobody waiting; now its end is waited for.
          worker.ref();
          worker.postMessage('close');
          return gone;
        }),
      );
    },
  };
}
