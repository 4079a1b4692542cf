import { randomBytes } from 'node:crypto';
import { posix } from 'node:path';
import type { ByteStream, ContentStore } from '../content/index.ts';
import { messageOf, StrataError } from '../errors/index.ts';
import { readTar } from '../layer/index.ts';
import {
  type Compression,
  chainIDs,
  type Descriptor,
  type DiffID,
  type Digest,
  hostPlatform,
  type ImageConfig,
  type Index,
  isDigest,
  isIndexType,
  layerCompression,
  type Manifest,
  mediaTypes,
  parseReference,
  platformMatches,
  type Reference,
  withDefaultTag,
} from '../oci/index.ts';
import type { Progress, TransferEvent } from '../progress/index.ts';
import type { SnapshotName } from '../snapshot/index.ts';
import { blobPath, parseArchiveManifest, parseMember } from './archive-names.ts';
import { detectCompression, plain } from './compression.ts';
import type { Image, Images } from './types.ts';

/** Most bytes of one archive, and most members: bounds against archives that only mean to fill the disk. */
const limits = { members: 100_000, bytes: 256 * 1024 ** 3, document: 8 * 1024 * 1024 };

interface Member {
  readonly digest: Digest;
  readonly size: number;
  readonly head: Uint8Array;
}

/** One image of an archive, before it is stored. */
interface Found {
  readonly config: Member;
  readonly layers: readonly Member[];
  readonly names: readonly Reference[];
  readonly manifest?: { readonly bytes: Uint8Array; readonly mediaType: string };
}

export interface LoadParts {
  readonly content: ContentStore;
  readonly unpack: Images['unpackLayer'];
  readonly create: Images['create'];
  readonly record: (diffID: DiffID, blob: Descriptor) => void;
  /** Removes blobs and snapshots that nothing names: after a failure the store is as it was. */
  readonly cleanUp: (blobs: readonly Digest[]) => Promise<void>;
}

export interface Loaded {
  readonly id: Digest;
  readonly name?: string;
}

export async function loadArchive(
  source: ByteStream,
  parts: LoadParts,
  options: { readonly signal?: AbortSignal; readonly progress?: Progress<TransferEvent> },
): Promise<readonly Loaded[]> {
  const members = new Map<string, Member>();
  const links = new Map<string, string>();
  const stored: Digest[] = [];
  try {
    await spool(await plain(source), parts.content, members, links, stored, options.signal);
    for (const [from, to] of links) {
      const member = members.get(to);
      if (member) members.set(from, member);
    }
    const images = await findImages(members, parts.content);
    if (images.length === 0)
      throw new StrataError('invalid_argument', 'the archive holds no image', {
        code: 'invalid_archive',
        hint: 'load takes what `save` wrote; for a root file system use import',
      });
    const loaded: Loaded[] = [];
    for (const found of images) loaded.push(...(await store(found, parts, options)));
    await parts.cleanUp(stored);
    return loaded;
  } catch (error) {
    await parts.cleanUp(stored);
    if (error instanceof StrataError || (error instanceof Error && error.name === 'AbortError')) throw error;
    throw new StrataError('invalid_argument', `the archive cannot be read: ${messageOf(error)}`, {
      code: 'invalid_archive',
      cause: error,
    });
  }
}

/** Every file of the archive becomes a blob under its digest: order and layout of the archive do not matter. */
async function spool(
  tar: ByteStream,
  content: ContentStore,
  members: Map<string, Member>,
  links: Map<string, string>,
  stored: Digest[],
  signal?: AbortSignal,
): Promise<void> {
  let total = 0;
  for await (const { header, body } of readTar(tar)) {
    signal?.throwIfAborted();
    if (members.size + links.size > limits.members)
      throw new StrataError('invalid_argument', `the archive has more than ${limits.members} members`, {
        code: 'archive_too_large',
      });
    const path = memberPath(header.path);
    if (header.type === 'symlink' || header.type === 'hardlink') {
      const base = header.type === 'symlink' ? posix.dirname(path) : '';
      links.set(path, memberPath(posix.join(base, header.link)));
      continue;
    }
    if (header.type !== 'file') continue;
    total += header.size;
    if (total > limits.bytes)
      throw new StrataError('invalid_argument', `the archive holds more than ${limits.bytes} bytes`, {
        code: 'archive_too_large',
      });
    const ingest = await content.ingest(`load-${randomBytes(8).toString('hex')}`);
    let head: Uint8Array = new Uint8Array(0);
    try {
      for await (const chunk of body) {
        if (head.length < 4) head = Buffer.concat([head, chunk.subarray(0, 8)]);
        await ingest.write(chunk);
      }
      const info = await ingest.commit({});
      stored.push(info.digest);
      members.set(path, { ...info, head });
    } catch (error) {
      await ingest.abort();
      throw error;
    }
  }
}

function memberPath(path: string): string {
  return posix.normalize(`/${path}`).slice(1);
}

async function findImages(members: ReadonlyMap<string, Member>, content: ContentStore): Promise<readonly Found[]> {
  const text = async (name: string) => {
    const member = members.get(name);
    return member && (await content.read(member.digest, { limit: limits.document }));
  };
  const manifest = await text('manifest.json');
  if (manifest) return parseArchiveManifest(manifest).map((one) => dockerImage(one, members));
  const index = await text('index.json');
  if (index) return await ociImages(parseMember('index.json', index) as Index, members, content);
  if (members.has('repositories')) {
    throw new StrataError(
      'unsupported',
      'the archive is of the format before Docker 1.10 (2016), which is not supported',
      { code: 'archive_too_old' },
    );
  }
  return [];
}

