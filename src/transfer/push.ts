import { StrataError } from '../errors/index.ts';
import type { Image } from '../image/index.ts';
import {
  canonicalName,
  type Descriptor,
  type Digest,
  familiarName,
  familiarRepository,
  formatPlatform,
  type Platform,
  platformMatches,
  type Reference,
  repositoryName,
  sha256,
  withDefaultTag,
} from '../oci/index.ts';
import type { TransferEvent } from '../progress/index.ts';
import type { RequestOptions } from '../registry/index.ts';
import type { BlobSources } from './blob-sources.ts';
import { pushError } from './pull-words.ts';
import type { RecentPushes } from './recent-pushes.ts';
import type { Slots } from './slots.ts';
import type { TransferParts, Transfers } from './types.ts';

type PushOptions = Parameters<Transfers['push']>[1];

export interface PushParts extends TransferParts {
  readonly sources: BlobSources;
  readonly slots: Slots;
  readonly recent: RecentPushes;
}

/** Pushes the image that a name stands for: blobs first, each as soon as it is packed, the manifest last. */
export async function push(
  parts: PushParts,
  given: Reference,
  options: PushOptions,
): Promise<Awaited<ReturnType<Transfers['push']>>> {
  const ref = withDefaultTag(given);
  const { progress } = options;
  const image = await findImage(parts, ref, options.platform);
  const ids = image.config.rootfs.diff_ids.map((diffID) => diffID.slice(7, 19));
  // Docker tells the topmost layer first.
  for (const id of ids.toReversed()) progress?.({ id, status: 'Preparing' });
  const blobs = new BlobPush(parts, ref, options);
  // Asked while the blobs are looked for; most of the time the answer is here first.
  const pushed = parts.client.headForPush(ref, requestOf(options));
  pushed.catch(() => {});
  try {
    const { manifest, manifestBytes, config, layers } = await parts.images.materialize(image.id, {
      compression: 'gzip',
      signal: blobs.signal,
      ready: (layer, i) => blobs.send(layer, ids[i]),
    });
    const document = { bytes: manifestBytes, mediaType: manifest.mediaType };
    const digest = sha256(manifestBytes);
    const name = `${repositoryName(ref)}@${digest}`;
    const isTagged = !blobs.any && (await pushed) === digest;
    const known = isTagged && (parts.recent.has(name) || (await isTaken(parts, ref, document, options)));
    if (known) for (const id of ids) progress?.({ id, status: 'Layer already exists' });
    else {
      for (const [i, layer] of layers.entries()) blobs.send(layer, ids[i]);
      blobs.send(config);
      await blobs.sent();
      await parts.client.putManifest(ref, document, requestOf(options));
    }
    parts.recent.note(name);
    if (!known || !image.repoDigests.includes(name)) {
      parts.sources.note(
        [...layers, config].map((blob) => blob.digest),
        ref,
      );
      await parts.images.addRepoDigest(image.id, name);
    }
    progress?.({ status: `${ref.tag}: digest: ${digest} size: ${manifestBytes.length}` });
    return { digest, size: manifestBytes.length };
  } catch (error) {
    throw pushError(await blobs.giveUp(error), ref);
  }
}

/**
 * A tag that has the manifest already has its blobs too. Unless it took them from here a moment ago, the registry looks
 * for them once more as it takes the manifest again; where it does not take it, each blob must be looked for.
 */
async function isTaken(
  { client }: PushParts,
  ref: Reference,
  document: { readonly bytes: Uint8Array; readonly mediaType: string },
  options: PushOptions,
): Promise<boolean> {
  try {
    await client.putManifest(ref, document, requestOf(options));
    return true;
  } catch (error) {
    if (error instanceof StrataError && missingBlobs.includes(error.code)) return false;
    throw error;
  }
}

/** What registries answer to a manifest whose blobs they lack. */
const missingBlobs: readonly string[] = ['manifest_blob_unknown', 'blob_unknown', 'manifest_unknown'];

function requestOf({ auth, signal }: PushOptions): RequestOptions {
  return { ...(auth && { auth }), ...(signal && { signal }) };
}

