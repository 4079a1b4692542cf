import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { StrataError } from '../errors/index.ts';
import { lstatSync, readdirSync, rm } from '../sys/index.ts';
import { permissionsOfMode, typeOfMode } from './file-mode.ts';
import type { Stat as WireStat } from './wire/fsutil_pb.ts';

/** A file as the client lists it, its path and the target of a link as names. */
export type Stat = Omit<WireStat, 'path' | 'linkname'> & { readonly path: string; readonly linkname: string };

/** Files looked at between two turns of the event loop. */
const batch = 500;

/**
 * Makes `dir` ready to become what the client lists: what it does not list goes. Returns the files that are there
 * already, by size, time and permissions, as BuildKit tells them: their content need not be sent.
 */
export async function keepUnchanged(dir: string, stats: readonly Stat[]): Promise<ReadonlySet<Stat>> {
  const wanted = new Map<string, Stat>();
  for (const stat of stats) {
    if (stat.path.startsWith('/') || stat.path.split('/').includes('..'))
      throw new StrataError('invalid_argument', `the client sent a path that leaves its folder: ${stat.path}`);
    wanted.set(stat.path, stat);
  }
  const unchanged = new Set<Stat>();
  let looked = 0;

  async function visit(folder: string): Promise<void> {
    for (const entry of readdirSync(join(dir, folder), { withFileTypes: true })) {
      if (++looked % batch === 0) await turn();
      const path = folder === '' ? entry.name : `${folder}/${entry.name}`;
      const stat = wanted.get(path);
      const isDir = stat !== undefined && typeOfMode(stat.mode) === 'dir';
      if (!stat || isDir !== entry.isDirectory()) await rm(join(dir, path), { recursive: true, force: true });
      else if (isDir) await visit(path);
      else if (entry.isFile() && isSame(join(dir, path), stat)) unchanged.add(stat);
    }
  }

  await visit('');
  return unchanged;
}

function isSame(path: string, stat: Stat): boolean {
  if (typeOfMode(stat.mode) !== 'file' || stat.linkname !== '') return false;
  const found = lstatSync(path, { bigint: true });
  return (
    found.size === stat.size &&
    found.mtimeNs === stat.modTime &&
    Number(found.mode & 0o7777n) === permissionsOfMode(stat.mode) &&
    // A file with several names is written anew: the other names may be other files now.
    found.nlink === 1n
  );
}
