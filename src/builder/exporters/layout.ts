import { createWriteStream } from 'node:fs';
import { chmod, chown, copyFile, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { ContentStore } from '../../content/index.ts';
import { type NewTarEntry, writeTar } from '../../layer/index.ts';
import { type Descriptor, type Index, mediaTypes } from '../../oci/index.ts';
import type { ClientBlobs } from '../types.ts';
import { makeFolder } from './make-folder.ts';

/** What an OCI image layout is to hold (image-spec v1.1, image-layout.md). */
export interface Layout {
  /** Entries of `index.json`. */
  readonly entries: readonly Descriptor[];
  /** Blobs that are not in the content store. */
  readonly documents: readonly { readonly descriptor: Descriptor; readonly bytes: Uint8Array }[];
  /** Blobs of the content store. */
  readonly blobs: readonly Descriptor[];
}

const version = Buffer.from('{"imageLayoutVersion":"1.0.0"}');
const tagKey = 'org.opencontainers.image.ref.name';

function indexJson(manifests: readonly Descriptor[]): Buffer {
  return Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests }));
}

function pathOf({ digest }: Descriptor): string {
  return `blobs/${digest.replace(':', '/')}`;
}

function distinct(blobs: readonly Descriptor[]): Descriptor[] {
  return [...new Map(blobs.map((blob) => [blob.digest, blob])).values()];
}

/** Writes the layout as a tar, which appears at `dest` when it is whole. */
export async function writeLayoutArchive(
  content: ContentStore,
  layout: Layout,
  dest: string,
  signal: AbortSignal,
): Promise<void> {
  async function* members(): AsyncGenerator<NewTarEntry> {
    for (const path of ['blobs/', 'blobs/sha256/']) yield { header: { path, type: 'dir', mode: 0o755 } };
    for (const blob of distinct(layout.blobs)) {
      const body = await content.fetch(blob, { signal });
      yield { header: { path: pathOf(blob), type: 'file', size: blob.size }, body };
    }
    for (const { descriptor, bytes } of layout.documents) yield member(pathOf(descriptor), bytes);
    yield member('index.json', indexJson(layout.entries));
    yield member('oci-layout', version);
  }
  const unfinished = `${dest}.partial-${process.pid}`;
  try {
    await pipeline(writeTar(members()), createWriteStream(unfinished), { signal });
    await rename(unfinished, dest);
  } finally {
    await rm(unfinished, { force: true });
  }
}

function member(path: string, body: Uint8Array): NewTarEntry {
  return { header: { path, type: 'file', size: body.length }, body };
}

/** Writes the layout into a folder: the blobs first, then the index, which keeps what it had under other tags. */
export async function writeLayoutFolder(
  content: ContentStore,
  layout: Layout,
  dir: string,
  signal: AbortSignal,
): Promise<void> {
  await makeFolder(join(dir, 'blobs', 'sha256'));
  for (const blob of distinct(layout.blobs)) {
    signal.throwIfAborted();
    const path = join(dir, pathOf(blob));
    if ((await stat(path).catch(() => undefined))?.size === blob.size) continue;
    const source = await content.path(blob.digest);
    await finish(path, (unfinished) => copyFile(source, unfinished));
  }
  const write = (path: string, bytes: Uint8Array) =>
    finish(join(dir, path), (unfinished) => writeFile(unfinished, bytes, { flush: true }));
  for (const { descriptor, bytes } of layout.documents) await write(pathOf(descriptor), bytes);
  await write('oci-layout', version);
  const tags = new Set(layout.entries.map(({ annotations }) => annotations?.[tagKey]));
  const kept = (await oldEntries(dir)).filter(({ annotations }) => !tags.has(annotations?.[tagKey]));
  await write('index.json', indexJson([...kept, ...layout.entries]));
}

/** Gives a client the blobs; the index of its folder it writes itself, by the descriptor that the answer names. */
export async function sendLayout(
  content: ContentStore,
  layout: Layout,
  to: ClientBlobs,
  signal: AbortSignal,
): Promise<void> {
  for (const blob of distinct(layout.blobs)) await to.write(blob, await content.fetch(blob, { signal }));
  for (const { descriptor, bytes } of layout.documents) await to.write(descriptor, Readable.from([bytes]));
}

async function finish(path: string, write: (unfinished: string) => Promise<void>): Promise<void> {
  const unfinished = join(dirname(path), `.partial-${process.pid}-${path.split('/').at(-1)}`);
  try {
    await write(unfinished);
    await chmod(unfinished, 0o644);
    const { uid, gid } = await stat(dirname(path));
    await chown(unfinished, uid, gid);
    await rename(unfinished, path);
  } finally {
    await rm(unfinished, { force: true });
  }
}

async function oldEntries(dir: string): Promise<readonly Descriptor[]> {
  try {
    const index = JSON.parse(await readFile(join(dir, 'index.json'), 'utf8')) as Index;
    return Array.isArray(index.manifests) ? index.manifests : [];
  } catch {
    return [];
  }
}
