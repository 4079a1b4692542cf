import { isKind, messageOf, StrataError } from '../../errors/index.ts';
import type { BuildEvent, Progress } from '../../progress/index.ts';
import type { Flights } from './flights.ts';
import type { Slots } from './slots.ts';
import type { BoundedWork, Outcome, Vertex, Work, WorkEvent } from './vertex.ts';

export interface Solving<Result> {
  readonly progress: Progress<BuildEvent>;
  readonly signal: AbortSignal;
  readonly slots: Slots;
  /** The build, to whom turns are given. */
  readonly owner: object;
  readonly flights: Flights<Outcome<Result>>;
  readonly now: () => number;
  /** Told every result as soon as it is there, before its `completed` event. */
  readonly onResult?: (result: Result, vertex: Vertex<Result>) => void;
  /** Whether a stored result is only a name: the vertex runs all the same once an op has to work on it. */
  readonly isAbsent?: (result: Result) => boolean;
  /** What an absent result stands for, where it can be had without running the vertex. */
  readonly bring?: (result: Result, work: Work) => Promise<Outcome<Result> | undefined>;
}

/**
 * Brings the vertices that `targets` need to their results, in parallel as far as the graph and the slots allow. The
 * first failure aborts everything else that still runs and is what this rejects with. No target's result is absent;
 * those of `more` may be where nothing but running the vertex would bring them. Results of `more` come after the others.
 */
export async function solve<Result>(
  targets: readonly Vertex<Result>[],
  solving: Solving<Result>,
  more: readonly Vertex<Result>[] = [],
): Promise<Result[]> {
  const stop = new AbortController();
  const signal = AbortSignal.any([solving.signal, stop.signal]);
  let failure: { error: unknown } | undefined;
  const solver = new Solver({ ...solving, signal }, (error) => {
    failure ??= { error };
    stop.abort(new StrataError('cancelled', 'cancelled', { cause: error }));
  });
  solver.declare([...targets, ...more]);
  const results = await Promise.allSettled([
    ...targets.map((target) => solver.made(target)),
    ...more.map((vertex) => solver.offer(vertex)),
  ]);
  await solver.settled();
  solving.signal.throwIfAborted();
  if (failure) throw failure.error;
  for (const result of results) if (result.status === 'rejected') throw result.reason;
  return Promise.all([...targets, ...more].map((vertex) => solver.result(vertex)));
}

/** What is known of one vertex while it is solved. */
interface Node<Result> {
  readonly vertex: Vertex<Result>;
  /** Vertices, and the caller, that may still want to work on the result. */
  wanted: number;
  startedAt?: number;
  hasWaited?: boolean;
  /** From the cache or made; may be absent. */
  named?: Promise<Outcome<Result>>;
  brought?: Promise<Outcome<Result> | undefined>;
  made?: Promise<Result>;
  /** Of a vertex that is done. */
  result?: Result;
  /** Found by name alone, and neither made nor passed by. */
  absent?: Outcome<Result>;
}

class Solver<Result> {
  readonly #solving: Solving<Result>;
  readonly #fail: (error: unknown) => void;
  readonly #nodes = new Map<Vertex<Result>, Node<Result>>();

  constructor(solving: Solving<Result>, fail: (error: unknown) => void) {
    this.#solving = solving;
    this.#fail = fail;
  }

  /** Tells every vertex before the first one starts, what others need first. */
  declare(targets: readonly Vertex<Result>[]): void {
    for (const target of targets) this.#declare(target);
  }

