/** Work on one container is done one after another, on different ones at once. */
export interface Turns {
  run<T>(key: string, work: () => Promise<T>): Promise<T>;
  /** Resolves when the work that is queued now is done, well or not. */
  settled(): Promise<void>;
}

export function createTurns(): Turns {
  const last = new Map<string, Promise<unknown>>();
  return {
    run(key, work) {
      const next = (last.get(key) ?? Promise.resolve()).then(work);
      const quiet = next
        .catch(() => undefined)
        .then(() => {
          if (last.get(key) === quiet) last.delete(key);
        });
      last.set(key, quiet);
      return next;
    },
    async settled() {
      await Promise.all(last.values());
    },
  };
}
