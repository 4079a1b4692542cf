import type { ContainerRecord } from './record.ts';

/** Whether a container that ended with `exitCode` is to be started again. */
export function shouldRestart(record: ContainerRecord, exitCode: number): boolean {
  if (record.stopped) return false;
  const policy = record.host.RestartPolicy;
  if (policy?.Name === 'always' || policy?.Name === 'unless-stopped') return true;
  const allowed = policy?.MaximumRetryCount || Number.POSITIVE_INFINITY;
  return policy?.Name === 'on-failure' && exitCode !== 0 && record.restartCount < allowed;
}

const firstMs = 100;
const mostMs = 60_000;
/** A run of this length has gone well: the next wait is short again. */
const goodRunMs = 10_000;

/** Waits between restarts: twice as long after each short run. */
export function createBackoff(): { next(id: string, ranForMs: number): number; forget(id: string): void } {
  const waits = new Map<string, number>();
  return {
    next(id, ranForMs) {
      const wait = ranForMs >= goodRunMs ? firstMs : (waits.get(id) ?? firstMs);
      waits.set(id, Math.min(wait * 2, mostMs));
      return wait;
    },
    forget: (id) => void waits.delete(id),
  };
}
