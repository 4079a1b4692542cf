import { createHash } from 'node:crypto';
import { posix } from 'node:path';
import type { ByteStream, ContentStore } from '../content/index.ts';
import { diskFullText, messageOf, StrataError } from '../errors/index.ts';
import { decompress, detectCompression, readTar } from '../layer/index.ts';
import {
  chainIDs,
  type Descriptor,
  type DiffID,
  type Digest,
  formatPlatform,
  type ImageConfig,
  type Platform,
  platformMatches,
} from '../oci/index.ts';
import type { Progress, TransferEvent } from '../progress/index.ts';
import type { SnapshotName } from '../snapshot/index.ts';
import { lend } from '../sys/index.ts';
import { type ArchivedImage, findImages, type Member } from './archive-images.ts';
import { memberPath } from './archive-names.ts';
import type { Collector } from './collector.ts';
import { parseConfig } from './config.ts';
import type { EarlyLayers } from './early-layers.ts';
import { layerTypes } from './layer-blobs.ts';
import { createSpool } from './spool.ts';
import type { Images, LoadedImage, NewImage } from './types.ts';
import type { LayerStore } from './unpack-layer.ts';

/** Bounds against archives that only mean to fill the disk. */
const most = { members: 100_000, bytes: 256 * 1024 ** 3, document: 8 * 1024 * 1024 };

export interface LoadParts {
  readonly content: ContentStore;
  readonly layers: LayerStore;
  readonly collector: Collector;
  readonly create: Images['create'];
  readonly find: Images['find'];
}

interface LoadOptions {
  readonly platform?: Platform;
  readonly signal?: AbortSignal;
  readonly progress?: Progress<TransferEvent>;
}

/**
 * Stores the images of an archive. Every file of the archive first becomes a blob, so that order and layout do not
 * matter; then all layers are unpacked; names are given last, when nothing can fail any more for what the archive holds.
 */
export async function loadArchive(
  source: ByteStream,
  parts: LoadParts,
  options: LoadOptions,
): Promise<readonly LoadedImage[]> {
  return await parts.collector.during(async () => {
    const early = parts.layers.early(options.signal);
    const brought = { blobs: new Set<Digest>(), snapshots: new Set<SnapshotName>() };
    try {
      const members = await spool(decompress(source, 'detect'), parts.content, early, brought.blobs, options.signal);
      const { platform } = options;
      const found = await findImages({ members, content: parts.content, ...(platform && { platform }) });
      if (found.length === 0 && !platform) {
        throw new StrataError('invalid_argument', 'the archive holds no image', {
          code: 'invalid_archive',
          hint: 'load takes what `save` wrote; for a root file system use import',
        });
      }
      const ready: NewImage[] = [];
      for (const image of found) {
        const config = await configOf(image, parts.content);
        if (options.platform && !platformMatches(options.platform, config.parsed)) continue;
        ready.push(await unpackImage(image, config, parts, early, brought.snapshots, options));
      }
      if (platform && ready.length === 0) {
        throw new StrataError('not_found', `the archive holds no image for ${formatPlatform(platform)}`, {
          code: 'no_matching_platform',
          hint: 'without --platform it is loaded as it is',
        });
      }
      const loaded: LoadedImage[] = [];
      for (const image of ready) loaded.push(...(await nameImage(image, parts)));
      return loaded;
    } catch (error) {
      throw archiveError(error, options.signal);
    } finally {
      await early.discard();
      // What no image has taken goes: after a failure the store is as it was.
      await parts.collector.offer(brought);
    }
  });
}

function archiveError(error: unknown, signal: AbortSignal | undefined): unknown {
  if (signal?.aborted) return new StrataError('cancelled', 'cancelled', { cause: error });
  const full = diskFullText(error);
  if (full !== undefined) {
    return new StrataError('failed_precondition', full, {
      code: 'disk_full',
      hint: 'make room on the disk of the data root: `system prune` removes what nothing uses',
      cause: error,
    });
  }
  if (error instanceof StrataError) return error;
  return new StrataError('invalid_argument', `the archive cannot be read: ${messageOf(error)}`, {
    code: 'invalid_archive',
    cause: error,
  });
}

