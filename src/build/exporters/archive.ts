import { createWriteStream } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { canonicalName, type Reference } from '../../oci/index.ts';
import type { BuilderParts } from '../builder.ts';
import type { BuildResult } from '../types.ts';
import { destinationOf, type Exporting } from './export.ts';
import { imageResult } from './image.ts';
import { namesOf } from './names.ts';
import { storeImage } from './store-image.ts';

/** Writes a docker or OCI archive. The store keeps nothing of it, apart from what it had. */
export async function exportArchive(exporting: Exporting): Promise<BuildResult> {
  const { plant, session, request, output } = exporting;
  const dest = destinationOf(output);
  const names = namesOf(request, output);
  const { images } = plant.parts;
  const format = output.type === 'oci' ? 'oci' : 'docker';
  const event = { kind: 'export', name: `exporting to ${format} image format` } as const;
  return session.step(event, async (work) => {
    const restore = await rememberNames(plant.parts, names);
    const image = await storeImage(exporting, names, work.signal);
    try {
      const subjects = names.length > 0 ? names.map(canonicalName) : [image.id];
      const archive = await images.save(subjects, { format, signal: work.signal });
      const unfinished = `${dest}.partial-${process.pid}`;
      try {
        await pipeline(archive, createWriteStream(unfinished), { signal: work.signal });
        await rename(unfinished, dest);
      } finally {
        await rm(unfinished, { force: true });
      }
    } finally {
      await restore();
    }
    return imageResult(image, names, undefined);
  });
}

/** An archive's names must not change what the store calls by them: afterwards they mean what they meant before. */
async function rememberNames({ images }: BuilderParts, names: readonly Reference[]): Promise<() => Promise<void>> {
  const before = await Promise.all(
    names.map(async (name) => ({ name, image: await images.find(canonicalName(name)) })),
  );
  return async () => {
    for (const { name, image } of before) {
      if (image) await images.tag(image.id, name);
      else await images.remove(canonicalName(name), { force: false, prune: true, uses: [] });
    }
  };
}
