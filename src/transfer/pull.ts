import { isKind, StrataError } from '../errors/index.ts';
import type { Image } from '../image/index.ts';
import {
  canonicalName,
  chainIDs,
  type Descriptor,
  type Digest,
  familiarName,
  familiarRepository,
  formatPlatform,
  hostPlatform,
  type ImageConfig,
  type Manifest,
  type Platform,
  platformMatches,
  type Reference,
  repositoryName,
  withDefaultTag,
} from '../oci/index.ts';
import {
  checkImageManifest,
  chooseManifest,
  limits,
  parseDocument,
  parseImageConfig,
  readBody,
} from '../registry/index.ts';
import type { SnapshotName } from '../snapshot/index.ts';
import type { BlobSources } from './blob-sources.ts';
import type { LayerPuller, PulledLayer, WantedLayer } from './layer-puller.ts';
import { diskFull } from './layer-words.ts';
import { pullError } from './pull-words.ts';
import type { TransferParts, Transfers } from './types.ts';

type PullOptions = Parameters<Transfers['pull']>[1];
type Pulled = Awaited<ReturnType<Transfers['pull']>>;

export interface PullParts extends TransferParts {
  readonly sources: BlobSources;
  readonly puller: LayerPuller;
  /** Snapshots that a running pull stands on. */
  readonly held: Set<Set<SnapshotName>>;
}

/** Pulls a tag or digest, or every tag. The closing `Status:` line is told once. */
export async function pull(parts: PullParts, given: Reference, options: PullOptions): Promise<Pulled> {
  const { progress } = options;
  if (familiarRepository(given) === 'scratch')
    throw new StrataError('invalid_argument', "'scratch' is a reserved name", { code: 'reserved_name' });
  try {
    const refs = options.allTags ? await allTags(parts, given, options) : [withDefaultTag(given)];
    const results: Pulled[] = [];
    for (const ref of refs) results.push(await pullOne(parts, ref, options));
    const last = results.at(-1)!;
    const upToDate = results.every((result) => result.upToDate);
    const name = familiarName(options.allTags ? given : refs[0]!);
    progress?.({ status: `Status: ${upToDate ? 'Image is up to date' : 'Downloaded newer image'} for ${name}` });
    await warnOfPlatform(parts, last.id, name, options);
    return { ...last, upToDate };
  } catch (error) {
    throw diskFull(error) ?? pullError(error, options.allTags ? given : withDefaultTag(given));
  }
}

async function allTags({ client }: PullParts, ref: Reference, options: PullOptions): Promise<readonly Reference[]> {
  const tags = await client.tags(ref, request(options));
  if (tags.length === 0)
    throw new StrataError('not_found', `${familiarName(ref)} has no tags`, { code: 'name_unknown' });
  return tags.map((tag) => ({ domain: ref.domain, path: ref.path, tag }));
}

function request({ auth, signal }: PullOptions) {
  return { ...(auth && { auth }), ...(signal && { signal }) };
}

async function pullOne(parts: PullParts, ref: Reference, options: PullOptions): Promise<Pulled> {
  const { progress } = options;
  progress?.({ id: ref.digest ?? ref.tag!, status: `Pulling from ${ref.path}` });
  const before = await parts.images.find(canonicalName(ref));
  const result =
    (before && (await unchanged(parts, ref, before, options))) ?? (await fetchImage(parts, ref, before, options));
  progress?.({ status: `Digest: ${result.digest}` });
  return result;
}

/** Whether the registry still has under this name what was pulled from there: asked without pulling. */
async function unchanged(
  parts: PullParts,
  ref: Reference,
  image: Image,
  options: PullOptions,
): Promise<Pulled | undefined> {
  // The same index has an image for each platform.
  if (!platformMatches(options.platform ?? hostPlatform(), platformOf(image.config))) return undefined;
  const prefix = `${repositoryName(ref)}@`;
  const digests = image.repoDigests.filter((name) => name.startsWith(prefix)).map((name) => name.slice(prefix.length));
  if (digests.length === 0) return undefined;
  if (ref.digest !== undefined) return { id: image.id, digest: ref.digest, upToDate: true };
  try {
    const digest = await parts.client.head(ref, request(options));
    return digest !== undefined && digests.includes(digest) ? { id: image.id, digest, upToDate: true } : undefined;
  } catch (error) {
    if (isKind(error, 'cancelled')) throw error;
    // The whole request tells what is wrong.
    return undefined;
  }
}

