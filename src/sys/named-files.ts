/**
 * Node's calls on files, for names that are bytes: they take and give names (see file-name.ts), where Node's own read and
 * write U+FFFD. Whatever walks a tree that others fill uses these. They cost no more than a look at the string.
 */
import fs, { type BigIntStats, type Dirent, type Stats } from 'node:fs';
import later, { type FileHandle } from 'node:fs/promises';
import { kernelPath, nameOf } from './file-name.ts';

/** What Node puts in the place of bytes that it cannot read: only then is it asked again, for the bytes. */
const lost = '\ufffd';
const asBytes = { encoding: 'buffer' } as const;
const typedBytes = { ...asBytes, withFileTypes: true } as const;

type WithTypes = { readonly withFileTypes: true };

export function readdirSync(path: string): string[];
export function readdirSync(path: string, options: WithTypes): Dirent[];
export function readdirSync(path: string, options?: WithTypes): string[] | Dirent[] {
  const at = kernelPath(path);
  if (options === undefined) {
    const names = fs.readdirSync(at);
    return names.some(isLost) ? fs.readdirSync(at, asBytes).map(nameOf) : names;
  }
  const entries = fs.readdirSync(at, options);
  return entries.some(({ name }) => isLost(name)) ? fs.readdirSync(at, typedBytes).map(named) : entries;
}

export function readdir(path: string): Promise<string[]>;
export function readdir(path: string, options: WithTypes): Promise<Dirent[]>;
export async function readdir(path: string, options?: WithTypes): Promise<string[] | Dirent[]> {
  const at = kernelPath(path);
  if (options === undefined) {
    const names = await later.readdir(at);
    return names.some(isLost) ? (await later.readdir(at, asBytes)).map(nameOf) : names;
  }
  const entries = await later.readdir(at, options);
  return entries.some(({ name }) => isLost(name)) ? (await later.readdir(at, typedBytes)).map(named) : entries;
}

function isLost(name: string): boolean {
  return name.includes(lost);
}

function named(entry: Dirent<Buffer>): Dirent {
  return Object.assign(entry as unknown as Dirent, { name: nameOf(entry.name) });
}

export function readlinkSync(path: string): string {
  const at = kernelPath(path);
  const target = fs.readlinkSync(at);
  return isLost(target) ? nameOf(fs.readlinkSync(at, 'buffer')) : target;
}

export async function readlink(path: string): Promise<string> {
  const at = kernelPath(path);
  const target = await later.readlink(at);
  return isLost(target) ? nameOf(await later.readlink(at, 'buffer')) : target;
}

export function realpathSync(path: string): string {
  return nameOf(fs.realpathSync.native(kernelPath(path), 'buffer'));
}

export function lstatSync(path: string): Stats;
export function lstatSync(path: string, options: { readonly throwIfNoEntry: false }): Stats | undefined;
export function lstatSync(path: string, options: { readonly bigint: true }): BigIntStats;
export function lstatSync(path: string, options?: object): Stats | BigIntStats | undefined {
  return fs.lstatSync(kernelPath(path), options);
}

export function statSync(path: string): Stats;
export function statSync(path: string, options: { readonly throwIfNoEntry: false }): Stats | undefined;
export function statSync(path: string, options: { readonly bigint: true }): BigIntStats;
export function statSync(path: string, options?: object): Stats | BigIntStats | undefined {
  return fs.statSync(kernelPath(path), options);
}

export function lstat(path: string): Promise<Stats>;
export function lstat(path: string, options: { readonly bigint: true }): Promise<BigIntStats>;
export async function lstat(path: string, options?: { readonly bigint: true }): Promise<Stats | BigIntStats> {
  return await later.lstat(kernelPath(path), options);
}

export function openSync(path: string, flags: number, mode?: number): number {
  return fs.openSync(kernelPath(path), flags, mode);
}

export async function open(path: string, flags: number): Promise<FileHandle> {
  return await later.open(kernelPath(path), flags);
}

export function createReadStream(
  path: string,
  options: { readonly end?: number; readonly highWaterMark?: number } = {},
): fs.ReadStream {
  return fs.createReadStream(kernelPath(path), options);
}

export function mkdirSync(path: string, mode: number): void {
  fs.mkdirSync(kernelPath(path), mode);
}

export function chmodSync(path: string, mode: number): void {
  fs.chmodSync(kernelPath(path), mode);
}

export function lchownSync(path: string, uid: number, gid: number): void {
  fs.lchownSync(kernelPath(path), uid, gid);
}

export function linkSync(existing: string, path: string): void {
  fs.linkSync(kernelPath(existing), kernelPath(path));
}

export function symlinkSync(target: string, path: string): void {
  fs.symlinkSync(kernelPath(target), kernelPath(path));
}

export function unlinkSync(path: string): void {
  fs.unlinkSync(kernelPath(path));
}

export function rmdirSync(path: string): void {
  fs.rmdirSync(kernelPath(path));
}

export async function rm(path: string, options: { readonly recursive: true; readonly force: true }): Promise<void> {
  await later.rm(kernelPath(path), options);
}
