import {
  type Digest,
  type Manifest,
  mediaTypes,
  type Reference,
  repositoryName,
  sha256,
  withDefaultTag,
} from '../oci/index.ts';
import { pushError } from './pull-words.ts';
import { BlobPush, type PushParts } from './push.ts';
import type { Transfers } from './types.ts';

type PushIndex = Transfers['pushIndex'];

/** Pushes images under their digests, then the index that names them under the tag: nobody sees it before it is whole. */
export async function pushIndex(
  parts: PushParts,
  given: Reference,
  { images, bytes, mediaType = mediaTypes.ociIndex }: Parameters<PushIndex>[1],
  options: Parameters<PushIndex>[2],
): ReturnType<PushIndex> {
  const { auth, signal, progress, byDigest = false } = options;
  const ref = byDigest ? given : withDefaultTag(given);
  const { tag: _, ...repository } = ref;
  const request = { ...(auth && { auth }), ...(signal && { signal }) };
  const blobs = new BlobPush(parts, ref, options);
  const sent: Digest[] = [];
  try {
    const made: { readonly bytes: Uint8Array; readonly mediaType: string; readonly digest: Digest }[] = [];
    for (const id of images) {
      const one = await parts.images.materialize(id, { compression: 'gzip', signal: blobs.signal });
      const { config, layers } = JSON.parse(Buffer.from(one.manifestBytes).toString('utf8')) as Manifest;
      for (const blob of layers) blobs.send(blob, blob.digest.slice(7, 19));
      blobs.send(config);
      sent.push(...[...layers, config].map(({ digest }) => digest));
      made.push({ bytes: one.manifestBytes, mediaType: one.manifest.mediaType, digest: one.manifest.digest });
    }
    await blobs.sent();
    const root = sha256(bytes);
    for (const { digest, ...document } of made)
      if (digest !== root) await parts.client.putManifest({ ...repository, digest }, document, request);
    const target = byDigest ? { ...repository, digest: root } : ref;
    const digest = await parts.client.putManifest(target, { bytes, mediaType }, request);
    parts.sources.note(sent, ref);
    progress?.({ status: `${ref.tag ?? digest}: digest: ${digest} size: ${bytes.length}` });
    return { digest, size: bytes.length, repository: repositoryName(ref) };
  } catch (error) {
    throw pushError(await blobs.giveUp(error), ref);
  }
}
