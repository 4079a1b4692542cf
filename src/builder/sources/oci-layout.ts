import { createReadStream } from 'node:fs';
import { open, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { messageOf, StrataError } from '../../errors/index.ts';
import type { Images } from '../../image/index.ts';
import {
  chainIDs,
  type Descriptor,
  type Digest,
  encoded,
  type ImageConfig,
  type Index,
  isDigest,
  type Manifest,
  mediaTypes,
  type Platform,
  sha256,
} from '../../oci/index.ts';
import {
  checkImageManifest,
  chooseManifest,
  type Document,
  parseDocument,
  parseImageConfig,
} from '../../registry/index.ts';
import type { SnapshotName } from '../../snapshot/index.ts';
import type { Session } from '../session.ts';

/** Most bytes of an index, a manifest or a configuration. */
const limit = 8 * 1024 ** 2;

export interface LayoutImage {
  readonly config: ImageConfig;
  readonly rawConfig: Uint8Array;
  readonly snapshot: SnapshotName | null;
}

/** An OCI image layout: a folder of this machine, or what a client serves of one of its own. */
interface Layout {
  /** How errors call it. */
  readonly dir: string;
  /** Tag or digest; of a client's layout a digest. */
  readonly reference?: string;
  index(): Promise<Index>;
  open(digest: Digest): Promise<AsyncIterable<Uint8Array>>;
}

export function layoutOf(
  { blobsOf }: Pick<Session, 'blobsOf'>,
  { dir, reference }: { readonly dir: string; readonly reference?: string },
): Layout {
  const own = blobsOf(dir);
  return {
    dir,
    ...(reference !== undefined && { reference }),
    index: own ? async () => ({ schemaVersion: 2, manifests: [] }) : () => readIndex(dir),
    open: own ? async (digest) => own.read(digest) : async (digest) => createReadStream(await blobFile(dir, digest)),
  };
}

type Unpacker = Pick<Images, 'unpackLayer'>;

/**
 * Unpacks one image of an OCI image layout (image-spec v1.1, image-layout.md) that is a folder of this machine. Without a
 * `reference` it is the one called `latest`, or the only one there is. Every blob is verified.
 */
export async function openOciLayout(
  images: Unpacker,
  layout: Layout,
  { platform, signal }: { readonly platform: Platform; readonly signal: AbortSignal },
): Promise<LayoutImage> {
  let descriptor = await choose(layout);
  for (let depth = 0; depth < 4; depth++) {
    const document = await readDocument(layout, descriptor);
    if (document.kind === 'manifest') return openManifest(images, layout, document.manifest, signal);
    descriptor = chooseManifest(document.index, platform);
  }
  throw invalid(layout.dir, 'it is an index of an index of an index of an index');
}

/** An image of a layout whose layers are not unpacked yet. */
export interface PackedImage {
  readonly rawConfig: Uint8Array;
  unpack(images: Unpacker, signal: AbortSignal): Promise<LayoutImage>;
}

/** The images of the index that the reference means, one after another, each once, and no more than `most`. */
export async function* readWholeLayout(layout: Layout, most: number): AsyncGenerator<PackedImage> {
  const root = await readDocument(layout, await choose(layout));
  if (root.kind === 'manifest') return yield await packed(layout, root.manifest);
  const entries = new Map(root.index.manifests.map((entry) => [entry.digest, entry]));
  for (const entry of [...entries.values()].slice(0, most)) {
    const document = await readDocument(layout, entry);
    if (document.kind === 'manifest') yield await packed(layout, document.manifest);
  }
}

async function packed(layout: Layout, manifest: Manifest): Promise<PackedImage> {
  return {
    rawConfig: await readBlob(layout, manifest.config),
    unpack: (images, signal) => openManifest(images, layout, manifest, signal),
  };
}

async function readDocument(layout: Layout, descriptor: Descriptor): Promise<Document> {
  const bytes = await readBlob(layout, descriptor);
  return parseDocument(bytes, descriptor.mediaType || typeIn(bytes), layout.dir);
}

async function openManifest(
  images: Unpacker,
  layout: Layout,
  manifest: Manifest,
  signal: AbortSignal,
): Promise<LayoutImage> {
  checkImageManifest(manifest, layout.dir);
  const rawConfig = await readBlob(layout, manifest.config);
  const config = parseImageConfig(rawConfig, manifest.layers.length, layout.dir);
  const chains = chainIDs(config.rootfs.diff_ids);
  let snapshot: SnapshotName | null = null;
  for (const [i, layer] of manifest.layers.entries()) {
    snapshot = await images.unpackLayer(() => layout.open(layer.digest), {
      parent: snapshot,
      diffID: config.rootfs.diff_ids[i]! as unknown as Digest,
      chainID: chains[i]! as unknown as Digest,
      mediaType: layer.mediaType,
      signal,
    });
  }
  return { config, rawConfig, snapshot };
}

function invalid(dir: string, why: string, cause?: unknown): StrataError {
  return new StrataError('invalid_argument', `the OCI layout ${dir} cannot be used: ${why}`, {
    code: 'invalid_layout',
    cause,
  });
}

async function readIndex(dir: string): Promise<Index> {
  try {
    const index = JSON.parse((await readBounded(join(dir, 'index.json'))).toString('utf8')) as Index;
    if (!Array.isArray(index.manifests)) throw new Error('index.json has no list of manifests');
    return index;
  } catch (error) {
    throw invalid(dir, messageOf(error), error);
  }
}

async function choose({ dir, index, reference }: Layout): Promise<Descriptor> {
  const { manifests } = await index();
  if (reference !== undefined && isDigest(reference)) {
    // A digest may name what only stands below one of the entries.
    const listed = manifests.find(({ digest }) => digest === reference);
    return listed ?? { mediaType: '', digest: reference, size: -1 };
  }
  const tag = reference ?? 'latest';
  const called = manifests.find(
    ({ annotations }) =>
      annotations?.['org.opencontainers.image.ref.name'] === tag ||
      annotations?.['io.containerd.image.name']?.split('/').at(-1)?.split(':')[1] === tag,
  );
  if (called) return called;
  if (reference === undefined && manifests.length === 1) return manifests[0]!;
  const tags = manifests.flatMap(({ annotations }) => annotations?.['org.opencontainers.image.ref.name'] ?? []);
  throw new StrataError('not_found', `could not find ${JSON.stringify(tag)} in the OCI layout ${dir}`, {
    code: 'not_in_layout',
    ...(tags.length > 0 && { hint: `it holds ${[...new Set(tags)].slice(0, 20).join(', ')}` }),
  });
}

async function blobFile(dir: string, digest: Digest): Promise<string> {
  if (!isDigest(digest) || !digest.startsWith('sha256:')) throw invalid(dir, `${String(digest)} is no sha256 digest`);
  const path = join(dir, 'blobs', 'sha256', encoded(digest));
  const found = await stat(path).catch((error) => {
    throw invalid(dir, `blob ${digest} is missing`, error);
  });
  if (!found.isFile()) throw invalid(dir, `blob ${digest} is no file`);
  return path;
}

async function readBlob({ dir, open: openBlob }: Layout, { digest, size }: Descriptor): Promise<Buffer> {
  const bytes = await bounded(await openBlob(digest), `blob ${digest} of the OCI layout ${dir}`);
  if (sha256(bytes) !== digest || (size >= 0 && size !== bytes.length)) {
    throw new StrataError('data_loss', `blob ${digest} of the OCI layout ${dir} is not what its digest says`, {
      code: 'digest_mismatch',
    });
  }
  return bytes;
}

async function bounded(source: AsyncIterable<Uint8Array>, what: string): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let total = 0;
  for await (const chunk of source) {
    total += chunk.length;
    if (total > limit) throw new StrataError('data_loss', `${what} is larger than ${limit} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

async function readBounded(path: string): Promise<Buffer> {
  const file = await open(path);
  try {
    if ((await file.stat()).size > limit) throw new Error(`${path} is larger than ${limit} bytes`);
    return await file.readFile();
  } finally {
    await file.close();
  }
}

/** What a document that was named by its digest alone says of itself. */
function typeIn(bytes: Buffer): string {
  const { mediaType, manifests } = JSON.parse(bytes.toString('utf8')) as Partial<Index>;
  return mediaType ?? (manifests ? mediaTypes.ociIndex : mediaTypes.ociManifest);
}