async function spool(
  tar: ByteStream,
  content: ContentStore,
  early: EarlyLayers,
  stored: Set<Digest>,
  signal: AbortSignal | undefined,
): Promise<ReadonlyMap<string, Member>> {
  const members = new Map<string, Member>();
  const links = new Map<string, string>();
  const kept = createSpool(content);
  let total = 0;
  for await (const { header, body } of readTar(tar)) {
    signal?.throwIfAborted();
    if (members.size + links.size >= most.members) throw tooLarge(`more than ${most.members} members`);
    const path = memberPath(header.path);
    if (header.type === 'symlink' || header.type === 'hardlink') {
      const base = header.type === 'symlink' ? posix.dirname(path) : '';
      links.set(path, memberPath(posix.join(base, header.link)));
    }
    if (header.type !== 'file') continue;
    total += header.size;
    if (total > most.bytes) throw tooLarge(`more than ${most.bytes} bytes`);
    const isEarly = await early.suits(path, header.size);
    const member = await kept.store(isEarly ? early.watch(body) : body, signal);
    if (isEarly) early.name(member.digest);
    stored.add(member.digest);
    members.set(path, member);
  }
  // Old archives write a layer once and link the others to it.
  for (const [from, to] of links) {
    const member = members.get(to) ?? members.get(links.get(to) ?? '');
    if (member) members.set(from, member);
  }
  return members;
}

function tooLarge(what: string): StrataError {
  return new StrataError('invalid_argument', `the archive holds ${what}`, { code: 'archive_too_large' });
}

async function configOf({ config: { digest } }: ArchivedImage, content: ContentStore) {
  const raw = await content.read(digest, { limit: most.document });
  return { raw, parsed: parseConfig(raw, digest.slice(7, 19)) };
}

/** Unpacks the layers that are not here and makes sure that each blob is the layer that the configuration lists. */
async function unpackImage(
  found: ArchivedImage,
  { raw: rawConfig, parsed: config }: Awaited<ReturnType<typeof configOf>>,
  { content, layers }: LoadParts,
  early: EarlyLayers,
  brought: Set<SnapshotName>,
  { signal, progress }: LoadOptions,
): Promise<NewImage> {
  const diffIDs = checkedDiffIDs(config, found);
  let parent: SnapshotName | null = null;
  for (const [i, chainID] of chainIDs(diffIDs).entries()) {
    const diffID = diffIDs[i]!;
    const blob = blobOf(found.layers[i]!);
    const id = diffID.slice(7, 19);
    const unpacked = await layers.unpack(async () => ({ file: await content.path(blob.digest), size: blob.size }), {
      parent,
      diffID,
      chainID,
      mediaType: blob.mediaType,
      early: () => early.claim(blob.digest, diffID),
      ...(signal && { signal }),
      progress: (current) => progress?.({ id, status: 'Loading layer', current, total: blob.size }),
    });
    if (!unpacked.isVerified && !layers.isKnown(diffID, blob.digest))
      await verify(content, blob, diffID, unpacked.size);
    parent = unpacked.name;
    brought.add(parent);
    layers.record(diffID, blob);
  }
  return {
    config,
    rawConfig,
    snapshot: parent,
    names: found.names,
    ...(found.manifest && { manifest: found.manifest }),
  };
}

function checkedDiffIDs(config: ImageConfig, found: ArchivedImage): readonly DiffID[] {
  const { diff_ids } = config.rootfs;
  if (diff_ids.length === found.layers.length) return diff_ids;
  throw new StrataError(
    'invalid_argument',
    `the archive's image ${found.config.digest.slice(7, 19)} lists ${diff_ids.length} layers, but ${found.layers.length} come with it`,
    { code: 'invalid_archive' },
  );
}

function blobOf({ digest, size, head }: Member): Descriptor {
  const compression = detectCompression(head);
  if (compression === 'none' || compression === 'gzip' || compression === 'zstd')
    return { mediaType: layerTypes[compression], digest, size };
  throw new StrataError('unsupported', `layer ${digest} is compressed with ${compression}, which layers cannot be`, {
    code: 'unsupported_layer',
  });
}

/**
 * A layer that is here was not unpacked from this blob: the blob must hold the same tar all the same, or a later push
 * would send something else as that layer.
 */
async function verify(content: ContentStore, blob: Descriptor, diffID: DiffID, size: number): Promise<void> {
  const hash = createHash('sha256');
  let read = 0;
  for await (const chunk of decompress(lend(await content.fetch(blob)), 'detect', { lent: true })) {
    read += chunk.length;
    if (read > size) break;
    hash.update(chunk);
  }
  const got = `sha256:${hash.digest('hex')}`;
  if (read === size && got === diffID) return;
  throw new StrataError('data_loss', `layer ${blob.digest} of the archive is not ${diffID}`, {
    code: 'diff_id_mismatch',
  });
}

async function nameImage(image: NewImage, { create, find }: LoadParts): Promise<readonly LoadedImage[]> {
  const names = (image.names ?? []).map((ref) => `${ref.domain}/${ref.path}:${ref.tag}`);
  const before = await Promise.all(names.map(async (name) => (await find(name))?.id));
  const { id } = await create(image);
  if (names.length === 0) return [{ id }];
  return names.map((name, i) => ({ id, name, ...(before[i] && before[i] !== id && { replaced: before[i] }) }));
}
