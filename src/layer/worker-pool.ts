import type { Worker } from 'node:worker_threads';
import { StrataError, toStrataError } from '../errors/index.ts';
import { releaseBuffer, startThread, sweep } from '../sys/index.ts';
import type { Job, JobResults } from './jobs.ts';
import { type FromWorker, packError, pieceBytes, type ToWorker, unpackError, window } from './wire.ts';

export interface JobPorts {
  readonly source?: AsyncIterable<Uint8Array> | undefined;
  /** Told the total of source bytes handed over. */
  readonly progress?: ((bytes: number) => void) | undefined;
  /** Takes output; what it has been given counts as taken when the promise is fulfilled. */
  readonly output?: ((bytes: Uint8Array) => Promise<void>) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Set by the build of a one-file program. */
declare const STRATA_LAYER_THREAD: string | undefined;
const bundledCode = () => (typeof STRATA_LAYER_THREAD === 'string' ? STRATA_LAYER_THREAD : undefined);

/** A thread that has had nothing to do for so long ends: what it worked with would stay in memory. */
const idleMilliseconds = 3000;

/**
 * Threads, started when first needed. Jobs that only compute wait for a free one of `threads`; a job that waits for
 * somebody else's bytes (a slow registry, a stalled client) never holds one up: it gets a thread of its own.
 */
export class WorkerPool {
  readonly #threads: number;
  readonly #idle: Worker[] = [];
  /** When each idle thread ends. */
  readonly #ends = new Map<Worker, NodeJS.Timeout>();
  readonly #all = new Set<Worker>();
  readonly #waiting: (() => void)[] = [];
  #computing = 0;
  #closed = false;

  constructor(threads: number) {
    this.#threads = threads;
  }

