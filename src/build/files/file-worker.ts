import { parentPort, workerData } from 'node:worker_threads';
import { StrataError } from '../../errors/index.ts';
import { openDigestRows } from './digest-rows.ts';
import { DigestTable } from './digest-table.ts';
import type { Job } from './jobs.ts';
import { perform } from './perform.ts';
import type { Answer, Order, WorkerSettings } from './protocol.ts';

/**
 * Does file jobs in a worker thread, one after the other and synchronously, until it is told to close. The entry of a
 * one-file bundle calls it when `workerData.room` is `build`.
 */
export function runFileWorker(): void {
  const port = parentPort;
  if (port === null) throw new Error('not in a worker thread');
  const settings = workerData as WorkerSettings;
  const rows = openDigestRows(settings.digests);
  const table = new DigestTable(rows);
  port.on('message', (order: Order | 'close') => {
    if (order === 'close') {
      rows.close();
      port.close();
      return;
    }
    port.postMessage(answer(order, table, settings.umask));
    rows.flush();
  });
}

function answer({ id, job, cancelled }: Order, table: DigestTable, umask: number): Answer {
  const flag = new Int32Array(cancelled);
  const tick = () => {
    if (Atomics.load(flag, 0) !== 0) throw new StrataError('cancelled', 'cancelled');
  };
  try {
    return { id, result: perform(job as Extract<Job, { kind: 'copy' }>, { table, umask, tick }) };
  } catch (error) {
    return { id, error: pack(error) };
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
