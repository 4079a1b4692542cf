/** A file worker: does one job after the other, synchronously. Its thread begins in `worker-entry.ts`. */
import { parentPort, workerData } from 'node:worker_threads';
import { StrataError } from '../../errors/index.ts';
import { clean } from '../../sys/index.ts';
import { openDigestRows } from './digest-rows.ts';
import { DigestTable } from './digest-table.ts';
import type { Job } from './jobs.ts';
import { perform } from './perform.ts';
import type { Answer, Order, WorkerSettings } from './protocol.ts';

/** Serves jobs in a worker thread until it is told to close. */
export function runFileWorker(): void {
  const settings = workerData as WorkerSettings;
  const rows = openDigestRows(settings.digests);
  const state: State = { settings, rows, table: new DigestTable(rows) };
  parentPort!.on('message', (order: Order | 'close') => {
    if (order === 'close') {
      rows.close();
      parentPort!.close();
      return;
    }
    parentPort!.postMessage(answer(order, state));
    clean();
  });
}

interface State {
  readonly settings: WorkerSettings;
  readonly rows: ReturnType<typeof openDigestRows>;
  readonly table: DigestTable;
}

function answer({ id, job, cancelled }: Order, { settings, rows, table }: State): Answer {
  const flag = new Int32Array(cancelled);
  const tick = () => {
    if (Atomics.load(flag, 0) !== 0) throw new StrataError('cancelled', 'cancelled');
  };
  try {
    return { id, result: perform(job as Extract<Job, { kind: 'copy' }>, { table, umask: settings.umask, tick }) };
  } catch (error) {
    return { id, error: pack(error) };
  } finally {
    rows.flush();
  }
}

function pack(error: unknown): NonNullable<Answer['error']> {
  if (error instanceof StrataError) {
    const { kind, message, code, hint } = error;
    return { kind, message, code, ...(hint !== undefined && { hint }) };
  }
  const { message, code } = error as NodeJS.ErrnoException;
  const full = code === 'ENOSPC' || code === 'EDQUOT';
  return { kind: full ? 'unavailable' : 'internal', message, ...(code !== undefined && { code }) };
}
