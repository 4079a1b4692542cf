/**
 * Overlay snapshots.
 *
 * Vocabulary. A *layer directory* holds one diff (an overlay `upper`). A committed *snapshot* has a *name*, an optional
 * *parent* snapshot and one layer directory; it never changes. An *active* snapshot has a *key*, an optional parent
 * and a writable layer directory; it is seen by nobody else. Lives:
 * `prepare` -> write into the mount -> `commit` (a rename; the active one is gone) or `discard`;
 * or `prepare` -> unpack straight into `active.diffDir` -> `commit`.
 * Several snapshots may share a layer directory (`graft`): that is how COPY --link keeps a layer on another base.
 */

import type { LayerMeasure } from '../layer/index.ts';
import type { ChainID } from '../oci/index.ts';

export type SnapshotName = string & { readonly __snapshot: 'SnapshotName' };
export type ActiveKey = string & { readonly __active: 'ActiveKey' };

export interface SnapshotInfo {
  readonly name: SnapshotName;
  readonly parent: SnapshotName | null;
  /** Absolute path of the layer directory; never write to it. */
  readonly diffDir: string;
  readonly chainID: ChainID | null;
  /** Present once the layer has been measured. */
  readonly measure: LayerMeasure | null;
  /** Unix milliseconds. */
  readonly createdAt: number;
  readonly usedAt: number;
}

export interface ActiveSnapshot {
  readonly key: ActiveKey;
  readonly parent: SnapshotName | null;
  /** Writable layer directory (overlay upper). */
  readonly diffDir: string;
}

export interface Mount {
  readonly target: string;
  unmount(): Promise<void>;
}

export interface Snapshots {
  prepare(parent: SnapshotName | null): Promise<ActiveSnapshot>;
  /** An active snapshot by key: containers keep theirs over a restart. */
  active(key: ActiveKey): Promise<ActiveSnapshot | undefined>;
  /** Keys of all active snapshots; whoever composes the engine discards those that nobody claims after a crash. */
  actives(): readonly ActiveKey[];
  commit(active: ActiveSnapshot, options?: { readonly measure?: LayerMeasure }): Promise<SnapshotInfo>;
  discard(key: ActiveKey): Promise<void>;
  /** A new snapshot on `parent` that shares the layer directory of `layer`. */
  graft(layer: SnapshotName, parent: SnapshotName | null): Promise<SnapshotInfo>;
  stat(name: SnapshotName): SnapshotInfo | undefined;
  /** Whether the layer directories of its whole stack are there, as the last sweep found them. */
  isWhole(name: SnapshotName): boolean;
  findByChain(chainID: ChainID): SnapshotInfo | undefined;
  /** The stack of `name`, base first. */
  stack(name: SnapshotName): readonly SnapshotInfo[];
  /** The same as far as its rows are there: for those who count and remove, also in a damaged store. */
  remaining(name: SnapshotName): readonly SnapshotInfo[];
  /** Measures the layer once (concurrent callers share the work) and, as the parents are measured, its chainID. */
  measure(name: SnapshotName): Promise<SnapshotInfo & { readonly measure: LayerMeasure; readonly chainID: ChainID }>;
  /**
   * Mounts the merged tree, writable when given an active snapshot, at a fresh folder or at `target`. A `volatile` mount
   * (default: one without `target`, as steps of a build use it) never waits for the disk, neither for `fsync` inside
   * nor when it is unmounted: right for what is made again after a power cut, wrong for what people keep.
   */
  mount(
    what: ActiveSnapshot | SnapshotName | null,
    options?: { readonly target?: string; readonly volatile?: boolean },
  ): Promise<Mount>;
  /** Marks as used now (for `prune until=`, which goes by last use). */
  touch(name: SnapshotName): void;
  /** `failed_precondition` when another snapshot or an active one stands on it. */
  remove(name: SnapshotName): Promise<void>;
  list(): Iterable<SnapshotInfo>;
  /** Resolves when the layers that were committed until now survive a power cut. */
  settled(): Promise<void>;
  /** Removes what no row names; called at start. */
  sweep(): Promise<void>;
  /** Waits for removals under way. */
  close(): Promise<void>;
}
