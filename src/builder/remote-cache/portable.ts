import { StrataError } from '../../errors/index.ts';
import type { SnapshotName, Snapshots } from '../../snapshot/index.ts';
import type { PortableResult, Records } from '../cache/records.ts';

/** Field of an image configuration that holds what the image's layers are results of. */
export const cacheField = 'strata.cache.v0';

/** Most results that one image is believed to bring, and most keys of one. */
const limit = 10_000;
const mostKeys = 16;
/** Characters of the ids of a step's inputs: a thousand stages that are copied from. */
const mostBase = 65_000;
/** Last moment that a date can be, in Unix milliseconds (ECMA-262). */
const lastMoment = 8.64e15;

/**
 * What the cache knows of the layers under `top`, and the names of the other results in `passed`, which led there: of
 * those nothing but digests is told, since steps of other stages may say what is not for all who have the image.
 */
export function exportResults(
  records: Records,
  snapshots: Snapshots,
  top: SnapshotName | null,
  passed: Iterable<string>,
): PortableResult[] {
  const stack = top === null ? [] : snapshots.stack(top);
  const held = stack.flatMap(({ name }, index) => records.portable(name, index + 1));
  const others = new Set(passed);
  for (const { id } of held) others.delete(id);
  return [...held, ...records.portableNames([...others].toSorted())].slice(0, limit);
}

/**
 * Takes over results for the layers that an image has here. Only called for images that the user named as a source of
 * cache: what their maker says led to a layer is believed.
 */
export function adoptResults(
  records: Records,
  snapshots: Snapshots,
  results: readonly PortableResult[],
  top: SnapshotName | null,
): void {
  const stack = top === null ? [] : snapshots.stack(top);
  for (const result of results) {
    const layer = stack[result.layers - 1];
    if (layer) records.adopt(result, layer.name);
  }
}

/** What an image's configuration (parsed) says that its layers are results of. Throws `data_loss` where it is damaged. */
export function resultsIn(config: Readonly<Record<string, unknown>> | null): readonly PortableResult[] {
  const list = config?.[cacheField];
  if (list === undefined) return [];
  if (!Array.isArray(list) || list.length > limit || !list.every(isResult)) {
    throw new StrataError('data_loss', 'the cache that the image brings cannot be read', { code: 'invalid_cache' });
  }
  return list;
}

function isResult(value: unknown): value is PortableResult {
  if (typeof value !== 'object' || value === null) return false;
  const { layers, id, type, created, keys, step } = value as Record<string, unknown>;
  const count = (number: unknown, most: number) =>
    Number.isSafeInteger(number) && Number(number) >= 0 && Number(number) <= most;
  const hex = (text: unknown) => typeof text === 'string' && /^[0-9a-f]{64}$/.test(text);
  return (
    count(layers, limit) &&
    count(created, lastMoment) &&
    hex(id) &&
    (type === 'regular' || type === 'source.local') &&
    Array.isArray(keys) &&
    keys.length <= mostKeys &&
    keys.every(hex) &&
    (step === undefined || isStep(step))
  );
}

function isStep(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  const { definition, base, content } = value as Record<string, unknown>;
  return [definition, base, content].every((field) => typeof field === 'string' && field.length <= mostBase);
}

/** `artifactType` of an index whose images are a cache. */
export const cacheType = 'application/vnd.strata.cache.v0';
