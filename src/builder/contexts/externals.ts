import type { Platform } from '../../oci/index.ts';
import type { NamedContext } from '../../wire/index.ts';
import type { Building } from '../building.ts';
import { finishConfig } from '../exporters/image-config.ts';
import { measuredLayers } from '../exporters/store-image.ts';
import { emptyRoot } from '../frontend/empty-root.ts';
import { imageRoot } from '../frontend/externals.ts';
import type { External } from '../frontend/plan.ts';
import { resolveBase } from '../sources/base-image.ts';
import { layoutOf, openOciLayout } from '../sources/oci-layout.ts';
import { findNamedContext, openNamedContext } from './named.ts';

/** What a FROM, a COPY --from or a mount names beside the stages: an image, or a named context. */
export async function findExternal(
  building: Building,
  name: string,
  platform: Platform,
  isExplicit: boolean,
): Promise<External> {
  const { shop } = building.plant;
  const named = findNamedContext(building.request, name);
  if (!named) return baseImage(building, name, platform, isExplicit);
  switch (named.kind) {
    case 'image':
      if (named.name === 'scratch') return noBase(name, platform);
      return baseImage(building, named.name, platform, isExplicit);
    case 'oci-layout':
      return layoutImage(building, name, named, platform);
    case 'result':
      return resultImage(building, name, named.id, platform);
    case 'target':
      return { kind: 'target', name: named.name };
    default:
      return openNamedContext(shop, building.session, name, named);
  }
}

async function baseImage(building: Building, name: string, platform: Platform, isExplicit: boolean): Promise<External> {
  const base = await resolveBase(building.plant, building.session, building.request, name, platform, isExplicit);
  building.held.add(base.value);
  return base;
}

async function layoutImage(
  building: Building,
  name: string,
  layout: NamedContext & { kind: 'oci-layout' },
  platform: Platform,
): Promise<External> {
  const event = { kind: 'internal', name: `[context ${name}] OCI load from client` } as const;
  const { images } = building.plant.parts;
  const { config, value } = await building.session.step(event, ({ signal }) =>
    // No image names these layers: only this build holds them.
    images.during(async () => {
      const image = await openOciLayout(images, layoutOf(building.session, layout), { platform, signal });
      const root = imageRoot(image);
      building.held.add(root);
      return { config: image.config, value: root };
    }),
  );
  return { kind: 'image', reference: name, config, value };
}

/** What another build made, as if it had been stored and were its image. */
async function resultImage(building: Building, name: string, id: string, platform: Platform): Promise<External> {
  const { built, labels, epoch } = building.plant.results.find(id, platform);
  const { stage, root } = built;
  building.held.add(root);
  const event = { kind: 'internal', name: `[context ${name}] result of another target` } as const;
  const layers = await building.session.step(event, () => measuredLayers(building.plant, root.snapshot));
  return {
    kind: 'image',
    reference: name,
    config: finishConfig(stage.draft, layers, { labels, epoch }),
    value: root,
  };
}

/** `docker-image://scratch`. */
function noBase(name: string, { os, architecture, variant }: Platform): External {
  const config = { os, architecture, ...(variant && { variant }), rootfs: { type: 'layers' as const, diff_ids: [] } };
  return { kind: 'image', reference: name, config, value: emptyRoot };
}
