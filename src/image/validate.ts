import { createHash } from 'node:crypto';
import type { ContentStore } from '../content/index.ts';
import { messageOf } from '../errors/index.ts';
import { decompress, type Layers } from '../layer/index.ts';
import { chainIDs, type Descriptor, type Manifest, sha256 } from '../oci/index.ts';
import type { SnapshotInfo, Snapshots } from '../snapshot/index.ts';
import { lend } from '../sys/index.ts';
import type { Images } from './types.ts';

export interface ValidateParts {
  readonly images: Images;
  readonly content: ContentStore;
  readonly snapshots: Snapshots;
  readonly layers: Layers;
}

/**
 * Everything that must hold for a stored image, read from the disk anew: what is wrong, one sentence each; nothing for a
 * sound image. Reads every layer, so it is for tests and for looking for damage.
 */
export async function validateImage(parts: ValidateParts, name: string): Promise<readonly string[]> {
  const image = await parts.images.get(name);
  const wrong: string[] = [];
  const expect = (holds: boolean, sentence: string) => void (holds || wrong.push(sentence));

  expect(sha256(image.rawConfig) === image.id, 'the id is not the digest of the configuration');
  const diffIDs = image.config.rootfs.diff_ids;
  const stack = image.snapshot === null ? [] : parts.snapshots.stack(image.snapshot);
  expect(stack.length === diffIDs.length, `${stack.length} layers where the configuration lists ${diffIDs.length}`);
  const chains = chainIDs(diffIDs);
  for (const [i, layer] of stack.entries()) {
    expect(layer.measure?.diffID === diffIDs[i], `layer ${i} is not the one that the configuration lists`);
    expect(layer.chainID === chains[i], `layer ${i} has another chain than its stack`);
  }
  const size = stack.reduce((sum, { measure }) => sum + (measure?.contentSize ?? 0), 0);
  expect(size === image.size, `the size is ${image.size} where the layers have ${size}`);
  const written = (image.config.history ?? []).filter((entry) => !entry.empty_layer).length;
  expect(!image.config.history?.length || written <= stack.length, `the history has ${written} layers`);
  for (const text of [image.id, ...image.names])
    expect((await parts.images.find(text))?.id === image.id, `${text} finds another image`);
  await validateBlobs(parts, image.id, stack, wrong);
  return wrong;
}

/** The bytes in which the image would be pushed or saved. */
async function validateBlobs(
  { images, content, layers }: ValidateParts,
  id: Awaited<ReturnType<Images['get']>>['id'],
  stack: readonly SnapshotInfo[],
  wrong: string[],
): Promise<void> {
  const { manifest, manifestBytes, config, layers: blobs } = await images.materialize(id, { compression: 'gzip' });
  if (sha256(manifestBytes) !== manifest.digest) wrong.push('the manifest has another digest');
  const listed = JSON.parse(Buffer.from(manifestBytes).toString('utf8')) as Manifest;
  if (listed.config.digest !== id || config.digest !== id) wrong.push('the manifest names another configuration');
  if (blobs.length !== stack.length) wrong.push(`the manifest lists ${blobs.length} layers`);
  for (const [i, blob] of blobs.entries()) {
    const diffID = stack[i]?.measure?.diffID;
    try {
      const got = await plainDigest(content, blob);
      if (got !== diffID) wrong.push(`blob ${blob.digest} holds ${got} where layer ${i} is ${diffID}`);
    } catch (error) {
      wrong.push(messageOf(error));
    }
  }
  for (const layer of stack) {
    const { contentSize } = await layers.measure(layer.diffDir);
    if (contentSize !== layer.measure?.contentSize) wrong.push(`${layer.diffDir} has ${contentSize} bytes of content`);
  }
}

async function plainDigest(content: ContentStore, blob: Descriptor): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of decompress(lend(await content.fetch(blob)), 'detect', { lent: true })) hash.update(chunk);
  return `sha256:${hash.digest('hex')}`;
}
