import { chmodSync, closeSync, mkdirSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { StrataError } from '../errors/index.ts';

/**
 * One engine a data root. The lock is SQLite's exclusive lock on a file of its own: the kernel drops it when the
 * process ends in whatever way, so there is no stale pid file to reason about.
 */
export function lockDataRoot(dataRoot: string): { release(): void } {
  mkdirSync(dataRoot, { recursive: true, mode: 0o700 });
  const file = join(dataRoot, 'lock');
  // Whoever may read it may hold it.
  closeSync(openSync(file, 'a', 0o600));
  chmodSync(file, 0o600);
  const db = new DatabaseSync(file);
  try {
    db.exec('PRAGMA locking_mode = EXCLUSIVE; PRAGMA busy_timeout = 0; BEGIN EXCLUSIVE; COMMIT;');
  } catch (cause) {
    db.close();
    throw new StrataError('conflict', `another engine already uses the data root ${dataRoot}`, {
      code: 'data_root_in_use',
      hint: 'stop the other daemon, or give this one its own --data-root and --state-root',
      cause,
    });
  }
  return { release: () => db.close() };
}
