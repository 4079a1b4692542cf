import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createIgnore } from '../../dockerfile/index.ts';
import { kernelPath, lstat, nameOf, readdir } from '../../sys/index.ts';

/** Bytes of a tar's header, of the unit that contents are filled up to, and of the end of the archive. */
const block = 512;
const end = 2 * block;

/**
 * Bytes of the archive in which the docker client would send a folder, for the line that the classic view begins with: the
 * files that .dockerignore leaves, and the Dockerfile in any case. Nothing is read but directories.
 */
export async function contextSize(folder: string, dockerfile: string): Promise<number> {
  const text = await readFile(kernelPath(join(folder, '.dockerignore'))).then(nameOf, () => '');
  const ignore = createIgnore(`${text}\n!${dockerfile}\n!.dockerignore\n`);
  let size = end;
  const walk = async (inside: string): Promise<void> => {
    for (const entry of await readdir(join(folder, inside), { withFileTypes: true })) {
      const path = inside === '' ? entry.name : `${inside}/${entry.name}`;
      if (entry.isDirectory() && !ignore.skipsDirectory(path)) await walk(path);
      // A socket is nothing that an archive can hold.
      if (ignore(path, entry.isDirectory()) || entry.isSocket()) continue;
      const bytes = entry.isFile() ? (await lstat(join(folder, path))).size : 0;
      size += block + Math.ceil(bytes / block) * block;
    }
  };
  await walk('');
  return size;
}
