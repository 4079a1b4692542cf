import { createWriteStream } from 'node:fs';
import { rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { type NewTarEntry, readTar, writeTar } from '../../layer/index.ts';
import { formatPlatform } from '../../oci/index.ts';
import type { BuildResult } from '../../wire/index.ts';
import type { BuiltStage } from '../built.ts';
import { withMount } from '../ops/root-step.ts';
import { booleanOf } from './boolean-of.ts';
import { destinationOf, type Exporting } from './exporting.ts';
import { makeFolder } from './make-folder.ts';

/** Copies the files of the last stage into a folder; several platforms go to folders of their own. */
export async function exportLocal(exporting: Exporting): Promise<BuildResult> {
  const { plant, session, built, output, epoch } = exporting;
  const dest = destinationOf(output);
  await session.step({ kind: 'export', name: 'exporting to client directory' }, async (work) => {
    // The daemon is root; what it makes belongs to whom the place belongs to.
    const owner = await ownerOf(dest);
    for (const stage of built) {
      const folder = join(dest, folderOf(exporting, stage));
      await makeFolder(folder);
      await withMount(plant.shop, stage.root.snapshot, (root) =>
        plant.shop.files.run(
          {
            kind: 'copy',
            source: { root, resetOwner: false },
            selection: { path: '/', wildcards: false, follow: false },
            look: { chown: owner },
            target: { upper: folder, lowers: [], path: '/', contentsOnly: true },
            digest: false,
            ...(epoch !== undefined && { epoch }),
          },
          work,
        ),
      );
    }
  });
  return {};
}

/** The folder of a platform; empty where none is wanted. */
function folderOf({ built, output }: Exporting, { platform }: BuiltStage): string {
  return booleanOf(output, 'platform-split', built.length > 1) ? formatPlatform(platform).replaceAll('/', '_') : '';
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

/** Writes the files of the last stage as one tar; several platforms are folders of it. */
export async function exportTar(exporting: Exporting): Promise<BuildResult> {
  const { plant, session, built, output, epoch } = exporting;
  const dest = destinationOf(output);
  await session.step({ kind: 'export', name: 'exporting to client tarball' }, async ({ signal }) => {
    const unfinished = `${dest}.partial-${process.pid}`;
    const tar = (root: string) => plant.shop.layers.stream(root, { signal });
    try {
      if (folderOf(exporting, built[0]!) === '' && epoch === undefined) {
        await withMount(plant.shop, built[0]!.root.snapshot, (root) =>
          pipeline(tar(root), createWriteStream(unfinished), { signal }),
        );
      } else await pipeline(writeTar(inFolders(exporting, tar)), createWriteStream(unfinished), { signal });
      await rename(unfinished, dest);
    } finally {
      await rm(unfinished, { force: true });
    }
  });
  return {};
}

async function* inFolders(
  exporting: Exporting,
  tar: (root: string) => AsyncIterable<Uint8Array>,
): AsyncGenerator<NewTarEntry> {
  const { snapshots } = exporting.plant.shop;
  const { epoch } = exporting;
  // As BuildKit: with SOURCE_DATE_EPOCH every file has that time, be it later or earlier.
  const dated = epoch === undefined ? {} : { mtimeSeconds: epoch, mtimeNanoseconds: 0 };
  for (const stage of exporting.built) {
    const folder = folderOf(exporting, stage);
    const prefix = folder === '' ? '' : `${folder}/`;
    if (prefix !== '') yield { header: { path: prefix, type: 'dir', mode: 0o755, ...dated } };
    const mounted = await snapshots.mount(stage.root.snapshot);
    try {
      for await (const { header, body } of readTar(tar(mounted.target))) {
        const link = header.type === 'hardlink' ? `${prefix}${header.link}` : header.link;
        yield { header: { ...header, path: `${prefix}${header.path}`, link, ...dated }, body };
      }
    } finally {
      await mounted.unmount();
    }
  }
}
