import { messageOf } from '../errors/index.ts';
import { type ContainerRecord, timestamp } from './record.ts';
import type { ContainerState } from './types.ts';

type HealthState = NonNullable<ContainerState['health']>;

export interface HealthOptions {
  readonly get: (id: string) => ContainerRecord | undefined;
  readonly run: (
    id: string,
    command: readonly string[],
    signal: AbortSignal,
  ) => Promise<{ readonly exitCode: number; readonly output: string }>;
  readonly update: (id: string, health: HealthState) => void;
}

export interface Health {
  begin(id: string): void;
  end(id: string): void;
  close(): void;
}

const nanosecond = 1e-6;
const defaults = { interval: 30_000, timeout: 30_000, startInterval: 5000, retries: 3 };
/** Results that are kept, as in Docker. */
const kept = 5;

/** Runs health checks on their interval; during the start period failures do not count. */
export function createHealth(options: HealthOptions): Health {
  const timers = new Map<string, NodeJS.Timeout>();

  function schedule(id: string, startedAt: number): void {
    const check = options.get(id)?.config.Healthcheck;
    if (!check) return;
    const inStart =
      Date.now() - startedAt < (check.StartPeriod ?? 0) * nanosecond &&
      options.get(id)?.state.health?.status === 'starting';
    const delay = inStart
      ? (check.StartInterval || defaults.startInterval / nanosecond) * nanosecond
      : (check.Interval || defaults.interval / nanosecond) * nanosecond;
    timers.set(
      id,
      setTimeout(() => void probe(id, startedAt), delay),
    );
  }

  async function probe(id: string, startedAt: number): Promise<void> {
    const record = options.get(id);
    const check = record?.config.Healthcheck;
    if (!record || !check?.Test || record.state.status !== 'running') return;
    const start = timestamp();
    const result = await options
      .run(
        id,
        commandFor(check.Test, record.config.Shell),
        AbortSignal.timeout((check.Timeout || defaults.timeout / nanosecond) * nanosecond),
      )
      .catch((error: unknown) => ({ exitCode: -1, output: messageOf(error) }));
    const before = options.get(id)?.state.health;
    if (!before || !timers.has(id)) return;
    const good = result.exitCode === 0;
    const starting = before.status === 'starting' && Date.now() - startedAt < (check.StartPeriod ?? 0) * nanosecond;
    const failingStreak = good ? 0 : starting ? before.failingStreak : before.failingStreak + 1;
    const status = good
      ? 'healthy'
      : failingStreak >= (check.Retries || defaults.retries)
        ? 'unhealthy'
        : before.status;
    options.update(id, {
      status,
      failingStreak,
      log: [...before.log, { start, end: timestamp(), exitCode: result.exitCode, output: result.output }].slice(-kept),
    });
    schedule(id, startedAt);
  }

  return {
    begin(id) {
      const record = options.get(id);
      const test = record?.config.Healthcheck?.Test;
      if (!test?.length || test[0] === 'NONE') return;
      const startedAt = Date.parse(record!.state.startedAt);
      if (record!.state.health?.status !== 'healthy')
        options.update(id, { status: 'starting', failingStreak: 0, log: [] });
      schedule(id, startedAt);
    },
    end(id) {
      clearTimeout(timers.get(id));
      timers.delete(id);
    },
    close() {
      for (const timer of timers.values()) clearTimeout(timer);
      timers.clear();
    },
  };
}

function commandFor(test: readonly string[], shell: readonly string[] = ['/bin/sh', '-c']): readonly string[] {
  const [kind, ...rest] = test;
  return kind === 'CMD-SHELL' ? [...shell, rest.join(' ')] : kind === 'CMD' ? rest : test;
}