interface RemoteImage {
  /** What the name stands for: an index where there is one. */
  readonly root: Descriptor;
  readonly index?: { readonly bytes: Uint8Array; readonly mediaType: string };
  readonly manifest: Manifest;
  readonly bytes: Uint8Array;
  readonly mediaType: string;
}

/** From the name to the manifest for the platform; every step down is verified by digest and size. */
async function resolveImage(parts: PullParts, ref: Reference, options: PullOptions): Promise<RemoteImage> {
  const name = familiarName(ref);
  let found = await parts.client.resolve(ref, request(options));
  const root = found.descriptor;
  let index: RemoteImage['index'];
  for (let depth = 0; depth < 4; depth++) {
    const document = parseDocument(found.bytes, found.descriptor.mediaType, name);
    if (document.kind === 'manifest') {
      const { manifest, mediaType } = document;
      return { root, manifest, bytes: found.bytes, mediaType, ...(index && { index }) };
    }
    index ??= { bytes: found.bytes, mediaType: document.mediaType };
    const entry = chooseManifest(document.index, options.platform ?? hostPlatform());
    const { tag: _, ...untagged } = ref;
    found = await parts.client.resolve({ ...untagged, digest: entry.digest }, request(options));
    if (found.bytes.length !== entry.size) {
      throw new StrataError(
        'data_loss',
        `${entry.digest} has ${found.bytes.length} bytes, the index of ${name} says ${entry.size}`,
        {
          code: 'size_mismatch',
        },
      );
    }
  }
  throw new StrataError('data_loss', `${name} is an index of an index of an index of an index`, {
    code: 'invalid_manifest',
  });
}

async function fetchImage(
  parts: PullParts,
  ref: Reference,
  before: Image | undefined,
  options: PullOptions,
): Promise<Pulled> {
  const remote = await resolveImage(parts, ref, options);
  const { manifest } = remote;
  const name = familiarName(ref);
  checkImageManifest(manifest, name);
  const stream = await parts.client.blob(ref, manifest.config, request(options));
  const rawConfig = await readBody(stream, limits.config, `the configuration of ${name}`);
  const config = parseImageConfig(rawConfig, manifest.layers.length, name);
  if (config.os && config.os !== 'linux') {
    throw new StrataError(
      'unsupported',
      `image operating system ${JSON.stringify(config.os)} cannot be used on this platform`,
      {
        code: 'unsupported_os',
      },
    );
  }
  const image = await withLayers(parts, ref, manifest, config, options, async (snapshot) => {
    for (const [i, layer] of manifest.layers.entries()) {
      const { mediaType, digest, size } = layer;
      parts.images.recordLayerBlob(config.rootfs.diff_ids[i]!, { mediaType, digest, size });
    }
    parts.sources.note(
      [...manifest.layers, manifest.config].map(({ digest }) => digest),
      ref,
    );
    if (remote.index) await parts.content.put(remote.index.bytes, remote.index.mediaType);
    return await parts.images.create({
      config,
      rawConfig,
      snapshot,
      manifest: { bytes: remote.bytes, mediaType: remote.mediaType },
      ...(!options.nameless && {
        repoDigest: `${repositoryName(ref)}@${remote.root.digest}`,
        ...(ref.digest === undefined && { names: [ref] }),
      }),
    });
  });
  return { id: image.id, digest: remote.root.digest, upToDate: before?.id === image.id };
}