  async run<Kind extends Job['kind']>(job: Job & { kind: Kind }, ports: JobPorts = {}): Promise<JobResults[Kind]> {
    const computes = job.kind === 'measure' || job.kind === 'pack';
    if (computes) await this.#turn(ports.signal);
    try {
      ports.signal?.throwIfAborted();
      return (await this.#runOn(this.#take(), job, ports)) as JobResults[Kind];
    } catch (error) {
      throw ports.signal?.aborted ? new StrataError('cancelled', 'cancelled', { cause: error }) : toStrataError(error);
    } finally {
      if (computes) this.#done();
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const timer of this.#ends.values()) clearTimeout(timer);
    await Promise.all([...this.#all].map((worker) => worker.terminate()));
  }

  /** Waits until fewer than `threads` jobs compute, in order of arrival. */
  async #turn(signal: AbortSignal | undefined): Promise<void> {
    if (this.#computing < this.#threads) {
      this.#computing++;
      return;
    }
    await new Promise<void>((resolve, reject) => {
      const go = () => {
        signal?.removeEventListener('abort', giveUp);
        resolve();
      };
      const giveUp = () => {
        this.#waiting.splice(this.#waiting.indexOf(go), 1);
        reject(new StrataError('cancelled', 'cancelled'));
      };
      this.#waiting.push(go);
      signal?.addEventListener('abort', giveUp, { once: true });
    });
  }

  /** Passes the place on, or frees it. */
  #done(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#computing--;
    else next();
  }

  #take(): Worker {
    if (this.#closed) throw new StrataError('unavailable', 'the engine is shutting down');
    const idle = this.#idle.pop();
    if (idle !== undefined) {
      clearTimeout(this.#ends.get(idle));
      this.#ends.delete(idle);
      idle.ref();
      return idle;
    }
    const worker = startThread(new URL('./worker.ts', import.meta.url), bundledCode());
    this.#all.add(worker);
    worker.once('exit', () => {
      this.#all.delete(worker);
      const at = this.#idle.indexOf(worker);
      if (at >= 0) this.#idle.splice(at, 1);
      clearTimeout(this.#ends.get(worker));
      this.#ends.delete(worker);
    });
    return worker;
  }

  #giveBack(worker: Worker): void {
    if (this.#idle.length >= this.#threads || this.#closed) void worker.terminate();
    else {
      worker.unref();
      this.#idle.push(worker);
      this.#ends.set(worker, setTimeout(() => this.#end(worker), idleMilliseconds).unref());
    }
  }

  #end(worker: Worker): void {
    this.#ends.delete(worker);
    const at = this.#idle.indexOf(worker);
    if (at < 0) return;
    this.#idle.splice(at, 1);
    void worker.terminate();
  }

  #runOn(worker: Worker, job: Job, ports: JobPorts): Promise<unknown> {
    const stop = new SharedArrayBuffer(4);
    const send = (message: ToWorker, transfer: ArrayBuffer[] = []) => worker.postMessage(message, transfer);
    const feed = new Feed(ports, send);
    return new Promise((resolve, reject) => {
      let failure: unknown;
      const fail = (error: unknown) => {
        failure ??= error;
        Atomics.store(new Int32Array(stop), 0, 1);
        send({ type: 'fail', error: packError(error) });
      };
      const onAbort = () => fail(ports.signal?.reason);
      const finish = () => {
        worker.off('message', onMessage);
        worker.off('error', onError);
        worker.off('exit', onExit);
        ports.signal?.removeEventListener('abort', onAbort);
        feed.stop();
      };
      const onMessage = (message: FromWorker) => {
        if (message.type === 'back') feed.back(message.buffer);
        else if (message.type === 'read') feed.read(message.bytes);
        else if (message.type === 'output') {
          const { length } = message.bytes;
          sweep(length);
          ports.output?.(message.bytes).then(() => send({ type: 'taken', bytes: length }), fail);
        } else {
          finish();
          this.#giveBack(worker);
          if (message.type === 'done') resolve(message.result);
          else reject(failure ?? unpackError(message.error));
        }
      };
      const onError = (error: Error) => {
        finish();
        reject(new StrataError('internal', `a worker thread failed: ${error.message}`, { cause: error }));
      };
      const onExit = () => onError(new Error('it ended'));
      worker.on('message', onMessage);
      worker.on('error', onError);
      worker.on('exit', onExit);
      ports.signal?.addEventListener('abort', onAbort, { once: true });
      send({ type: 'start', job, stop });
      feed.start(fail);
    });
  }
}

/** Hands a source to a worker, no faster than it reads. */
class Feed {
  readonly #ports: JobPorts;
  readonly #send: (message: ToWorker, transfer?: ArrayBuffer[]) => void;
  #source: AsyncIterator<Uint8Array> | undefined;
  /** Buffers that have come back from the worker, and how many it has. */
  readonly #free: ArrayBuffer[] = [];
  #lent = 0;
  /** Bytes that the job has read of a source of its own. */
  #own = 0;
  #stopped = false;
  #wake: () => void = () => {};

  constructor(ports: JobPorts, send: (message: ToWorker, transfer?: ArrayBuffer[]) => void) {
    this.#ports = ports;
    this.#send = send;
  }

  start(fail: (error: unknown) => void): void {
    if (this.#ports.source === undefined) return;
    this.#source = this.#ports.source[Symbol.asyncIterator]();
    this.#pump(this.#source).catch((error) => {
      if (!this.#stopped) fail(error);
    });
  }

  read(bytes: number): void {
    this.#own += bytes;
    this.#ports.progress?.(this.#own);
  }

  back(buffer: ArrayBuffer): void {
    this.#lent--;
    this.#free.push(buffer);
    this.#wake();
  }

  /** The job is over, whatever is left of the source; the source is told. */
  stop(): void {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#wake();
    this.#source?.return?.().catch(() => {});
    for (const buffer of this.#free) releaseBuffer(buffer);
  }

  async #pump(source: AsyncIterator<Uint8Array>): Promise<void> {
    for (let total = 0; !this.#stopped; ) {
      const { value: chunk, done } = await source.next();
      if (this.#stopped) return;
      if (done) {
        this.#send({ type: 'end' });
        return;
      }
      for (let at = 0; at < chunk.length; at += pieceBytes) await this.#pass(chunk.subarray(at, at + pieceBytes));
      total += chunk.length;
      this.#ports.progress?.(total);
    }
  }

  /** A copy goes, since the caller's buffer may be shared or part of a larger one; it is moved, not copied again. */
  async #pass(chunk: Uint8Array): Promise<void> {
    while (this.#lent === window / pieceBytes && !this.#stopped) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    if (this.#stopped) return;
    const buffer = this.#free.pop() ?? new ArrayBuffer(pieceBytes);
    const bytes = new Uint8Array(buffer, 0, chunk.length);
    bytes.set(chunk);
    this.#lent++;
    this.#send({ type: 'chunk', bytes }, [buffer]);
  }
}
