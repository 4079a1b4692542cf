import { StrataError } from '../errors/index.ts';
import { isSignal, parseSignal } from '../oci/index.ts';
import type { ContainerParts } from './parts.ts';
import { startTicks } from './process-start.ts';
import { type ContainerRecord, hasProcess, isRunning } from './record.ts';
import type { Removal } from './removal.ts';
import type { Restarts } from './restarts.ts';
import type { Runs } from './run.ts';
import { assertAllowed } from './transitions.ts';
import type { Containers } from './types.ts';

/** How long a killed process may take to be gone. */
const killedMs = 10_000;
/** How long a process that a stop signal did not reach may still take to end by itself, as with Docker. */
const unsentMs = 2000;

export interface StopParts {
  readonly started: Runs['started'];
  readonly restarts: Pick<Restarts, 'cancel'>;
  readonly removal: Pick<Removal, 'removeRow'>;
}

/** The ways to end a container. */
export function createStops(
  parts: ContainerParts,
  { started, restarts, removal }: StopParts,
): Pick<Containers, 'stop' | 'kill' | 'remove'> {
  const { store, turns, runtime, emit } = parts;

  const isOver = (id: string) => () => {
    const record = store.find(id);
    return !record || !isRunning(record);
  };

  /** Sends a signal; a process that has ended meanwhile is no error. */
  async function send(record: ContainerRecord, signal: number): Promise<void> {
    const { code, stderr } = await runtime('kill', record.id, String(signal));
    if (code === 0 || startTicks(record.state.pid) !== record.startTicks) return;
    throw new StrataError('internal', `cannot kill container: ${record.name}: ${stderr.trim()}`);
  }

  async function killAndWait(record: ContainerRecord): Promise<void> {
    await send(record, 9);
    // Also what is frozen has to be told.
    if (record.state.status === 'paused') await runtime('resume', record.id);
    await store.until(record.id, isOver(record.id), { timeoutMs: killedMs });
  }

  async function stop(
    ref: string,
    { timeoutSeconds, signal: asked }: { timeoutSeconds?: number; signal?: string } = {},
  ): Promise<void> {
    const { id, config } = await started(ref);
    const signal = parseSignal(asked ?? config.StopSignal ?? 'SIGTERM');
    store.change(id, { stopped: true });
    restarts.cancel(id);
    const record = store.get(id);
    assertAllowed(record, 'stop');
    emit('kill', record, { signal: String(signal) });
    const sent = await send(record, signal).then(
      () => true,
      () => false,
    );
    if (record.state.status === 'paused') await runtime('resume', id);
    const seconds = timeoutSeconds ?? config.StopTimeout ?? 10;
    const limits = !sent ? { timeoutMs: unsentMs } : seconds < 0 ? {} : { timeoutMs: seconds * 1000 };
    if (!(await store.until(id, isOver(id), limits))) {
      emit('kill', record, { signal: '9' });
      await killAndWait(record);
    }
    // The run's resources are free for a start that follows.
    await turns.run(id, async () => undefined);
    emit('stop', store.find(id) ?? record);
  }

  async function kill(ref: string, text = 'SIGKILL'): Promise<void> {
    const signal = signalFor(ref, text);
    const record = await started(ref).catch((cause: unknown) => {
      throw unkillable(ref, cause);
    });
    const { id, config } = record;
    assertAllowed(record, 'kill', ref);
    const stopSignal = config.StopSignal ? parseSignal(config.StopSignal) : undefined;
    if (stopSignal === undefined || signal === 9 || signal === stopSignal) store.change(id, { stopped: true });
    emit('kill', record, { signal: String(signal) });
    if (record.state.status === 'restarting') restarts.cancel(id);
    else if (signal === 9) await killAndWait(record);
    else await send(record, signal);
  }

  async function remove(
    ref: string,
    { force = false, volumes: withVolumes = false }: { force?: boolean; volumes?: boolean } = {},
  ): Promise<void> {
    const { id } = store.get(ref);
    for (;;) {
      const record = store.find(id);
      if (!record) return;
      if (isRunning(record)) await endForRemoval(record, force);
      const done = await turns.run(id, async () => {
        // Another caller may have started it meanwhile.
        const now = store.find(id);
        if (now && isRunning(now)) return false;
        await removal.removeRow(id, withVolumes);
        return true;
      });
      if (done) return;
    }
  }

  async function endForRemoval(record: ContainerRecord, force: boolean): Promise<void> {
    const { id } = record;
    if (!force) assertAllowed(record, 'remove');
    store.change(id, { stopped: true });
    restarts.cancel(id);
    if (!hasProcess(record)) return;
    emit('kill', record, { signal: '9' });
    await killAndWait(record);
  }

  return { stop, kill, remove };
}

function signalFor(ref: string, text: string): number {
  let signal: number;
  try {
    signal = parseSignal(text);
  } catch (cause) {
    throw unkillable(ref, cause);
  }
  if (isSignal(signal)) return signal;
  const message = `the linux daemon does not support signal ${signal}`;
  throw unkillable(ref, new StrataError('invalid_argument', message, { code: 'invalid_signal' }));
}

function unkillable(ref: string, cause: unknown): unknown {
  if (!(cause instanceof StrataError)) return cause;
  return new StrataError(cause.kind, `cannot kill container: ${ref}: ${cause.message}`, { code: cause.code, cause });
}
