import { parentPort } from 'node:worker_threads';
import { StrataError } from '../errors/index.ts';
import type { JobContext } from './jobs.ts';
import { runJob } from './run-job.ts';
import { type FromWorker, packError, type ToWorker, unpackError, window } from './wire.ts';

/** Serves jobs in a worker thread until it is terminated. */
export function runLayerWorker(): void {
  const port = parentPort;
  if (port === null) throw new Error('not in a worker thread');
  let current: RunningJob | undefined;
  port.on('message', (message: ToWorker) => {
    if (message.type !== 'start') {
      current?.receive(message);
      return;
    }
    const job = new RunningJob(new Int32Array(message.stop), (answer, transfer = []) =>
      port.postMessage(answer, transfer),
    );
    current = job;
    void runJob(message.job, job)
      .then(
        (result): FromWorker => ({ type: 'done', result }),
        (error): FromWorker => ({ type: 'failed', error: packError(error) }),
      )
      .then((answer) => {
        current = undefined;
        port.postMessage(answer);
      });
  });
}

class RunningJob implements JobContext {
  readonly #stop: Int32Array;
  readonly #send: (message: FromWorker, transfer?: ArrayBuffer[]) => void;
  readonly #chunks: Uint8Array<ArrayBuffer>[] = [];
  #ended = false;
  #failure: StrataError | undefined;
  #untaken = 0;
  #wake: () => void = () => {};

  constructor(stop: Int32Array, send: (message: FromWorker, transfer?: ArrayBuffer[]) => void) {
    this.#stop = stop;
    this.#send = send;
  }

  receive(message: Exclude<ToWorker, { type: 'start' }>): void {
    if (message.type === 'chunk') this.#chunks.push(message.bytes);
    else if (message.type === 'end') this.#ended = true;
    else if (message.type === 'fail') this.#failure = unpackError(message.error);
    else this.#untaken -= message.bytes;
    this.#wake();
  }

  readonly source: AsyncIterable<Uint8Array> = {
    [Symbol.asyncIterator]: () => this.#read(),
  };

  async *#read(): AsyncGenerator<Uint8Array, void, undefined> {
    for (;;) {
      if (this.#failure !== undefined) throw this.#failure;
      const chunk = this.#chunks.shift();
      if (chunk !== undefined) {
        yield chunk;
        this.#send({ type: 'back', buffer: chunk.buffer }, [chunk.buffer]);
      } else if (this.#ended) return;
      else await this.#news();
    }
  }

  tell(bytes: number): void {
    this.#send({ type: 'read', bytes });
  }

  async output(bytes: Uint8Array): Promise<void> {
    this.#untaken += bytes.length;
    this.#send({ type: 'output', bytes }, [bytes.buffer as ArrayBuffer]);
    while (this.#untaken > window && this.#failure === undefined) await this.#news();
    if (this.#failure !== undefined) throw this.#failure;
  }

  check(): void {
    if (Atomics.load(this.#stop, 0) !== 0) throw new StrataError('cancelled', 'cancelled');
  }

  #news(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }
}
