import { messageOf, StrataError } from '../../errors/index.ts';
import type { Image } from '../../image/index.ts';
import {
  canonicalName,
  type Descriptor,
  hostPlatform,
  type ImageConfig,
  mediaTypes,
  parseReference,
  sha256,
  withDefaultTag,
} from '../../oci/index.ts';
import type { BuildRequest, BuildResult } from '../../wire/index.ts';
import { pushOptions } from '../exporters/image.ts';
import { sendLayout, writeLayoutFolder } from '../exporters/layout.ts';
import type { Plant } from '../plant.ts';
import type { Session } from '../session.ts';
import type { Work } from '../solver/vertex.ts';
import type { RootValue } from '../value.ts';
import type { CacheOptions } from './options.ts';
import { cacheField, cacheType, exportResults } from './portable.ts';

const none: ReadonlySet<string> = new Set();

/**
 * Writes the cache where `--cache-to` says: the layers of the targets, or with mode=max those of every stage, and the
 * names of the results that led there. It is an index of images that are nothing but layers and what they are results of.
 */
export async function exportCaches(
  plant: Plant,
  session: Session,
  request: BuildRequest,
  roots: {
    readonly targets: readonly RootValue[];
    readonly all: readonly RootValue[];
    /** Ids of all results of the build. */
    readonly passed: ReadonlySet<string>;
  },
): Promise<BuildResult['metadata']> {
  let metadata: BuildResult['metadata'];
  for (const to of request.cacheTo ?? []) {
    if (to['type'] === 'inline') continue;
    const chosen = distinct(to['mode'] === 'max' ? [...roots.all, ...roots.targets] : roots.targets);
    try {
      const root = await session.step(
        { kind: 'export', name: `exporting cache to ${to['dest'] ?? to['ref']}` },
        (work) =>
          plant.withoutTrace.use(
            async () => ({
              images: await Promise.all(
                chosen.map((root, index) => cacheImage(plant, root, index === 0 ? roots.passed : none)),
              ),
            }),
            ({ images }) => write(plant, session, request, to, images, work),
          ),
      );
      metadata = { 'cache.manifest': JSON.stringify(root) };
    } catch (error) {
      if (session.signal.aborted || to['ignore-error'] !== 'true') throw error;
      session.progress({ type: 'warning', message: `the cache is not exported: ${messageOf(error)}` });
    }
  }
  return metadata;
}

function distinct(roots: readonly RootValue[]): RootValue[] {
  return [...new Map(roots.filter(({ snapshot }) => snapshot !== null).map((root) => [root.id, root])).values()];
}

async function cacheImage({ parts, shop }: Plant, root: RootValue, passed: ReadonlySet<string>): Promise<Image> {
  const { snapshots, images } = parts;
  if (root.snapshot !== null) await snapshots.measure(root.snapshot);
  const stack = root.snapshot === null ? [] : snapshots.stack(root.snapshot);
  const config: ImageConfig = {
    ...hostPlatform(),
    rootfs: { type: 'layers', diff_ids: stack.map(({ measure }) => measure!.diffID) },
  };
  const results = exportResults(shop.records, snapshots, root.snapshot, passed);
  const rawConfig = Buffer.from(JSON.stringify({ ...config, [cacheField]: results }));
  return images.create({ config, rawConfig, snapshot: root.snapshot });
}

async function write(
  { parts }: Plant,
  session: Session,
  request: BuildRequest,
  to: CacheOptions,
  images: readonly Image[],
  work: Work,
): Promise<Descriptor> {
  const compression = to['compression'] === 'zstd' ? 'zstd' : 'gzip';
  const made = [];
  for (const { id } of images)
    made.push(await parts.images.materialize(id, { compression, annotations: {}, signal: work.signal }));
  const manifests = made.map(({ manifest }) => manifest);
  const fields = { schemaVersion: 2, mediaType: mediaTypes.ociIndex, artifactType: cacheType, manifests };
  const bytes = Buffer.from(JSON.stringify(fields));
  const root = { mediaType: mediaTypes.ociIndex, digest: sha256(bytes), size: bytes.length };
  if (to['type'] === 'local') {
    const annotations = { 'org.opencontainers.image.ref.name': to['tag'] ?? 'latest' };
    const blobs = made.flatMap(({ config, layers, manifest }) => [config, ...layers, manifest]);
    const layout = { entries: [{ ...root, annotations }], documents: [{ descriptor: root, bytes }], blobs };
    const client = session.blobsOf(to['dest']!);
    if (client) await sendLayout(parts.content, layout, client, work.signal);
    else await writeLayoutFolder(parts.content, layout, to['dest']!, work.signal);
    return root;
  }
  if (!parts.transfers) throw new StrataError('unsupported', 'this builder cannot push');
  const reference = withDefaultTag(parseReference(to['ref']!));
  const ids = images.map(({ id }) => id);
  await parts.transfers.pushIndex(
    parseReference(canonicalName(reference)),
    { images: ids, bytes },
    await pushOptions({ session, request }, reference, work),
  );
  return root;
}
