import type { ActiveSnapshot, SnapshotName } from '../../snapshot/index.ts';
import { explainMiss } from '../cache/explain.ts';
import { stepKey } from '../cache/keys.ts';
import type { TargetLayers } from '../files/target-view.ts';
import type { Outcome, Work } from '../solver/vertex.ts';
import type { CacheRecord } from '../types.ts';
import type { AbsentRoot, RootValue, Value } from '../value.ts';
import type { Workshop } from './workshop.ts';

/** What is the same for every step that leaves a root. */
export interface StepIdentity {
  /** Everything that decides what the step does, without its inputs. */
  readonly definition: string;
  /** The place in the Dockerfile, the same from build to build. */
  readonly slot: string;
  /** As shown: `RUN make`. */
  readonly instruction: string;
  readonly description: string;
  readonly type: CacheRecord['type'];
  readonly noCache: boolean;
}

/** Result ids of the inputs. */
export function baseOf(inputs: readonly Value[]): string {
  return inputs.map((input) => input.id ?? '').join(' ');
}

export function found(result: RootValue | AbsentRoot): Outcome<Value> {
  return { result, show: result.id.slice(0, 12) };
}

export interface Miss {
  readonly base: string;
  readonly content?: string;
  readonly manifest?: string | null;
  readonly parentRan: boolean;
}

export function tellMiss(shop: Workshop, step: StepIdentity, miss: Miss, work: Work): void {
  const { definition, slot, instruction } = step;
  const { base, content = '', manifest = null } = miss;
  const key = stepKey(definition, base, content);
  const reason = explainMiss(shop.records, {
    noCache: step.noCache,
    parentRan: miss.parentRan,
    step: { definition, slot, instruction, base, content, key, manifest },
  });
  work.emit({ type: 'miss', reason });
}

export interface Made {
  readonly base: string;
  readonly content?: string;
  readonly manifest?: string | null;
  readonly aliases?: readonly string[];
  readonly parents: readonly string[];
}

/**
 * Turns the finished active snapshot into a recorded result. The layer is measured in the background; only where the
 * step ran before is the measure waited for, since contents equal to the earlier ones keep what follows in the cache.
 */
export async function keepResult(
  shop: Workshop,
  step: StepIdentity,
  active: ActiveSnapshot,
  made: Made,
): Promise<RootValue> {
  const { snapshots, records } = shop;
  const ranBefore = records.stepByDefinition(step.definition) !== undefined;
  const { name } = await snapshots.commit(active);
  const measuring = snapshots.measure(name);
  measuring.catch(() => undefined);
  let snapshot = name;
  let adopt: RootValue | undefined;
  if (ranBefore) {
    const equal = snapshots.findByChain((await measuring).chainID);
    if (equal && equal.name !== name) {
      adopt = records.withSnapshot(equal.name);
      snapshot = equal.name;
      await snapshots.remove(name);
    }
  }
  return recordResult(shop, step, snapshot, made, adopt);
}

/** Records a snapshot as the result of a step. */
export function recordResult(
  { records }: Workshop,
  step: StepIdentity,
  snapshot: SnapshotName,
  made: Made,
  adopt?: RootValue,
): RootValue {
  const { slot, definition, instruction, type, description } = step;
  const { base, content = '', manifest = null, aliases = [], parents } = made;
  const key = stepKey(definition, base, content);
  const row = { slot, definition, base, content, key, instruction, manifest };
  return records.store({ snapshot, type, description, parents, aliases, renewed: step.noCache, step: row }, adopt);
}

/** Runs `use` on a new active snapshot and discards it when that fails. */
export async function withActive<T>(
  shop: Workshop,
  parent: RootValue,
  use: (active: ActiveSnapshot) => Promise<T>,
): Promise<T> {
  const active = await shop.snapshots.prepare(parent.snapshot);
  try {
    return await use(active);
  } catch (error) {
    await shop.snapshots.discard(active.key);
    throw error;
  }
}

/** Where a step writes without a mount. */
export function targetLayers({ snapshots }: Workshop, active: ActiveSnapshot): TargetLayers {
  const below = active.parent === null ? [] : snapshots.stack(active.parent);
  return { upper: active.diffDir, lowers: below.map(({ diffDir }) => diffDir).reverse() };
}

/** Runs `use` with the active snapshot's merged tree mounted. */
export async function withMount<T>(
  shop: Workshop,
  what: Parameters<Workshop['snapshots']['mount']>[0],
  use: (root: string) => Promise<T>,
): Promise<T> {
  const mount = await shop.snapshots.mount(what);
  try {
    return await use(mount.target);
  } finally {
    await mount.unmount();
  }
}

export type Identity = Omit<StepIdentity, 'definition' | 'type'>;
