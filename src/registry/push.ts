import { StrataError } from '../errors/index.ts';
import type { Image } from '../image/index.ts';
import {
  canonicalName,
  type Descriptor,
  familiarName,
  familiarRepository,
  formatPlatform,
  type Platform,
  platformMatches,
  type Reference,
  repositoryName,
  withDefaultTag,
} from '../oci/index.ts';
import type { TransferEvent } from '../progress/index.ts';
import type { BlobSources } from './blob-sources.ts';
import { pushError } from './pull-words.ts';
import type { Slots } from './slots.ts';
import type { TransferParts, Transfers } from './types.ts';

type PushOptions = Parameters<Transfers['push']>[1];

export interface PushParts extends TransferParts {
  readonly sources: BlobSources;
  readonly slots: Slots;
}

/** Pushes the image that a name stands for: blobs first, several at once, the manifest last. */
export async function push(
  parts: PushParts,
  given: Reference,
  options: PushOptions,
): Promise<Awaited<ReturnType<Transfers['push']>>> {
  const ref = withDefaultTag(given);
  const { signal, progress } = options;
  const image = await findImage(parts, ref, options.platform);
  const ids = image.config.rootfs.diff_ids.map((diffID) => diffID.slice(7, 19));
  // Docker tells the topmost layer first.
  for (const id of ids.toReversed()) progress?.({ id, status: 'Preparing' });
  const { manifest, manifestBytes, config, layers } = await parts.images.materialize(image.id, {
    compression: 'gzip',
    ...(signal && { signal }),
  });
  try {
    await pushBlobs(parts, ref, layers, config, ids, options);
    const request = { ...(options.auth && { auth: options.auth }), ...(signal && { signal }) };
    const document = { bytes: manifestBytes, mediaType: manifest.mediaType };
    const digest = await parts.client.putManifest(ref, document, request);
    parts.sources.note(
      [...layers, config].map((blob) => blob.digest),
      ref,
    );
    await parts.images.addRepoDigest(image.id, `${repositoryName(ref)}@${digest}`);
    progress?.({ status: `${ref.tag}: digest: ${digest} size: ${manifestBytes.length}` });
    return { digest, size: manifestBytes.length };
  } catch (error) {
    throw pushError(error, ref);
  }
}

async function findImage({ images }: PushParts, ref: Reference, platform: Platform | undefined): Promise<Image> {
  const image = await images.find(canonicalName(ref));
  if (!image) {
    throw new StrataError('not_found', `An image does not exist locally with the tag: ${familiarRepository(ref)}`, {
      code: 'image_not_found',
    });
  }
  const { os, architecture, variant } = image.config;
  const have: Platform = { os: os || 'linux', architecture, ...(variant && { variant }) };
  if (platform && !platformMatches(platform, have)) {
    throw new StrataError(
      'not_found',
      `image with reference ${familiarName(ref)} was found but does not provide the specified platform (${formatPlatform(platform)})`,
      { code: 'platform_not_found' },
    );
  }
  return image;
}

async function pushBlobs(
  parts: PushParts,
  ref: Reference,
  layers: readonly Descriptor[],
  config: Descriptor,
  ids: readonly string[],
  options: PushOptions,
): Promise<void> {
  const stop = new AbortController();
  const signal = options.signal ? AbortSignal.any([options.signal, stop.signal]) : stop.signal;
  let failure: unknown;
  const blobs = new Map<string, { readonly blob: Descriptor; readonly ids: string[] }>();
  for (const [i, blob] of layers.entries()) {
    const known = blobs.get(blob.digest);
    if (known) known.ids.push(ids[i]!);
    else blobs.set(blob.digest, { blob, ids: [ids[i]!] });
  }
  if (!blobs.has(config.digest)) blobs.set(config.digest, { blob: config, ids: [] });
  await Promise.all(
    [...blobs.values()].map(async ({ blob, ids: shown }) => {
      const tell = (event: TransferEvent) => {
        for (const id of shown) options.progress?.({ ...event, id });
      };
      try {
        const waiting = () => tell({ status: 'Waiting' });
        await parts.slots.run(() => pushBlob(parts, ref, blob, { ...options, signal }, tell), { signal, waiting });
      } catch (error) {
        // The first failure is the reason; the others only follow from it.
        failure ??= error;
        stop.abort();
      }
    }),
  );
  if (failure !== undefined) throw failure;
}

async function pushBlob(
  { client, content, sources }: PushParts,
  ref: Reference,
  blob: Descriptor,
  { auth, signal }: PushOptions,
  tell: (event: TransferEvent) => void,
): Promise<void> {
  const request = { ...(auth && { auth }), ...(signal && { signal }) };
  if (await client.hasBlob(ref, blob, request)) {
    tell({ status: 'Layer already exists' });
    return;
  }
  const { digest, size } = blob;
  let last = 0;
  const { mountedFrom } = await client.upload(
    ref,
    { digest, size, open: (offset) => content.fetch(blob, { offset, ...(signal && { signal }) }) },
    {
      ...request,
      from: sources.candidates(digest, ref),
      progress(current) {
        const now = Date.now();
        if (now - last < 100) return;
        last = now;
        tell({ status: 'Pushing', current, total: size });
      },
    },
  );
  tell({ status: mountedFrom === undefined ? 'Pushed' : `Mounted from ${mountedFrom}` });
}
