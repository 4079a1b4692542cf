import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Descriptor, mediaTypes } from '../oci/index.ts';
import { isErrno } from '../sys/index.ts';

/** OCI image-spec v1.1 image-layout.md: the two files beside `blobs/`. */
export interface Layout {
  /** Replaces the entries of `index.json`: of calls that overlap, the last one's stay. */
  writeIndex(manifests: readonly Descriptor[]): Promise<void>;
}

/** Makes the files where they are absent, or not what they should be (a power cut may leave them empty). */
export async function openLayout(root: string): Promise<Layout> {
  const index = join(root, 'index.json');
  await ensure(join(root, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}', 'imageLayoutVersion');
  await ensure(index, indexText([]), 'manifests');
  let written: Promise<unknown> = Promise.resolve();
  return {
    async writeIndex(manifests) {
      const text = indexText(manifests);
      const write = written.then(() => replace(index, text));
      written = write.catch(() => {});
      await write;
    },
  };
}

async function ensure(file: string, text: string, field: string): Promise<void> {
  try {
    const found: unknown = JSON.parse(await readFile(file, 'utf8'));
    if (typeof found === 'object' && found !== null && field in found) return;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== undefined && code !== 'ENOENT') throw error;
  }
  await replace(file, text);
}

/**
 * Readers see the old text or the new. No fsync: what a power cut takes is written anew from the rows. On a full disk there
 * is no place for a second file: what is removed goes from the first one all the same.
 */
async function replace(file: string, text: string): Promise<void> {
  const part = `${file}.part`;
  try {
    await writeFile(part, text);
    await rename(part, file);
  } catch (error) {
    if (!isErrno(error, 'ENOSPC')) throw error;
    await rm(part, { force: true });
    await writeFile(file, text);
  }
}

function indexText(manifests: readonly Descriptor[]): string {
  return JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests });
}
