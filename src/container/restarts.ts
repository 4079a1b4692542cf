import type { ContainerParts } from './parts.ts';
import { createBackoff, shouldRestart } from './restart-policy.ts';

/** Containers that wait for their next try. */
export interface Restarts {
  /** Has `start` called in its turn, the later the more tries there were; `ranForMs`: how long the last run took. */
  schedule(id: string, ranForMs: number, start: (id: string) => Promise<void>): void;
  /** A start by hand takes the place of the one that is waited for. */
  overtake(id: string): void;
  /** Nothing is tried any more. */
  cancel(id: string): void;
  /** Whether nothing starts again, since the daemon ends. */
  isClosed(): boolean;
  close(): void;
}

export function createRestarts({
  store,
  turns,
  unheard,
}: Pick<ContainerParts, 'store' | 'turns' | 'unheard'>): Restarts {
  const backoff = createBackoff();
  const timers = new Map<string, NodeJS.Timeout>();
  let closed = false;

  function schedule(id: string, ranForMs: number, start: (id: string) => Promise<void>): void {
    store.changeState(id, { status: 'restarting' });
    const restart = async () => {
      const record = store.find(id);
      if (closed || record?.state.status !== 'restarting') return;
      store.change(id, { restartCount: record.restartCount + 1 });
      await start(id).catch(() => {
        const now = store.find(id);
        if (now && shouldRestart(now, now.state.exitCode)) schedule(id, 0, start);
      });
    };
    timers.set(
      id,
      setTimeout(() => void turns.run(id, restart).catch(unheard('restart', id)), backoff.next(id, ranForMs)),
    );
  }

  return {
    schedule,
    overtake: (id) => clearTimeout(timers.get(id)),
    cancel(id) {
      clearTimeout(timers.get(id));
      backoff.forget(id);
      if (store.find(id)?.state.status === 'restarting') store.changeState(id, { status: 'exited' });
    },
    isClosed: () => closed,
    close() {
      closed = true;
      for (const timer of timers.values()) clearTimeout(timer);
    },
  };
}
