import { createWriteStream } from 'node:fs';
import { mkdir, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { formatPlatform } from '../../oci/index.ts';
import type { BuiltStage } from '../build.ts';
import { withMount } from '../ops/root-step.ts';
import type { BuildResult } from '../types.ts';
import { destinationOf, type Exporting } from './export.ts';

/** Copies the files of the last stage into a folder; several platforms go to folders of their own. */
export async function exportLocal(exporting: Exporting): Promise<BuildResult> {
  const { plant, session, built, output } = exporting;
  const dest = destinationOf(output);
  await session.step({ kind: 'export', name: 'exporting to client directory' }, async (work) => {
    // The daemon is root; what it makes belongs to whom the place belongs to.
    const owner = await ownerOf(dest);
    for (const stage of built) {
      const folder = folderFor(exporting, stage, dest);
      await mkdir(folder, { recursive: true });
      await withMount(plant.shop, stage.root.snapshot, (root) =>
        plant.shop.files.run(
          {
            kind: 'copy',
            source: { root, resetOwner: false },
            selection: { path: '/', wildcards: false, follow: false },
            look: { chown: owner },
            target: { upper: folder, lowers: [], path: '/', contentsOnly: true },
            digest: false,
          },
          work,
        ),
      );
    }
  });
  return {};
}

function folderFor({ built, output }: Exporting, { platform }: BuiltStage, dest: string): string {
  const split = output.attributes['platform-split'];
  const own = split === 'true' || (split !== 'false' && built.length > 1);
  return own ? join(dest, formatPlatform(platform).replaceAll('/', '_')) : dest;
}

async function ownerOf(path: string): Promise<{ uid: number; gid: number }> {
  for (let at = path; ; at = dirname(at)) {
    try {
      const { uid, gid } = await stat(at);
      return { uid, gid };
    } catch {
      if (at === dirname(at)) return { uid: 0, gid: 0 };
    }
  }
}

/** Writes the files of the last stage as one tar. */
export async function exportTar({ plant, session, built, output }: Exporting): Promise<BuildResult> {
  const dest = destinationOf(output);
  await session.step({ kind: 'export', name: 'exporting to client tarball' }, (work) =>
    withMount(plant.shop, built[0]!.root.snapshot, async (root) => {
      const unfinished = `${dest}.partial-${process.pid}`;
      try {
        const tar = plant.shop.layers.stream(root, { signal: work.signal });
        await pipeline(tar, createWriteStream(unfinished), { signal: work.signal });
        await rename(unfinished, dest);
      } finally {
        await rm(unfinished, { force: true });
      }
    }),
  );
  return {};
}
