import { StrataError } from '../errors/index.ts';
import type { BuildEvent } from '../progress/index.ts';
import type { BuildResult } from '../wire/index.ts';
import { createStatusRenderer } from './status.ts';
import type { SolveRequest, StatusResponse } from './wire/control_pb.ts';

/**
 * Bytes of log that are kept for whoever watches late, or reads slowly: of a step that writes without end the oldest
 * pieces go. Everything else that was told stays.
 */
const mostLog = 16 << 20;

/** A `Control.Solve` under way, by its ref: what watches it, and what the client's own frontend run does for it. */
export class Job {
  readonly ref: string;
  /** The request of `Control.Solve`, once it came. */
  readonly request = Promise.withResolvers<SolveRequest>();
  /** Settles with what the client's `LLBBridge.Return` says. */
  readonly returned = Promise.withResolvers<void>();
  readonly stop = new AbortController();
  /** Aborted when nobody works with the job any more: its client waits for the builds that begin with its result. */
  readonly closed = new AbortController();
  result: BuildResult | undefined;
  /** Why the frontend run failed, whole: the client gives back a part of it. */
  failure: unknown;
  readonly #statuses: (StatusResponse | undefined)[] = [];
  #logBytes = 0;
  /** Before this one no log is kept. */
  #oldestLog = 0;
  #wake = new Set<() => void>();
  #ended = false;
  readonly #render = createStatusRenderer();

  constructor(ref: string) {
    this.ref = ref;
    this.returned.promise.catch(() => undefined);
    this.request.promise.catch(() => undefined);
  }

  push(event: BuildEvent): void {
    const status = this.#render(event);
    if (!status) return;
    this.#statuses.push(status);
    this.#logBytes += logSize(status);
    for (; this.#logBytes > mostLog; this.#oldestLog++) this.#forgetLog(this.#oldestLog);
    for (const wake of this.#wake) wake();
  }

  #forgetLog(index: number): void {
    const bytes = logSize(this.#statuses[index]);
    if (bytes > 0) this.#statuses[index] = undefined;
    this.#logBytes -= bytes;
  }

  end(): void {
    this.#ended = true;
    this.closed.abort();
    for (const wake of this.#wake) wake();
  }

  /** All that was told from the beginning on and is kept, until the job ends. */
  async *statuses(signal: AbortSignal): AsyncGenerator<StatusResponse> {
    for (let next = 0; !signal.aborted; ) {
      if (next < this.#statuses.length) {
        const status = this.#statuses[next++];
        if (status) yield status;
      } else if (this.#ended) return;
      else await this.#change(signal);
    }
  }

  async #change(signal: AbortSignal): Promise<void> {
    await new Promise<void>((resolve) => {
      const wake = () => {
        this.#wake.delete(wake);
        signal.removeEventListener('abort', wake);
        resolve();
      };
      this.#wake.add(wake);
      signal.addEventListener('abort', wake, { once: true });
    });
  }
}

function logSize(status: StatusResponse | undefined): number {
  return status?.logs.reduce((sum, { msg }) => sum + msg.length, 0) ?? 0;
}

/** How long an ended job can still be watched. */
const readableMs = 10_000;

/** Jobs by ref. Status and the gateway may ask for one a moment before its Solve arrives. */
export class Jobs {
  readonly #jobs = new Map<string, Job>();

  get(ref: string): Job {
    if (ref === '') throw new StrataError('invalid_argument', 'no such job: the ref is empty');
    let job = this.#jobs.get(ref);
    if (!job) {
      job = new Job(ref);
      this.#jobs.set(ref, job);
      const late = setTimeout(() => this.#giveUp(ref), 10_000);
      late.unref();
      void job.request.promise.finally(() => clearTimeout(late)).catch(() => undefined);
    }
    return job;
  }

  /** Ends a job. A build that fails at once is over before its client asks for its status: it can still be read for a while. */
  remove(job: Job): void {
    job.end();
    setTimeout(() => this.#jobs.delete(job.ref), readableMs).unref();
  }

  #giveUp(ref: string): void {
    const job = this.#jobs.get(ref);
    if (!job) return;
    job.request.reject(new StrataError('not_found', `no such job ${ref}`));
    this.remove(job);
  }

  close(): void {
    for (const job of this.#jobs.values()) job.stop.abort();
  }
}
