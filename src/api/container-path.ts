import { posix } from 'node:path';
import type { Container } from '../container/index.ts';
import { StrataError } from '../errors/index.ts';
import { errnoText, isErrno, resolveInRoot, statInRoot } from '../sys/index.ts';
import type { ApiBackend } from './types.ts';

/** A tree and a path in it, where what a client calls `path` is to be found. */
export interface Place {
  /** Folder on the host that the path is resolved in and cannot leave. */
  readonly root: string;
  /** Absolute path inside `root`, with the trailing `/` or `/.` that the client gave. */
  readonly path: string;
}

/** Calls `use` with the place of `path` in a container, whose root shows its mounts whether it runs or not. */
export async function withPlace<T>(
  containers: ApiBackend['containers'],
  container: Container,
  path: string,
  use: (place: Place) => Promise<T>,
): Promise<T> {
  const given = keepTrail(posix.join('/', path), path);
  return await containers.withWholeRoot(container.id, (root) => use({ root, path: given }));
}

/** Throws where the user said that nothing may be written, whoever writes. */
export function assertWritable({ host, mounts }: Container, { root, path }: Place): void {
  const real = told(path, () => pathInRoot(root, path));
  const mount = mounts
    .filter(({ Destination: at }) => real === at || real.startsWith(`${at}/`))
    .toSorted((a, b) => b.Destination.length - a.Destination.length)[0];
  const isReadonly = mount ? !mount.RW : (host.ReadonlyRootfs ?? false);
  if (!isReadonly) return;
  const what = mount ? 'mounted volume' : 'container rootfs';
  throw new StrataError('permission_denied', `${what} is marked read-only`, { code: 'read_only' });
}

/** `join` drops a trailing `/.`, which tells a client's "what is in the folder" from "the folder". */
function keepTrail(clean: string, given: string): string {
  if (/(^|\/)\.$/.test(given)) return clean.endsWith('/') ? `${clean}.` : `${clean}/.`;
  return given.endsWith('/') && !clean.endsWith('/') ? `${clean}/` : clean;
}

export interface PathStat {
  readonly name: string;
  readonly size: number;
  /** Go's `fs.FileMode`. */
  readonly mode: number;
  readonly mtime: string;
  readonly linkTarget: string;
}

/** What `X-Docker-Container-Path-Stat` tells; undefined where there is nothing. */
export function statPlace({ root, path }: Place): PathStat | undefined {
  const base = posix.basename(path);
  const follow = path.endsWith('/') || base === '.';
  const stats = told(path, () => statInRoot(root, path, { follow, throughFile: 'throw' }));
  if (!stats) return undefined;
  return {
    name: path === '/' ? '/' : base,
    size: stats.size,
    mode: goMode(stats.mode),
    mtime: stats.mtime.toISOString(),
    linkTarget: stats.isSymbolicLink() ? told(path, () => pathInRoot(root, path)) : '',
  };
}

/** What the kernel does not take as a path is the caller's mistake. */
function told<T>(path: string, look: () => T): T {
  try {
    return look();
  } catch (cause) {
    if (!isErrno(cause, 'ENAMETOOLONG', 'ELOOP', 'ENOTDIR')) throw cause;
    const message = isErrno(cause, 'ELOOP')
      ? `evalSymlinksInScope: too many links in ${path}`
      : `lstat ${path}: ${errnoText(cause)}`;
    throw new StrataError('invalid_argument', message, { code: 'bad_path', cause });
  }
}

/** Where a path leads in the end, as a path inside the container. */
function pathInRoot(root: string, path: string): string {
  const real = resolveInRoot(root, path);
  const base = resolveInRoot(root, '/');
  return base !== '/' && real.startsWith(`${base}/`) ? real.slice(base.length) : real;
}

const kinds: readonly (readonly [number, number])[] = [
  [0o040000, 2 ** 31],
  [0o120000, 2 ** 27],
  [0o060000, 2 ** 26],
  [0o020000, 2 ** 26 + 2 ** 21],
  [0o010000, 2 ** 25],
  [0o140000, 2 ** 24],
];
const specials: readonly (readonly [number, number])[] = [
  [0o4000, 2 ** 23],
  [0o2000, 2 ** 22],
  [0o1000, 2 ** 20],
];

/** A Unix mode in the bits of Go's `fs.FileMode`. */
export function goMode(mode: number): number {
  const kind = kinds.find(([bits]) => (mode & 0o170000) === bits)?.[1] ?? 0;
  return specials.reduce((sum, [bit, go]) => (mode & bit ? sum + go : sum), kind + (mode & 0o777));
}

/** Throws unless `path` is a folder; a link to one counts. */
export function assertFolder({ root, path }: Place, container: string, given: string): void {
  const stats = told(path, () => statInRoot(root, path, { throughFile: 'throw' }));
  if (!stats) throw notInContainer(container, given);
  if (!stats.isDirectory()) throw new StrataError('invalid_argument', 'extraction point is not a directory');
}

/** `container` is what the client called it. */
export function notInContainer(container: string, path: string): StrataError {
  return new StrataError('not_found', `Could not find the file ${path} in container ${container}`, {
    code: 'path_not_found',
  });
}
