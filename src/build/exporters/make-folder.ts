import { chown, mkdir, stat } from 'node:fs/promises';
import { dirname } from 'node:path';

/**
 * Makes a folder with its parents. The daemon is root; what it makes belongs to whom the place belongs to. Step by step:
 * Node's own `recursive` never ends in /proc, where a folder is not there however often it is made.
 */
export async function makeFolder(path: string): Promise<void> {
  if (await stat(path).catch(() => undefined)) return;
  const parent = dirname(path);
  await makeFolder(parent);
  await mkdir(path);
  const { uid, gid } = await stat(parent);
  await chown(path, uid, gid);
}
