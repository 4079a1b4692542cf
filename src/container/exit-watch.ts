import { existsSync, readdirSync, readFileSync, watch } from 'node:fs';
import { join } from 'node:path';
import { startTicks } from './process-start.ts';
import { type ContainerRecord, hasProcess } from './record.ts';

/** Finds out that a container's process has ended: conmon writes its exit code to a file of the container's id. */
export interface ExitWatch {
  close(): void;
}

/** How often processes are looked at: a conmon that was killed writes no exit file. */
const patrolMs = 2000;
/** What a conmon that still lives may take to write it. */
const graceMs = 500;

export function watchExits(options: {
  readonly exitDir: string;
  readonly all: () => readonly ContainerRecord[];
  readonly ended: (id: string) => void;
}): ExitWatch {
  const tell = (name: string | null) => {
    if (name && /^[0-9a-f]{64}$/.test(name) && existsSync(join(options.exitDir, name))) options.ended(name);
  };
  const watcher = watch(options.exitDir, (_, name) => tell(name));
  const lost = new Map<string, number>();
  const patrol = setInterval(() => {
    for (const name of readdirSync(options.exitDir)) tell(name);
    for (const record of options.all()) {
      if (!hasProcess(record) || isAlive(record)) lost.delete(record.id);
      else if (!lost.has(record.id)) lost.set(record.id, Date.now());
      else if (Date.now() - lost.get(record.id)! >= graceMs) options.ended(record.id);
    }
  }, patrolMs);
  patrol.unref();
  return {
    close() {
      watcher.close();
      clearInterval(patrol);
    },
  };
}

/** Whether the process that was started is still there. */
export function isAlive({ state, startTicks: known }: ContainerRecord): boolean {
  return state.pid > 0 && startTicks(state.pid) === known;
}

/** undefined: conmon did not say. */
export function readExitCode(exitDir: string, id: string): number | undefined {
  const file = join(exitDir, id);
  const text = existsSync(file) ? readFileSync(file, 'utf8').trim() : '';
  return /^-?\d+$/.test(text) ? Number(text) : undefined;
}