function dockerImage(
  entry: ReturnType<typeof parseArchiveManifest>[number],
  members: ReadonlyMap<string, Member>,
): Found {
  return {
    config: need(members, memberPath(entry.Config)),
    layers: entry.Layers.map((path) => need(members, memberPath(path))),
    names: (entry.RepoTags ?? []).map((name) => withDefaultTag(parseReference(name))),
  };
}

async function ociImages(
  index: Index,
  members: ReadonlyMap<string, Member>,
  content: ContentStore,
): Promise<readonly Found[]> {
  const found: Found[] = [];
  const seen = new Map<Digest, Found>();
  for (const descriptor of index.manifests ?? []) {
    const leaf = await platformManifest(descriptor, members, content, 0);
    if (!leaf) continue;
    const names = annotationNames(descriptor);
    const known = seen.get(leaf.digest);
    if (known) {
      found[found.indexOf(known)] = { ...known, names: [...known.names, ...names] };
      continue;
    }
    const bytes = await content.read(leaf.digest, { limit: limits.document });
    const manifest = parseMember(leaf.digest, bytes) as Manifest;
    if (!isDigest(manifest.config?.digest) || !Array.isArray(manifest.layers))
      throw new StrataError('invalid_argument', `${leaf.digest} in the archive is no image manifest`, {
        code: 'invalid_archive',
      });
    const blob = ({ digest }: Descriptor) => need(members, blobPath(digest));
    const image: Found = {
      config: blob(manifest.config),
      layers: manifest.layers.map(blob),
      names,
      manifest: { bytes, mediaType: leaf.mediaType },
    };
    seen.set(leaf.digest, image);
    found.push(image);
  }
  return found;
}

/** The manifest for this machine below an index (nested at most 3 deep), or the manifest itself. */
async function platformManifest(
  descriptor: Descriptor,
  members: ReadonlyMap<string, Member>,
  content: ContentStore,
  depth: number,
): Promise<Descriptor | undefined> {
  if (!isDigest(descriptor.digest))
    throw new StrataError('invalid_argument', 'the archive names a blob by something that is no digest', {
      code: 'invalid_archive',
    });
  if (!isIndexType(descriptor.mediaType)) {
    return descriptor.mediaType === mediaTypes.ociManifest || descriptor.mediaType === mediaTypes.dockerManifest
      ? descriptor
      : undefined;
  }
  if (depth > 3) return undefined;
  const member = members.get(blobPath(descriptor.digest));
  if (!member) return undefined;
  const inner = parseMember(descriptor.digest, await content.read(member.digest, { limit: limits.document })) as Index;
  const fit = (inner.manifests ?? []).find(
    (one) => (!one.platform || platformMatches(hostPlatform(), one.platform)) && members.has(blobPath(one.digest)),
  );
  return fit && (await platformManifest(fit, members, content, depth + 1));
}

function annotationNames(descriptor: Descriptor): readonly Reference[] {
  const full =
    descriptor.annotations?.['io.containerd.image.name'] ??
    descriptor.annotations?.['org.opencontainers.image.ref.name'];
  // `ref.name` may be a tag alone, which names no repository.
  if (full === undefined || !/[/:]/.test(full)) return [];
  try {
    return [withDefaultTag(parseReference(full))];
  } catch {
    return [];
  }
}

function need(members: ReadonlyMap<string, Member>, path: string): Member {
  const member = members.get(path);
  if (member) return member;
  throw new StrataError('invalid_argument', `the archive is not complete: ${path} is missing`, {
    code: 'invalid_archive',
  });
}

async function store(
  found: Found,
  parts: LoadParts,
  options: { readonly signal?: AbortSignal; readonly progress?: Progress<TransferEvent> },
): Promise<readonly Loaded[]> {
  const rawConfig = await parts.content.read(found.config.digest, { limit: limits.document });
  const config = parseMember(found.config.digest, rawConfig) as ImageConfig;
  const diffIDs = config.rootfs?.diff_ids ?? [];
  if (!diffIDs.every(isDigest) || diffIDs.length !== found.layers.length) {
    throw new StrataError(
      'invalid_argument',
      `the archive's image ${found.config.digest.slice(7, 19)} lists ${diffIDs.length} layers, but ${found.layers.length} come with it`,
      { code: 'invalid_archive' },
    );
  }
  const chains = chainIDs(diffIDs);
  let parent: SnapshotName | null = null;
  for (const [i, layer] of found.layers.entries()) {
    const compression = detectCompression(layer.head);
    const mediaType = layerType(compression);
    const id = diffIDs[i]!.slice(7, 19);
    parent = await parts.unpack(async () => await parts.content.fetch({ ...layer, mediaType }), {
      parent,
      diffID: diffIDs[i]!,
      chainID: chains[i]!,
      mediaType,
      ...(options.signal && { signal: options.signal }),
      progress: (current) => options.progress?.({ id, status: 'Loading layer', current, total: layer.size }),
    });
    parts.record(diffIDs[i]!, { mediaType, digest: layer.digest, size: layer.size });
  }
  const image: Image = await parts.create({
    config,
    rawConfig,
    snapshot: parent,
    names: found.names,
    ...(found.manifest && { manifest: found.manifest }),
  });
  if (found.names.length === 0) return [{ id: image.id }];
  return found.names.map((ref) => ({ id: image.id, name: `${ref.domain}/${ref.path}:${ref.tag}` }));
}

function layerType(compression: Compression): string {
  const type = { none: mediaTypes.ociLayer, gzip: mediaTypes.ociLayerGzip, zstd: mediaTypes.ociLayerZstd }[compression];
  if (layerCompression(type) !== compression) throw new Error(`no media type for ${compression}`);
  return type;
}