async function findImage({ images }: PushParts, ref: Reference, platform: Platform | undefined): Promise<Image> {
  const image = await images.find(canonicalName(ref));
  if (!image) {
    const tags = `${canonicalName({ domain: ref.domain, path: ref.path })}:`;
    if ((await images.list()).some(({ names }) => names.some((name) => name.startsWith(tags)))) {
      throw new StrataError('not_found', `tag does not exist: ${familiarName(ref)}`, { code: 'image_not_found' });
    }
    throw new StrataError('not_found', `An image does not exist locally with the tag: ${familiarRepository(ref)}`, {
      code: 'image_not_found',
    });
  }
  const { os, architecture, variant } = image.config;
  const have: Platform = { os: os || 'linux', architecture, ...(variant && { variant }) };
  if (platform && !platformMatches(platform, have)) {
    throw new StrataError(
      'not_found',
      `image with reference ${familiarName(ref)} was found but its platform (${formatPlatform(have)}) does not match the specified platform (${formatPlatform(platform)})`,
      { code: 'platform_not_found' },
    );
  }
  return image;
}

/** The blobs of one push, sent as they come; the first failure stops all. */
export class BlobPush {
  readonly #parts: PushParts;
  readonly #ref: Reference;
  readonly #options: PushOptions;
  readonly #stop = new AbortController();
  /** Ids under which each blob is shown (layers may be equal), and what was told last. */
  readonly #shown = new Map<Digest, { readonly ids: Set<string>; last?: TransferEvent }>();
  readonly #running: Promise<void>[] = [];
  #failure: unknown;
  readonly signal: AbortSignal;

  constructor(parts: PushParts, ref: Reference, options: PushOptions) {
    this.#parts = parts;
    this.#ref = ref;
    this.#options = options;
    this.signal = options.signal ? AbortSignal.any([options.signal, this.#stop.signal]) : this.#stop.signal;
  }

  /** Starts to send the blob; one that is sent already is only shown under one more id. */
  send(blob: Descriptor, id?: string): void {
    const { progress } = this.#options;
    const known = this.#shown.get(blob.digest);
    if (known) {
      if (id === undefined || known.ids.has(id)) return;
      known.ids.add(id);
      if (known.last) progress?.({ ...known.last, id });
      return;
    }
    const shown: { readonly ids: Set<string>; last?: TransferEvent } = { ids: new Set(id === undefined ? [] : [id]) };
    this.#shown.set(blob.digest, shown);
    const tell = (event: TransferEvent) => {
      shown.last = event;
      for (const one of shown.ids) progress?.({ ...event, id: one });
    };
    const { slots } = this.#parts;
    const options = { ...this.#options, signal: this.signal };
    const waiting = () => tell({ status: 'Waiting' });
    const sending = slots.run(() => pushBlob(this.#parts, this.#ref, blob, options, tell), {
      signal: this.signal,
      waiting,
    });
    this.#running.push(sending.catch((error) => this.#fail(error)));
  }

  /** Whether sending has begun. */
  get any(): boolean {
    return this.#shown.size > 0;
  }

  async sent(): Promise<void> {
    await Promise.all(this.#running);
    if (this.#failure !== undefined) throw this.#failure;
  }

  /** Stops what is under way; returns the reason, which is the first failure: the others only follow from it. */
  async giveUp(error: unknown): Promise<unknown> {
    this.#fail(error);
    await Promise.all(this.#running);
    return this.#failure;
  }

  #fail(error: unknown): void {
    this.#failure ??= error;
    this.#stop.abort();
  }
}

async function pushBlob(
  { client, content, sources }: PushParts,
  ref: Reference,
  blob: Descriptor,
  options: PushOptions,
  tell: (event: TransferEvent) => void,
): Promise<void> {
  const request = requestOf(options);
  if (await client.hasBlob(ref, blob, request)) {
    tell({ status: 'Layer already exists' });
    return;
  }
  const { digest, size } = blob;
  let last = 0;
  const { mountedFrom } = await client.upload(
    ref,
    {
      digest,
      size,
      open: (offset) => content.fetch(blob, { offset, ...(options.signal && { signal: options.signal }) }),
    },
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
