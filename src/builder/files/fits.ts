import { posix } from 'node:path';
import { lstatSync, readdirSync } from '../../sys/index.ts';
import type { FitsJob, Owner } from './jobs.ts';
import { TargetView } from './target-view.ts';

/**
 * Whether a layer that a copy made on another base is what the copy would make on this one: no link or file is in its
 * way, and the folders that both have look the same. Then the layer can simply be put on the new base.
 */
export function fits({ layer, lowers, dest, look }: FitsJob): boolean {
  const view = new TargetView({ upper: `${layer}/`, lowers: [] });
  const base = new TargetView({ upper: '/proc/self/no-such-folder', lowers });
  const path = posix.normalize(dest).replace(/(.)\/+$/, '$1');
  // The copy went just there, through no link, then and now.
  if (base.resolve(path) !== path || !view.lstat(path)) return false;
  // Where the copy went depends on whether its target is a folder.
  const isFolderTarget = dest.endsWith('/') || dest.endsWith('/.');
  if (!isFolderTarget && view.lstat(path)?.isDirectory() && !base.lstat(path)) return false;
  return fitsBelow('/', { layer, base, path, owner: look.chown });
}

interface Fitting {
  readonly layer: string;
  readonly base: TargetView;
  readonly path: string;
  readonly owner: Owner | undefined;
}

function fitsBelow(folder: string, fitting: Fitting): boolean {
  return readdirSync(fitting.layer + folder).every((name) => {
    const path = folder === '/' ? `/${name}` : `${folder}/${name}`;
    return fitsAt(path, fitting);
  });
}

function fitsAt(path: string, fitting: Fitting): boolean {
  const own = lstatSync(fitting.layer + path);
  const there = fitting.base.lstat(path);
  if (!own.isDirectory()) return !there?.isDirectory();
  if (there) {
    if (!there.isDirectory()) return false;
    const same = there.mode === own.mode && there.uid === own.uid && there.gid === own.gid;
    return same && fitsBelow(path, fitting);
  }
  // A folder on the way is made anew: it must look as if it had been made here as well.
  const onTheWay = path === fitting.path || fitting.path.startsWith(`${path}/`);
  const { uid, gid } = fitting.owner ?? { uid: 0, gid: 0 };
  const asMade = (own.mode & 0o7777) === 0o755 && own.uid === uid && own.gid === gid;
  return (!onTheWay || asMade) && fitsBelow(path, fitting);
}
