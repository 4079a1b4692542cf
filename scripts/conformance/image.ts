/** Reading a saved image, and what its layers come to. */
import { createHash } from 'node:crypto';
import { createReadStream, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { dirname, join, posix } from 'node:path';
import { createGunzip, createZstdDecompress } from 'node:zlib';
import { readTar } from '../../src/layer/index.ts';
import { run } from '../run.ts';
import type { Entry, HistoryEntry } from './case.ts';

export interface ImageConfig {
  readonly config?: Readonly<Record<string, unknown>>;
  readonly created?: string;
  readonly history?: readonly HistoryEntry[] | null;
  readonly rootfs: { readonly diff_ids: readonly string[] };
  readonly [field: string]: unknown;
}

/** One layer's entry, whiteouts included. */
type LayerEntry = Entry & { readonly name: string };

export interface SavedImage {
  readonly config: ImageConfig;
  readonly layers: readonly (readonly LayerEntry[])[];
}

export type Tree = ReadonlyMap<string, Entry>;

/** Layers that many images share, by diffID. */
const known = new Map<string, readonly LayerEntry[]>();

/** Reads an archive as `docker save` and `strata save` write it. */
export async function readSavedImage(archive: string): Promise<SavedImage> {
  const folder = mkdtempSync(`${archive}-`);
  try {
    run('tar', ['-xf', archive, '-C', folder]);
    const json = (name: string) => JSON.parse(readFileSync(join(folder, name), 'utf8'));
    const [manifest] = json('manifest.json') as [{ Config: string; Layers: readonly string[] }];
    const config = json(manifest.Config) as ImageConfig;
    const layers: (readonly LayerEntry[])[] = [];
    for (const [i, name] of manifest.Layers.entries()) {
      const id = config.rootfs.diff_ids[i] ?? '';
      const entries = known.get(id) ?? (await readLayer(join(folder, name)));
      if (entries.length > 500 || known.size < 8) known.set(id, entries);
      layers.push(entries);
    }
    return { config, layers };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function readLayer(file: string): Promise<readonly LayerEntry[]> {
  const entries: LayerEntry[] = [];
  for await (const { header, body } of readTar(plain(file))) {
    const { type, link } = header;
    const isDevice = type === 'char' || type === 'block';
    const xattrs = [...header.xattrs]
      .filter(([name]) => !name.startsWith('trusted.overlay') && name !== 'security.selinux')
      .map(([name, value]) => [name, Buffer.from(value).toString('hex')]);
    const hash = createHash('sha256');
    for await (const chunk of body) hash.update(chunk);
    entries.push({
      name: normal(header.path),
      mode: header.mode.toString(8).padStart(4, '0'),
      uid: header.uid,
      gid: header.gid,
      mtime: header.mtimeSeconds,
      type,
      ...(type === 'symlink' && { link }),
      ...(type === 'hardlink' && { link: normal(link) }),
      ...(isDevice && { dev: [header.major, header.minor] }),
      ...(type === 'file' && { size: header.size, sha256: hash.digest('hex') }),
      ...(xattrs.length > 0 && { xattrs: Object.fromEntries(xattrs) }),
    });
  }
  return entries;
}

function plain(file: string): AsyncIterable<Uint8Array> {
  const magic = readFileSync(file).subarray(0, 4).toString('hex');
  const bytes = createReadStream(file);
  if (magic === '28b52ffd') return bytes.pipe(createZstdDecompress());
  return magic.startsWith('1f8b') ? bytes.pipe(createGunzip()) : bytes;
}

/** Without slashes at the ends; the root is empty. */
function normal(path: string): string {
  return posix.normalize(`/${path}`).replace(/^\/+|\/+$/g, '');
}

/** The files that a container would see, by path without the first slash. */
export function flatten(layers: SavedImage['layers']): Tree {
  const files = new Map<string, Entry>();
  const children = new Map<string, Set<string>>();
  const parent = (path: string) => (dirname(path) === '.' ? '' : dirname(path));

  function drop(path: string): void {
    for (const child of [...(children.get(path) ?? [])]) drop(child);
    files.delete(path);
    children.delete(path);
    children.get(parent(path))?.delete(path);
  }

  function put(path: string, entry: Entry): void {
    files.set(path, entry);
    if (path === '') return;
    const siblings = children.get(parent(path)) ?? new Set();
    children.set(parent(path), siblings.add(path));
  }

  for (const layer of layers) {
    for (const { name } of layer) {
      const [folder, last] = [parent(name), posix.basename(name)];
      if (last === '.wh..wh..opq') for (const child of [...(children.get(folder) ?? [])]) drop(child);
      else if (last.startsWith('.wh.') && !last.startsWith('.wh..wh.')) drop(posix.join(folder, last.slice(4)));
    }
    for (const { name, ...entry } of layer) {
      if (posix.basename(name).startsWith('.wh.')) continue;
      const before = files.get(name);
      if (entry.type === 'hardlink') {
        const target = files.get(entry.link!) ?? { type: 'broken-hardlink', link: entry.link! };
        if (before !== undefined && before !== target) drop(name);
        put(name, target);
      } else {
        if (before !== undefined && !(before.type === 'dir' && entry.type === 'dir')) drop(name);
        put(name, entry);
      }
    }
  }
  return withLinks(files);
}

/** Each file with its other names. */
function withLinks(files: ReadonlyMap<string, Entry>): Tree {
  const names = new Map<Entry, string[]>();
  for (const [path, entry] of files) if (entry.type !== 'dir') names.set(entry, [...(names.get(entry) ?? []), path]);
  const tree = new Map<string, Entry>();
  for (const [path, entry] of files) {
    const others = (names.get(entry) ?? []).filter((name) => name !== path);
    const hardlinks = others.map((name) => `/${name}`).sort(byBytes);
    if (path !== '') tree.set(path, others.length > 0 ? { ...entry, hardlinks } : entry);
  }
  return tree;
}

export function byBytes(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}
