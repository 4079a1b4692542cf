/**
 * The graph that a build solves.
 *
 * A *vertex* is one step; its *op* is what the step does; the results of its *inputs* are what the op works on. The
 * solver knows nothing of files or images: an op finds its own result in the cache or makes it.
 */
import type { BuildEvent } from '../../progress/index.ts';

export type VertexEvent = Extract<BuildEvent, { type: 'vertex' }>;

/** What a running vertex may tell: everything between its declaration and the end. */
export type WorkEvent =
  | Omit<Extract<BuildEvent, { type: 'waiting' }>, 'id'>
  | Omit<Extract<BuildEvent, { type: 'started' }>, 'id'>
  | Omit<Extract<BuildEvent, { type: 'log' }>, 'id'>
  | Omit<Extract<BuildEvent, { type: 'status' }>, 'id'>
  | Omit<Extract<BuildEvent, { type: 'warning' }>, 'id'>
  | Omit<Extract<BuildEvent, { type: 'miss' }>, 'id'>;

export interface Work {
  readonly emit: (event: WorkEvent) => void;
  readonly signal: AbortSignal;
}

/** Work that may take what is bounded. */
export interface BoundedWork extends Work {
  /** Does what is bounded, once it is this vertex's turn; until then the vertex waits, and its time does not count. */
  turn<T>(use: () => Promise<T>): Promise<T>;
}

export interface Outcome<Result> {
  readonly result: Result;
  /** Hex id for the `completed` event. */
  readonly show?: string;
  readonly container?: string;
}

export interface Op<Result> {
  /** Names the work: equal keys of concurrent builds share one run. Null: never shared. */
  key(inputs: readonly Result[]): string | null;
  /** A stored result, without doing the work. */
  lookup(inputs: readonly Result[], work: Work): Promise<Outcome<Result> | undefined>;
  /** Does the work and stores its result. Leaves nothing behind when it fails or is aborted. */
  run(inputs: readonly Result[], work: BoundedWork): Promise<Outcome<Result>>;
  /** Whether `run` asks for a turn: such a vertex is started only then. */
  readonly waits: boolean;
}

export interface Vertex<Result> {
  readonly event: Omit<VertexEvent, 'type'>;
  readonly inputs: readonly Vertex<Result>[];
  readonly op: Op<Result>;
}
