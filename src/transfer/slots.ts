import { StrataError } from '../errors/index.ts';

/** At most `count` at a time; the others wait in order of arrival. */
export interface Slots {
  run<T>(
    body: () => Promise<T>,
    options?: { readonly signal?: AbortSignal; readonly waiting?: () => void },
  ): Promise<T>;
}

export function createSlots(count: number): Slots {
  let free = count;
  const queue: (() => void)[] = [];

  function enter(signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      const go = () => {
        signal?.removeEventListener('abort', leave);
        resolve();
      };
      const leave = () => {
        queue.splice(queue.indexOf(go), 1);
        reject(new StrataError('cancelled', 'cancelled'));
      };
      queue.push(go);
      signal?.addEventListener('abort', leave, { once: true });
    });
  }

  return {
    async run(body, { signal, waiting } = {}) {
      if (signal?.aborted) throw new StrataError('cancelled', 'cancelled');
      if (free > 0) free--;
      else {
        waiting?.();
        await enter(signal);
      }
      try {
        return await body();
      } finally {
        const next = queue.shift();
        if (next) next();
        else free++;
      }
    },
  };
}