/** Brings the layers, lets `use` make the image of them, and takes them away again when anything fails. */
async function withLayers(
  parts: PullParts,
  ref: Reference,
  manifest: Manifest,
  config: ImageConfig,
  options: PullOptions,
  use: (top: SnapshotName | null) => Promise<Image>,
): Promise<Image> {
  const wanted = stackOf(ref, manifest, config, options);
  const here = await Promise.all(
    wanted.map(
      async ({ blob, chainID }) =>
        parts.snapshots.findByChain(chainID) !== undefined && (await parts.content.stat(blob.digest)) !== undefined,
    ),
  );
  // An image that is here under another name is not told of layer by layer.
  const isHere = here.every(Boolean) && (await parts.images.find(manifest.config.digest)) !== undefined;
  const tellers = wanted.map(({ blob }, i) => {
    const id = blob.digest.slice(7, 19);
    if (isHere) return () => {};
    if (!here[i]) options.progress?.({ id, status: 'Pulling fs layer' });
    return (event: object) => options.progress?.({ id, ...(event as { status: string }) });
  });
  const stop = new AbortController();
  const signal = options.signal ? AbortSignal.any([options.signal, stop.signal]) : stop.signal;
  const held = new Set<SnapshotName>();
  parts.held.add(held);
  const done: (PulledLayer | undefined)[] = [];
  let failure: unknown;
  const pulls = wanted.map(async (layer, i) => {
    try {
      const pulled = await parts.puller.pull(layer, { signal, tell: tellers[i]! });
      held.add(pulled.snapshot);
      done[i] = pulled;
    } catch (error) {
      // The first failure is the reason; the others only follow from it.
      failure ??= error;
      stop.abort();
    }
  });
  try {
    await Promise.all(pulls);
    if (failure !== undefined) throw failure;
    return await use(done.at(-1)?.snapshot ?? null);
  } catch (error) {
    parts.held.delete(held);
    // What cannot be taken away (a full disk, say) has no name, and is swept at the next start.
    await takeAway(parts, wanted, done).catch(() => {});
    throw error;
  } finally {
    parts.held.delete(held);
  }
}

function stackOf(
  ref: Reference,
  manifest: Manifest,
  config: ImageConfig,
  { auth }: PullOptions,
): readonly WantedLayer[] {
  const chains = chainIDs(config.rootfs.diff_ids);
  const out: WantedLayer[] = [];
  for (const [i, blob] of manifest.layers.entries()) {
    out.push({ ref, auth, blob, diffID: config.rootfs.diff_ids[i]!, chainID: chains[i]!, below: out.at(-1) });
  }
  return out;
}

/** Removes what a failed pull brought, top first, up to what somebody else has begun to use. */
async function takeAway(
  { snapshots, images, content, held }: PullParts,
  wanted: readonly WantedLayer[],
  done: readonly (PulledLayer | undefined)[],
): Promise<void> {
  const used = new Set((await images.list()).map(({ snapshot }) => snapshot));
  for (const others of held) for (const name of others) used.add(name);
  for (let i = wanted.length - 1; i >= 0; i--) {
    const layer = done[i];
    if (!layer || used.has(layer.snapshot)) continue;
    if (layer.madeSnapshot) {
      try {
        await snapshots.remove(layer.snapshot);
      } catch (error) {
        if (isKind(error, 'failed_precondition')) return;
        throw error;
      }
    }
    if (layer.madeBlob) await content.delete(wanted[i]!.blob.digest);
  }
}

function platformOf({ os, architecture, variant }: ImageConfig): Platform {
  return { os: os || 'linux', architecture, ...(variant && { variant }) };
}

/** A name without an index is pulled whatever it was made for; who asked for a platform is told. */
async function warnOfPlatform(
  parts: PullParts,
  id: Digest,
  name: string,
  { platform, progress }: PullOptions,
): Promise<void> {
  if (!platform || !progress) return;
  const have = platformOf((await parts.images.get(id)).config);
  if (platformMatches(platform, have)) return;
  progress({
    status: `WARNING: image with reference ${name} was found but its platform (${formatPlatform(have)}) does not match the specified platform (${formatPlatform(platform)})`,
  });
}
