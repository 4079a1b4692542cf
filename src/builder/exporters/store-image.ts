import type { Image } from '../../image/index.ts';
import { hostPlatform, platformMatches, type Reference } from '../../oci/index.ts';
import type { SnapshotName } from '../../snapshot/index.ts';
import type { BuildRequest } from '../../wire/index.ts';
import type { BuiltStage } from '../built.ts';
import type { Plant } from '../plant.ts';
import { cacheField, exportResults } from '../remote-cache/portable.ts';
import { booleanOf } from './boolean-of.ts';
import type { Exporting } from './exporting.ts';
import { finishConfig, type LayerFact } from './image-config.ts';
import { rewriteTimes } from './rewrite-times.ts';

export interface StoredImages {
  /** In the order of the platforms. */
  readonly images: readonly Image[];
  /** The one that has the names. */
  readonly main: Image;
}

/** Stores the images of all platforms; the names go to that of this machine, or to the first one. */
export async function storeImages(
  exporting: Exporting,
  names: readonly Reference[],
  signal: AbortSignal,
): Promise<StoredImages> {
  const own = exporting.built.findIndex(({ platform }) => platformMatches(hostPlatform(), platform));
  const main = Math.max(0, own);
  const images: Image[] = [];
  for (const [i, stage] of exporting.built.entries())
    images.push(await storeImage(exporting, stage, i === main ? names : [], signal));
  return { images, main: images[main]! };
}

/** Stores an image with its layers measured and its history dated. */
async function storeImage(
  exporting: Exporting,
  { stage, root }: BuiltStage,
  names: readonly Reference[],
  signal: AbortSignal,
): Promise<Image> {
  const { plant, request, output, epoch, passed } = exporting;
  const { snapshots, images } = plant.parts;
  let snapshot: SnapshotName | null = root.snapshot;
  const layers = await measuredLayers(plant, snapshot);
  if (snapshot !== null && epoch !== undefined && booleanOf(output, 'rewrite-timestamp')) {
    const known = stage.draft.history.filter((entry) => !entry.empty_layer && entry.created_by?.endsWith('# buildkit'));
    snapshot = await rewriteTimes(plant.parts, snapshot, Math.min(known.length, layers.length), epoch, signal);
  }
  const facts = snapshot === root.snapshot ? layers : await measuredLayers(plant, snapshot);
  const config = finishConfig(stage.draft, facts, { labels: request.labels ?? {}, epoch });
  const { parent } = exporting;
  const image = { config, snapshot, names, ...(parent && { parent }) };
  if (!wantsInlineCache(request)) return images.create(image);
  const results = exportResults(plant.shop.records, snapshots, root.snapshot, passed);
  const rawConfig = Buffer.from(JSON.stringify({ ...config, [cacheField]: results }));
  return images.create({ ...image, rawConfig });
}

/** `--cache-to type=inline`, or BuildKit's build argument for it. */
export function wantsInlineCache({ cacheTo = [], buildArgs }: BuildRequest): boolean {
  return cacheTo.some(({ type }) => type === 'inline') || buildArgs?.['BUILDKIT_INLINE_CACHE'] === '1';
}

/** The facts of all layers under a snapshot. */
export async function measuredLayers(plant: Plant, snapshot: SnapshotName | null): Promise<LayerFact[]> {
  if (snapshot === null) return [];
  // A chain is only known when every layer of the stack has been measured.
  if (!plant.parts.snapshots.stat(snapshot)?.chainID) await plant.parts.snapshots.measure(snapshot);
  const stack = plant.parts.snapshots.stack(snapshot);
  const { records } = plant.shop;
  return stack.map(({ name, measure, createdAt }) => ({
    diffID: measure!.diffID,
    createdAt: records.madeAt(name) ?? createdAt,
  }));
}
