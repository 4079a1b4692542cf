import { chown, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { makeFolders } from '../../sys/index.ts';

/** Makes a folder with its parents. The daemon is root; what it makes belongs to whom the place belongs to. */
export async function makeFolder(path: string): Promise<void> {
  for (const made of makeFolders(path)) {
    const { uid, gid } = await stat(dirname(made));
    await chown(made, uid, gid);
  }
}
