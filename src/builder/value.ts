import type { SnapshotName } from '../snapshot/index.ts';
import type { SourceTree } from './files/jobs.ts';

/** The root file system that a step leaves. */
export interface RootValue {
  readonly kind: 'root';
  /** Names this result: equal ids mean equal contents. 64 hex. */
  readonly id: string;
  /** Null: an empty root. */
  readonly snapshot: SnapshotName | null;
  /** Made in this build, not found. */
  readonly fresh: boolean;
  /** Unix milliseconds of when the step's layer was made. */
  readonly createdAt: number | null;
}

/**
 * A root that a cache knows by name alone: its layers were not brought along, as none of the images that carry the cache
 * has them. It leads to the results of later steps; for its files the step has to run again.
 */
export interface AbsentRoot {
  readonly kind: 'absent';
  /** As of the root that it stands for. */
  readonly id: string;
}

/** Files outside of any snapshot: a context, a download, a checkout. */
export interface TreeValue {
  readonly kind: 'tree';
  /** Names the contents where they are known without looking. */
  readonly id?: string;
  readonly source: SourceTree;
  /** How errors call it. */
  readonly label: string;
}

export type Value = RootValue | AbsentRoot | TreeValue;

export function rootOf(value: Value | undefined): RootValue {
  if (value?.kind !== 'root') throw new Error('a root file system was expected');
  return value;
}
