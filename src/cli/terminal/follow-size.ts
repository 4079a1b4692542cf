import { setTimeout as sleep } from 'node:timers/promises';
import type { Session } from '../session.ts';

/** Gives a process the size of this terminal, now and whenever it changes. Returns what ends that. */
export function followSize({ stdout }: Session, resize: (rows: number, columns: number) => Promise<void>): () => void {
  const tell = async (): Promise<boolean> => {
    const { rows, columns } = stdout;
    if (!rows || !columns) return true;
    return await resize(rows, columns).then(
      () => true,
      () => false,
    );
  };
  let stopped = false;
  const first = async () => {
    // The process may not be there yet.
    for (let tries = 0; tries < 10 && !stopped && !(await tell()); tries++) await sleep(10 * (tries + 1));
  };
  void first();
  const off = stdout.onResize(() => void tell());
  return () => {
    stopped = true;
    off();
  };
}
