import { createWriteStream } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { canonicalName, type Reference } from '../../oci/index.ts';
import type { BuildResult } from '../../wire/index.ts';
import type { BuilderParts } from '../plant.ts';
import { destinationOf, type Exporting } from './exporting.ts';
import { imageResult } from './image.ts';
import { namingOf } from './names.ts';
import { storeImages } from './store-image.ts';

/** Writes an archive for `docker load`. The store keeps nothing of it, apart from what it had. */
export async function exportDockerArchive(exporting: Exporting): Promise<BuildResult> {
  const { plant, session, request, output } = exporting;
  const { images } = plant.parts;
  const dest = destinationOf(output);
  const { names } = namingOf(request, output);
  return session.step({ kind: 'export', name: 'exporting to docker image format' }, async (work) => {
    const restore = await rememberNames(plant.parts, names);
    const make = () => storeImages(exporting, names, work.signal);
    return plant.withoutTrace.use(make, async (stored) => {
      try {
        const subjects = names.length > 0 ? names.map(canonicalName) : [stored.main.id];
        const archive = await images.save(subjects, { format: 'docker', signal: work.signal });
        const unfinished = `${dest}.partial-${process.pid}`;
        try {
          await pipeline(archive, createWriteStream(unfinished), { signal: work.signal });
          await rename(unfinished, dest);
        } finally {
          await rm(unfinished, { force: true });
        }
        return imageResult(stored, names, undefined);
      } finally {
        await restore();
      }
    });
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
