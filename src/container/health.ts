import { messageOf } from '../errors/index.ts';
import { type ContainerRecord, timestamp } from './record.ts';
import type { ContainerState } from './types.ts';

type HealthState = NonNullable<ContainerState['health']>;

export interface HealthOptions {
  readonly get: (id: string) => ContainerRecord | undefined;
  /** Runs one check; an abort ends its process and rejects. */
  readonly run: (
    id: string,
    command: readonly string[],
    signal: AbortSignal,
  ) => Promise<{ readonly exitCode: number; readonly output: string }>;
  readonly update: (id: string, health: HealthState) => void;
  /** A check could not be noted, by no fault of its own. */
  readonly failed: (id: string, error: unknown) => void;
}

export interface Health {
  begin(id: string): void;
  end(id: string): void;
  /** Ends the checks under way and waits for them. */
  close(): Promise<void>;
}

const nanosecond = 1e-6;
const defaults = { interval: 30_000, timeout: 30_000, startInterval: 5000, retries: 3 };
/** Results that are kept, as in Docker. */
const kept = 5;
/** A timer of more milliseconds fires at once. */
const longestTimer = 2 ** 31 - 1;

/** The checks of one run of a container. */
interface Watch {
  readonly id: string;
  /** Unix milliseconds. */
  readonly startedAt: number;
  readonly stop: AbortController;
  timer?: NodeJS.Timeout;
}

/** Runs health checks on their interval; during the start period failures do not count. */
export function createHealth(options: HealthOptions): Health {
  const watches = new Map<string, Watch>();
  const probes = new Set<Promise<void>>();

  function schedule(watch: Watch): void {
    const { config, state } = options.get(watch.id) ?? {};
    const check = config?.Healthcheck;
    if (!check) return;
    const inStart =
      Date.now() - watch.startedAt < (check.StartPeriod ?? 0) * nanosecond && state?.health?.status === 'starting';
    const delay = inStart
      ? milliseconds(check.StartInterval, defaults.startInterval)
      : milliseconds(check.Interval, defaults.interval);
    watch.timer = setTimeout(() => {
      const work = turn(watch)
        .catch((error: unknown) => options.failed(watch.id, error))
        .finally(() => probes.delete(work));
      probes.add(work);
    }, delay);
  }

  async function turn(watch: Watch): Promise<void> {
    await probe(watch).catch((error: unknown) => options.failed(watch.id, error));
    if (!watch.stop.signal.aborted) schedule(watch);
  }

  async function probe({ id, startedAt, stop }: Watch): Promise<void> {
    const record = options.get(id);
    const check = record?.config.Healthcheck;
    // One that is paused is looked at again when it goes on.
    if (!record || !check?.Test || record.state.status !== 'running') return;
    const start = timestamp();
    const limit = milliseconds(check.Timeout, defaults.timeout);
    const timeout = AbortSignal.timeout(limit);
    const result = await options
      .run(id, commandFor(check.Test, record.config.Shell), AbortSignal.any([timeout, stop.signal]))
      .catch((error: unknown) => ({ exitCode: -1, output: messageOf(error) }));
    if (stop.signal.aborted) return;
    const output = timeout.aborted && result.exitCode === -1 ? tooLong(limit, result.output) : result.output;
    const before = options.get(id)?.state.health;
    if (!before) return;
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
      log: [...before.log, { start, end: timestamp(), exitCode: result.exitCode, output }].slice(-kept),
    });
  }

  function end(id: string): void {
    const watch = watches.get(id);
    watches.delete(id);
    clearTimeout(watch?.timer);
    watch?.stop.abort();
  }

  return {
    begin(id) {
      end(id);
      const record = options.get(id);
      const test = record?.config.Healthcheck?.Test;
      if (!test?.length || test[0] === 'NONE') return;
      if (record!.state.health?.status !== 'healthy')
        options.update(id, { status: 'starting', failingStreak: 0, log: [] });
      const watch = { id, startedAt: Date.parse(record!.state.startedAt), stop: new AbortController() };
      watches.set(id, watch);
      schedule(watch);
    },
    end,
    async close() {
      for (const id of [...watches.keys()]) end(id);
      await Promise.all(probes);
    },
  };
}

/** In Docker's words, with what the check said until then. */
function tooLong(limitMs: number, output: string): string {
  const text = `Health check exceeded timeout (${goDuration(limitMs)})`;
  return output === '' ? text : `${text}: ${output}`;
}

/** As Go writes a duration: `1s`, `1m30s`, `500ms`. */
function goDuration(ms: number): string {
  if (ms < 1000) return `${ms}ms`;
  const [hours, minutes, seconds] = [Math.floor(ms / 3_600_000), Math.floor(ms / 60_000) % 60, (ms % 60_000) / 1000];
  return `${hours > 0 ? `${hours}h` : ''}${hours > 0 || minutes > 0 ? `${minutes}m` : ''}${seconds}s`;
}

/** Of nanoseconds as the API gives them; 0 and absent are the default. */
function milliseconds(nanoseconds: number | undefined, otherwise: number): number {
  return Math.min(nanoseconds ? nanoseconds * nanosecond : otherwise, longestTimer);
}

function commandFor(test: readonly string[], shell: readonly string[] = ['/bin/sh', '-c']): readonly string[] {
  const [kind, ...rest] = test;
  return kind === 'CMD-SHELL' ? [...shell, rest.join(' ')] : kind === 'CMD' ? rest : test;
}
