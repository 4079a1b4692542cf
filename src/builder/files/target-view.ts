import { closeSync, constants, fstatSync, readSync, type Stats } from 'node:fs';
import { dirname } from 'node:path/posix';
import { StrataError } from '../../errors/index.ts';
import {
  chmodSync,
  getXattr,
  isErrno,
  lchownSync,
  listXattrs,
  lstatSync,
  mkdirSync,
  openSync,
  readlinkSync,
  setTimes,
  setXattr,
} from '../../sys/index.ts';
import { timeOf } from './time.ts';

/** Where copies go: the upper layer of an active snapshot, and what lies below it. */
export interface TargetLayers {
  /** Folder that is written to. */
  readonly upper: string;
  /** Layer directories below it, topmost first; none for a tree that is whole. */
  readonly lowers: readonly string[];
}

interface Found {
  readonly stat: Stats;
  /** Host's path of the topmost entry. */
  readonly host: string;
  /** For a folder: the host's paths that are merged in it, below the upper layer, topmost first. */
  readonly lowers: readonly string[];
}

/**
 * An active snapshot as overlayfs would show it, without mounting it: writing many small files through a mount costs
 * half as much again. Paths are absolute inside the image and free of links. Nobody else sees or changes an active
 * snapshot, and the layers below never change, so what is looked up stays true.
 */
export class TargetView {
  readonly #layers: TargetLayers;
  /** What the lower layers have, by path. They never change. */
  readonly #below = new Map<string, Omit<Found, 'stat'> & { readonly stat: Stats | undefined }>();
  /** Folders that were brought up only to hold something, with the times that they had. */
  readonly #broughtUp = new Map<string, readonly [number, number]>();

  constructor(layers: TargetLayers) {
    this.#layers = layers;
    this.#below.set('/', { stat: undefined, host: '', lowers: layers.lowers });
  }

  /** Where `path` is written. */
  at(path: string): string {
    return path === '/' ? this.#layers.upper : this.#layers.upper + path;
  }

  lstat(path: string): Stats | undefined {
    return lstatOf(this.at(path)) ?? (this.#layers.lowers.length === 0 ? undefined : this.#lower(path).stat);
  }

  /** Target of the link at `path`; undefined where there is no link. */
  readlink(path: string): string | undefined {
    const stat = this.lstat(path);
    if (!stat?.isSymbolicLink()) return undefined;
    return readlinkSync(lstatOf(this.at(path)) ? this.at(path) : this.#lower(path).host);
  }

  /** The text of a regular file, undefined where there is none. `path` may hold links. */
  readFile(path: string, limit: number): string | undefined {
    const real = this.resolve(path);
    if (!this.lstat(real)?.isFile()) return undefined;
    const host = lstatOf(this.at(real)) ? this.at(real) : this.#lower(real).host;
    const fd = openSync(host, constants.O_RDONLY | constants.O_NOFOLLOW);
    try {
      const bytes = Buffer.alloc(Math.min(limit, fstatSync(fd).size));
      return bytes.toString('utf8', 0, readSync(fd, bytes, 0, bytes.length, 0));
    } finally {
      closeSync(fd);
    }
  }

  /** `path` with the links on it followed inside the image; what is missing is taken literally. */
  resolve(path: string): string {
    let rest = path.split('/').filter((part) => part !== '' && part !== '.');
    const done: string[] = [];
    for (let links = 0; rest.length > 0; ) {
      const part = rest[0]!;
      rest = rest.slice(1);
      if (part === '..') {
        done.pop();
        continue;
      }
      const target = this.readlink(`/${[...done, part].join('/')}`);
      if (target === undefined) {
        done.push(part);
        continue;
      }
      if (++links > 255) throw new StrataError('invalid_argument', `too many links in ${path}`);
      if (target.startsWith('/')) done.length = 0;
      rest = [...target.split('/').filter((piece) => piece !== '' && piece !== '.'), ...rest];
    }
    return `/${done.join('/')}`;
  }

  /** Makes sure that the folder `path`, which is there, can be written into. */
  bringUp(path: string): void {
    if (path === '/' || lstatOf(this.at(path))) return;
    this.bringUp(dirname(path));
    const { host } = this.#lower(path);
    const stat = lstatSync(host, { bigint: true });
    const upper = this.at(path);
    mkdirSync(upper, 0o700);
    lchownSync(upper, Number(stat.uid), Number(stat.gid));
    chmodSync(upper, Number(stat.mode) & 0o7777);
    for (const name of listXattrs(host)) {
      if (name.startsWith('trusted.overlay.')) continue;
      const value = getXattr(host, name);
      if (value) setXattr(upper, name, value);
    }
    this.#broughtUp.set(path, timeOf(stat.mtimeNs));
  }

  /** Notes that something was made in the folder `path`, so that its time is really a new one. */
  touched(path: string): void {
    this.#broughtUp.delete(path);
  }

  /** Gives folders that were only brought up the times that they had. */
  settle(): void {
    const paths = [...this.#broughtUp.keys()].sort((a, b) => b.length - a.length);
    for (const path of paths) setTimes(this.at(path), ...this.#broughtUp.get(path)!);
    this.#broughtUp.clear();
  }

  #lower(path: string): Omit<Found, 'stat'> & { readonly stat: Stats | undefined } {
    const known = this.#below.get(path);
    if (known) return known;
    const cut = path.lastIndexOf('/');
    const parent = this.#lower(cut <= 0 ? '/' : path.slice(0, cut));
    const found = merge(parent.lowers, path.slice(cut + 1));
    // Only folders are asked for again and again.
    if (found.lowers.length > 0) this.#below.set(path, found);
    return found;
  }
}

/** One name in merged folders, by overlayfs's rules: the topmost wins, folders merge down to an opaque one or a whiteout. */
function merge(folders: readonly string[], name: string): Omit<Found, 'stat'> & { readonly stat: Stats | undefined } {
  let top: { stat: Stats; host: string } | undefined;
  const lowers: string[] = [];
  for (const folder of folders) {
    const host = `${folder}/${name}`;
    const stat = lstatOf(host);
    if (!stat) continue;
    if (isWhiteout(stat)) break;
    if (!stat.isDirectory()) {
      top ??= { stat, host };
      break;
    }
    top ??= { stat, host };
    lowers.push(host);
    if (getXattr(host, 'trusted.overlay.opaque')?.toString() === 'y') break;
  }
  return { stat: top?.stat, host: top?.host ?? '', lowers };
}

function isWhiteout(stat: Stats): boolean {
  return stat.isCharacterDevice() && stat.rdev === 0;
}

function lstatOf(path: string): Stats | undefined {
  try {
    return lstatSync(path);
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) return undefined;
    throw error;
  }
}
