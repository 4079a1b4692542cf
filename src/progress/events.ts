/**
 * The one progress model. The solver and the transfers emit these events; the classic `Step 1/4` stream, the terminal
 * view, plain text, raw JSON and Docker's API streams are renderings of them. Every event is plain JSON, so the raw
 * form over HTTP is one event a line.
 *
 * Vocabulary. A *vertex* is one step of a build: an instruction of the Dockerfile, or an internal step (loading the
 * context, resolving a base, exporting). Life of a vertex: `vertex` (declared) -> `waiting` where others come first ->
 * `started` -> any of `log`, `status`, `warning`, `miss` -> exactly one of `completed`, `failed`, `cancelled`. A cache hit is
 * `completed` with `cached`. `started` comes again where a vertex seemed to be a hit, and its time counts from there.
 */
import type { SourceLocation } from '../errors/index.ts';

export type VertexKind = 'internal' | 'source' | 'exec' | 'copy' | 'metadata' | 'export';

/** Why a vertex was not taken from the cache; `text` is a whole sentence in the user's words. */
export interface MissReason {
  readonly code:
    | 'first_build'
    | 'no_cache'
    | 'instruction_changed'
    | 'parent_changed'
    | 'files_changed'
    | 'pruned'
    | 'layers_absent';
  readonly text: string;
  /** For `files_changed`: paths added, removed or modified, at most 20. */
  readonly paths?: readonly string[];
}

/** Times (`at`) are Unix milliseconds, with fractions. */
export type BuildEvent =
  | {
      readonly type: 'vertex';
      readonly id: string;
      readonly kind: VertexKind;
      /** As BuildKit shows it: `[build 2/4] RUN make`. */
      readonly name: string;
      /** The instruction alone, as written with variables expanded: `RUN make`. */
      readonly instruction?: string;
      /** The same as it stands in the file, variables and all, in one line. */
      readonly written?: string;
      readonly stage?: string;
      /**
       * Position among the instructions of the whole Dockerfile that this build runs: `Step 3/12`. Triggers of a base have
       * the number of their FROM, and a place of their own among them.
       */
      readonly step?: {
        readonly number: number;
        readonly total: number;
        readonly trigger?: { readonly number: number; readonly total: number };
      };
      readonly location?: SourceLocation;
      readonly platform?: string;
    }
  | { readonly type: 'waiting'; readonly id: string; readonly at: number }
  | { readonly type: 'started'; readonly id: string; readonly at: number }
  | {
      readonly type: 'log';
      readonly id: string;
      readonly stream: 'stdout' | 'stderr';
      readonly at: number;
      readonly text: string;
    }
  | {
      readonly type: 'status';
      readonly id: string;
      /** Identifies one bar of the vertex, e.g. `sha256:… ` or `transferring context`. */
      readonly status: string;
      readonly current: number;
      readonly total?: number;
      readonly unit: 'bytes' | 'files';
      readonly at: number;
      readonly done: boolean;
    }
  | {
      readonly type: 'warning';
      readonly id?: string;
      /** Name of the build check, e.g. `FromAsCasing`; absent for other warnings. */
      readonly rule?: string;
      readonly message: string;
      /** What the rule wants, whatever it found. */
      readonly description?: string;
      readonly url?: string;
      readonly location?: SourceLocation;
    }
  | { readonly type: 'miss'; readonly id: string; readonly reason: MissReason }
  | {
      readonly type: 'completed';
      readonly id: string;
      readonly at: number;
      readonly cached: boolean;
      /** Hex id of the result, for the classic view's ` ---> 0123456789ab`. */
      readonly result?: string;
      /** Id of the container that ran the step, for the classic view. */
      readonly container?: string;
    }
  | {
      readonly type: 'failed';
      readonly id: string;
      readonly at: number;
      readonly message: string;
      readonly location?: SourceLocation;
    }
  | { readonly type: 'cancelled'; readonly id: string; readonly at: number };

/** Progress of a pull, push, load or save: one event for each change of one layer's (or other object's) state. */
export interface TransferEvent {
  /** Short id of the layer (12 hex), or a tag; absent for a line about the whole transfer. */
  readonly id?: string;
  /** Docker's word: `Pulling fs layer`, `Downloading`, `Download complete`, `Pull complete`, `Pushing`, `Pushed`… */
  readonly status: string;
  readonly current?: number;
  readonly total?: number;
}

/** Receives events; must not throw and must not block. */
export type Progress<Event> = (event: Event) => void;
