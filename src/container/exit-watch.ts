import { existsSync, readdirSync, readFileSync, watch } from 'node:fs';
import { join } from 'node:path';
import { startTicks } from './process-start.ts';
import type { ContainerRecord } from './record.ts';
import type { AliveContainer } from './store.ts';

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
  readonly alive: () => readonly AliveContainer[];
  readonly ended: (id: string) => void;
  /** What a look at the processes failed with; the next one is soon. */
  readonly failed: (error: unknown) => void;
}): ExitWatch {
  const tell = (name: string | null) => {
    if (name && /^[0-9a-f]{64}$/.test(name) && existsSync(join(options.exitDir, name))) options.ended(name);
  };
  /** Without descriptors or memory nothing can be looked at for a while: no reason to end. */
  const tried = (look: () => void) => () => {
    try {
      look();
    } catch (error) {
      options.failed(error);
    }
  };
  const watcher = watch(options.exitDir, (_, name) => tried(() => tell(name))());
  watcher.on('error', options.failed);
  const lost = new Map<string, number>();
  const look = () => {
    for (const name of readdirSync(options.exitDir)) tell(name);
    const all = options.alive();
    const ids = new Set(all.map(({ id }) => id));
    for (const id of lost.keys()) if (!ids.has(id)) lost.delete(id);
    for (const { id, pid, startTicks: known } of all) {
      if (isProcess(pid, known)) lost.delete(id);
      else if (!lost.has(id)) lost.set(id, Date.now());
      else if (Date.now() - lost.get(id)! >= graceMs) options.ended(id);
    }
  };
  const patrol = setInterval(tried(look), patrolMs);
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
  return isProcess(state.pid, known);
}

function isProcess(pid: number, ticks: string): boolean {
  return pid > 0 && startTicks(pid) === ticks;
}

/** undefined: conmon did not say. */
export function readExitCode(exitDir: string, id: string): number | undefined {
  const file = join(exitDir, id);
  const text = existsSync(file) ? readFileSync(file, 'utf8').trim() : '';
  return /^-?\d+$/.test(text) ? Number(text) : undefined;
}
