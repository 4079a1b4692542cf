import { StrataError } from '../errors/index.ts';

/** Work that several want at once is done once, and given up when none of them wants it any more. */
export interface JointWork<Result> {
  join(key: string, signal: AbortSignal | undefined, work: (signal: AbortSignal) => Promise<Result>): Promise<Result>;
}

interface Job<Result> {
  readonly stop: AbortController;
  readonly result: Promise<Result>;
  waiting: number;
}

export function createJointWork<Result>(): JointWork<Result> {
  const jobs = new Map<string, Job<Result>>();

  function start(key: string, work: (signal: AbortSignal) => Promise<Result>): Job<Result> {
    const stop = new AbortController();
    const job: Job<Result> = { stop, result: work(stop.signal), waiting: 0 };
    jobs.set(key, job);
    return job;
  }

  return {
    async join(key, signal, work) {
      if (signal?.aborted) throw new StrataError('cancelled', 'cancelled');
      const job = jobs.get(key) ?? start(key, work);
      job.waiting++;
      let leave = () => {};
      const left = new Promise<never>((_, reject) => {
        leave = () => reject(new StrataError('cancelled', 'cancelled'));
        signal?.addEventListener('abort', leave, { once: true });
      });
      try {
        return await Promise.race([job.result, left]);
      } finally {
        signal?.removeEventListener('abort', leave);
        if (--job.waiting === 0) {
          // Whoever comes now starts afresh; the last to leave waits until nothing is being written any more.
          if (jobs.get(key) === job) jobs.delete(key);
          job.stop.abort();
          await job.result.catch(() => {});
        }
      }
    },
  };
}
