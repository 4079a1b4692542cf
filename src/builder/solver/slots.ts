/** Who asks for a place, and what is told while there is none. */
export interface Asking {
  /** The build: those that have fewest places come first, and those that have equally many by turns. */
  readonly owner: object;
  readonly signal: AbortSignal;
  /** Called once when there is no place free. */
  readonly waiting?: () => void;
}

interface Queue {
  running: number;
  readonly waiting: (() => void)[];
}

/**
 * A number of places for work that runs at the same time, shared fairly: a build with many steps holds up nobody
 * longer than until one of its places is free.
 */
export class Slots {
  /** Those that have a place or wait for one; who was served last is at the end. */
  readonly #queues = new Map<object, Queue>();
  #free: number;

  constructor(count: number) {
    this.#free = Math.max(1, count);
  }

  /** Runs `work` once a place is free. Rejects with the signal's reason when it is aborted while waiting. */
  async use<T>(asking: Asking, work: () => Promise<T>): Promise<T> {
    await this.#enter(asking);
    try {
      return await work();
    } finally {
      this.#leave(asking.owner);
    }
  }

  async #enter({ owner, signal, waiting }: Asking): Promise<void> {
    signal.throwIfAborted();
    const queue = this.#queues.get(owner) ?? { running: 0, waiting: [] };
    this.#queues.set(owner, queue);
    if (this.#free > 0) {
      this.#free--;
      queue.running++;
      return;
    }
    waiting?.();
    await new Promise<void>((resolve, reject) => {
      const enter = () => {
        signal.removeEventListener('abort', give);
        resolve();
      };
      const give = () => {
        queue.waiting.splice(queue.waiting.indexOf(enter), 1);
        this.#forget(owner);
        reject(signal.reason);
      };
      signal.addEventListener('abort', give, { once: true });
      queue.waiting.push(enter);
    });
  }

  #leave(owner: object): void {
    this.#queues.get(owner)!.running--;
    this.#forget(owner);
    const next = [...this.#queues]
      .filter(([, { waiting }]) => waiting.length > 0)
      .reduce<[object, Queue] | undefined>(
        (best, one) => (best && best[1].running <= one[1].running ? best : one),
        undefined,
      );
    if (!next) {
      this.#free++;
      return;
    }
    const [served, queue] = next;
    this.#queues.delete(served);
    this.#queues.set(served, queue);
    queue.running++;
    queue.waiting.shift()!();
  }

  #forget(owner: object): void {
    const { running, waiting } = this.#queues.get(owner)!;
    if (running === 0 && waiting.length === 0) this.#queues.delete(owner);
  }
}
