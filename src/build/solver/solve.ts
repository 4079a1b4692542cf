import { isKind, messageOf, StrataError } from '../../errors/index.ts';
import type { BuildEvent, Progress } from '../../progress/index.ts';
import type { Flights } from './flights.ts';
import type { Slots } from './slots.ts';
import type { Outcome, Vertex, Work, WorkEvent } from './vertex.ts';

export interface Solving<Result> {
  readonly progress: Progress<BuildEvent>;
  readonly signal: AbortSignal;
  readonly slots: Slots;
  readonly flights: Flights<Outcome<Result>>;
  readonly now: () => number;
  /** Told every result as soon as it is there. */
  readonly onResult?: (result: Result) => void;
}

interface Solved<Result> {
  readonly result: Result;
  readonly cached: boolean;
}

/**
 * Brings the vertices that `target` needs to their results, in parallel as far as the graph and the slots allow. The
 * first failure aborts everything else that still runs and is what this rejects with.
 */
export async function solve<Result>(targets: readonly Vertex<Result>[], solving: Solving<Result>): Promise<Result[]> {
  const stop = new AbortController();
  const signal = AbortSignal.any([solving.signal, stop.signal]);
  const promises = new Map<Vertex<Result>, Promise<Solved<Result>>>();
  let failure: { error: unknown } | undefined;

  const visit = (vertex: Vertex<Result>): Promise<Solved<Result>> => {
    let promise = promises.get(vertex);
    if (!promise) {
      promise = visitNew(vertex);
      promise.catch(() => undefined);
      promises.set(vertex, promise);
    }
    return promise;
  };

  const visitNew = async (vertex: Vertex<Result>): Promise<Solved<Result>> => {
    const inputs = await Promise.all(vertex.inputs.map(visit));
    try {
      signal.throwIfAborted();
      return await solveVertex(
        vertex,
        inputs.map((input) => input.result),
        { ...solving, signal },
      );
    } catch (error) {
      failure ??= { error };
      stop.abort(new StrataError('cancelled', 'cancelled', { cause: error }));
      throw error;
    }
  };

  declare(targets, solving);
  await Promise.allSettled(targets.map(visit));
  await Promise.allSettled(promises.values());
  solving.signal.throwIfAborted();
  if (failure) throw failure.error;
  return (await Promise.all(targets.map(visit))).map((solved) => solved.result);
}

/** Tells every vertex before the first one starts, what others need first. */
function declare<Result>(targets: readonly Vertex<Result>[], { progress }: Solving<Result>): void {
  const told = new Set<Vertex<Result>>();
  const tell = (vertex: Vertex<Result>) => {
    if (told.has(vertex)) return;
    told.add(vertex);
    for (const input of vertex.inputs) tell(input);
    progress({ type: 'vertex', ...vertex.event });
  };
  for (const target of targets) tell(target);
}

async function solveVertex<Result>(
  vertex: Vertex<Result>,
  inputs: readonly Result[],
  solving: Solving<Result>,
): Promise<Solved<Result>> {
  const { progress, signal, now } = solving;
  const id = vertex.event.id;
  const emit = (event: WorkEvent) => progress({ ...event, id } as BuildEvent);
  progress({ type: 'started', id, at: now() });
  try {
    const { outcome, cached } = await resolveVertex(vertex, inputs, { emit, signal }, solving);
    solving.onResult?.(outcome.result);
    progress({
      type: 'completed',
      id,
      at: now(),
      cached,
      ...(outcome.show !== undefined && { result: outcome.show }),
      ...(outcome.container !== undefined && { container: outcome.container }),
    });
    return { result: outcome.result, cached };
  } catch (error) {
    if (signal.aborted || isKind(error, 'cancelled')) {
      progress({ type: 'cancelled', id, at: now() });
    } else {
      const location = error instanceof StrataError ? error.location : undefined;
      progress({ type: 'failed', id, at: now(), message: messageOf(error), ...(location && { location }) });
    }
    throw error;
  }
}

async function resolveVertex<Result>(
  vertex: Vertex<Result>,
  inputs: readonly Result[],
  work: Work,
  solving: Solving<Result>,
): Promise<{ outcome: Outcome<Result>; cached: boolean }> {
  const { op } = vertex;
  const known = await op.lookup(inputs, work);
  if (known) return { outcome: known, cached: true };
  work.signal.throwIfAborted();
  const run = (inner: Work) =>
    op.heavy ? solving.slots.use(inner.signal, () => op.run(inputs, inner)) : op.run(inputs, inner);
  const key = op.key(inputs);
  const outcome = key === null ? await run(work) : await solving.flights.join(key, work, run);
  return { outcome, cached: false };
}