  #declare(vertex: Vertex<Result>): void {
    const known = this.#nodes.get(vertex);
    if (known) return void known.wanted++;
    const node: Node<Result> = { vertex, wanted: 1 };
    this.#nodes.set(vertex, node);
    for (const input of vertex.inputs) this.#declare(input);
    this.#solving.progress({ type: 'vertex', ...vertex.event });
  }

  /** The result of a vertex, with what it holds. */
  async made(vertex: Vertex<Result>): Promise<Result> {
    const node = this.#nodes.get(vertex)!;
    const { result } = await this.#named(node);
    if (!this.#isAbsent(result)) return result;
    node.made ??= this.#guard(node, () => this.#make(node)).then((outcome) => outcome.result);
    return node.made;
  }

  /** Brings a result if that can be done without running the vertex for nobody but the caller. */
  async offer(vertex: Vertex<Result>): Promise<void> {
    const node = this.#nodes.get(vertex)!;
    const { result } = await this.#named(node);
    if (this.#isAbsent(result)) await this.#guard(node, () => this.#bring(node));
    node.wanted--;
    this.#passBy(node);
  }

  /** What was found or made in the end, when all is settled. */
  async result(vertex: Vertex<Result>): Promise<Result> {
    const node = this.#nodes.get(vertex)!;
    return node.result ?? (await this.#named(node)).result;
  }

  /** Waits for all that was begun. */
  async settled(): Promise<void> {
    const begun = () => [...this.#nodes.values()].flatMap(({ named, made }) => [named, made]).filter(Boolean);
    let count = 0;
    while (begun().length > count) {
      const promises = begun();
      count = promises.length;
      await Promise.allSettled(promises);
    }
    for (const { absent, vertex } of this.#nodes.values()) {
      if (absent) this.#solving.progress({ type: 'cancelled', id: vertex.event.id, at: this.#solving.now() });
    }
  }

  #isAbsent(result: Result): boolean {
    return this.#solving.isAbsent?.(result) ?? false;
  }

  #named(node: Node<Result>): Promise<Outcome<Result>> {
    node.named ??= this.#name(node);
    node.named.catch(() => undefined);
    return node.named;
  }

  /** Looks for a stored result, whether it is here or absent; makes the result where there is none. */
  async #name(node: Node<Result>): Promise<Outcome<Result>> {
    const { op, inputs } = node.vertex;
    const outcomes = await Promise.all(inputs.map((input) => this.#named(this.#nodes.get(input)!)));
    return this.#guard(node, async () => {
      this.#solving.signal.throwIfAborted();
      // What may have to wait for its turn is started with it.
      if (!op.waits) this.#tellStarted(node);
      const results = outcomes.map(({ result }) => result);
      const known = await op.lookup(results, this.#work(node));
      if (known) this.#tellStarted(node, false);
      if (known && this.#isAbsent(known.result)) {
        this.#solving.onResult?.(known.result, node.vertex);
        node.absent = known;
        this.#passBy(node);
        return known;
      }
      if (known) return this.#complete(node, known, true);
      return this.#make(node);
    });
  }

  /** Runs the op on what its inputs hold, unless that leads to a stored result after all. */
  async #make(node: Node<Result>): Promise<Outcome<Result>> {
    const { op, inputs } = node.vertex;
    const { signal, flights } = this.#solving;
    const brought = node.absent && (await this.#bring(node));
    if (brought) return brought;
    const given = await Promise.all(inputs.map((input) => this.#named(this.#nodes.get(input)!)));
    const results = await Promise.all(inputs.map((input) => this.made(input)));
    const work = this.#work(node);
    signal.throwIfAborted();
    const hasWaited = given.some(({ result }) => this.#isAbsent(result));
    // Until now it was a hit, or waited for others that were.
    if ((hasWaited || node.absent) && !op.waits) this.#tellStarted(node);
    if (hasWaited) {
      const known = await op.lookup(results, work);
      if (known && !this.#isAbsent(known.result)) return this.#complete(node, known, true);
      signal.throwIfAborted();
    }
    const run = (inner: Work) => op.run(results, this.#withTurn(inner));
    const key = op.key(results);
    const outcome = key === null ? await run(work) : await flights.join(key, work, run);
    return this.#complete(node, outcome, false);
  }

  /** What an absent result stands for, from where it is kept. */
  #bring(node: Node<Result>): Promise<Outcome<Result> | undefined> {
    node.brought ??= (async () => {
      const { bring } = this.#solving;
      if (!bring || !node.absent) return undefined;
      this.#tellStarted(node);
      const outcome = await bring(node.absent.result, this.#work(node));
      return outcome && this.#complete(node, outcome, true);
    })();
    return node.brought;
  }

  #work(node: Node<Result>): BoundedWork {
    const { progress, signal } = this.#solving;
    const emit = (event: WorkEvent) => {
      if (event.type === 'started') node.startedAt = event.at;
      if (event.type === 'waiting') node.hasWaited = true;
      progress({ ...event, id: node.vertex.event.id } as BuildEvent);
    };
    return this.#withTurn({ emit, signal });
  }

  #withTurn({ emit, signal }: Work): BoundedWork {
    const { slots, owner, now } = this.#solving;
    const turn = <T>(use: () => Promise<T>): Promise<T> =>
      slots.use({ owner, signal, waiting: () => emit({ type: 'waiting', at: now() }) }, () => {
        emit({ type: 'started', at: now() });
        return use();
      });
    return { emit, signal, turn };
  }

  #tellStarted(node: Node<Result>, again = true): void {
    if (node.startedAt !== undefined && !again) return;
    node.startedAt = this.#solving.now();
    this.#solving.progress({ type: 'started', id: node.vertex.event.id, at: node.startedAt });
  }

  #complete(node: Node<Result>, outcome: Outcome<Result>, cached: boolean): Outcome<Result> {
    delete node.absent;
    node.result = outcome.result;
    this.#tellStarted(node, false);
    this.#solving.onResult?.(outcome.result, node.vertex);
    this.#tellCompleted(node, outcome, cached, this.#solving.now());
    this.#release(node);
    return outcome;
  }

  #tellCompleted({ vertex }: Node<Result>, { show, container }: Outcome<Result>, cached: boolean, at: number): void {
    this.#solving.progress({
      type: 'completed',
      id: vertex.event.id,
      at,
      cached,
      ...(show !== undefined && { result: show }),
      ...(container !== undefined && { container }),
    });
  }

  /** The vertex needs nothing of its inputs any more. */
  #release({ vertex }: Node<Result>): void {
    for (const input of vertex.inputs) {
      const node = this.#nodes.get(input)!;
      node.wanted--;
      this.#passBy(node);
    }
  }

  /** A result that stayed a name until nobody wanted what it holds was a hit. */
  #passBy(node: Node<Result>): void {
    const { absent, wanted } = node;
    if (!absent || wanted > 0) return;
    delete node.absent;
    this.#tellCompleted(node, absent, true, node.startedAt!);
    this.#release(node);
  }

  /** Tells and passes on how work on a vertex failed. */
  async #guard<T>(node: Node<Result>, action: () => Promise<T>): Promise<T> {
    const { progress, signal, now } = this.#solving;
    const { id } = node.vertex.event;
    try {
      return await action();
    } catch (error) {
      delete node.absent;
      // What failed before its turn is to be seen all the same.
      if (node.vertex.op.waits && !signal.aborted) this.#tellStarted(node, false);
      if (node.startedAt !== undefined || node.hasWaited) {
        if (signal.aborted || isKind(error, 'cancelled')) progress({ type: 'cancelled', id, at: now() });
        else {
          const location = error instanceof StrataError ? error.location : undefined;
          progress({ type: 'failed', id, at: now(), message: messageOf(error), ...(location && { location }) });
        }
      }
      this.#fail(error);
      throw error;
    }
  }
}
