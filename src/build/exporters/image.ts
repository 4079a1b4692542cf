import type { Image } from '../../image/index.ts';
import { canonicalName, encoded, type Reference } from '../../oci/index.ts';
import type { BuiltStage } from '../build.ts';
import type { Plant } from '../builder.ts';
import { finishConfig, type LayerFact } from '../image-config.ts';
import type { Session } from '../session.ts';
import type { BuildRequest, BuildResult } from '../types.ts';

/** Stores the image here and points its names at it. */
export async function exportImage(
  plant: Plant,
  session: Session,
  request: BuildRequest,
  built: readonly BuiltStage[],
  names: readonly Reference[],
  epoch: number | undefined,
): Promise<BuildResult> {
  const image = await session.step({ kind: 'export', name: 'exporting to image' }, async (work) => {
    const made = await storeImage(plant, built[0]!, request, names, epoch);
    const at = session.now();
    const tell = (status: string) => work.emit({ type: 'status', status, current: 1, unit: 'files', at, done: true });
    tell('exporting layers');
    tell(`writing image ${made.id}`);
    for (const name of names) tell(`naming to ${canonicalName(name)}`);
    return made;
  });
  return {
    imageID: image.id,
    names: names.map(canonicalName),
    metadata: {
      'containerimage.config.digest': image.id,
      'containerimage.digest': image.id,
      ...(names.length > 0 && { 'image.name': names.map(canonicalName).join(',') }),
    },
  };
}

/** The image of one platform, with the layers measured and the history dated. */
export async function storeImage(
  { parts }: Plant,
  { stage, root }: BuiltStage,
  request: BuildRequest,
  names: readonly Reference[],
  epoch: number | undefined,
): Promise<Image> {
  const layers: LayerFact[] = [];
  if (root.snapshot !== null) {
    await parts.snapshots.measure(root.snapshot);
    for (const { measure, createdAt } of parts.snapshots.stack(root.snapshot)) {
      layers.push({ diffID: measure!.diffID, createdAt });
    }
  }
  const config = finishConfig(stage.draft, layers, { labels: request.labels ?? {}, epoch });
  return parts.images.create({ config, snapshot: root.snapshot, names });
}

/** The short form for the classic view. */
export function shortID(image: Image): string {
  return encoded(image.id).slice(0, 12);
}
