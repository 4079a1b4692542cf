import { messageOf } from '../errors/index.ts';
import type { Image } from '../image/index.ts';
import { canonicalName, type Platform, parseReference, type Reference, withDefaultTag } from '../oci/index.ts';
import { parseDocument } from '../registry/index.ts';
import type { Plant } from './builder.ts';
import type { CacheOptions } from './cache/options.ts';
import { type CacheImage, importResults } from './cache/portable.ts';
import { openWholeLayout } from './contexts/oci-layout.ts';
import { cacheType } from './exporters/export-cache.ts';
import { withoutTrace } from './exporters/without-trace.ts';
import { authFor } from './resolve-base.ts';
import type { Session } from './session.ts';
import type { Work } from './solver/vertex.ts';
import type { BuildRequest } from './types.ts';

interface Importing {
  readonly plant: Plant;
  readonly request: BuildRequest;
  readonly from: CacheOptions;
  readonly platforms: readonly Platform[];
}

/** Brings in what `--cache-from` names. A source that is not there is a warning: the build is only slower. */
export async function importCaches(
  plant: Plant,
  session: Session,
  request: BuildRequest,
  platforms: readonly Platform[],
): Promise<void> {
  for (const from of request.cacheFrom ?? []) {
    const name = `importing cache manifest from ${from['src'] ?? from['ref']}`;
    const importing = { plant, request, from, platforms };
    try {
      await session.step({ kind: 'internal', name }, (work) =>
        // Until their results are recorded nobody holds the layers that come in.
        plant.parts.images.during(() =>
          from['type'] === 'local' ? fromFolder(importing, work) : fromImage(importing, work),
        ),
      );
    } catch (error) {
      if (session.signal.aborted) throw error;
      session.progress({ type: 'warning', message: `cache source is not used: ${messageOf(error)}` });
    }
  }
}

function take({ shop, parts }: Plant, images: readonly CacheImage[]): number {
  return images.reduce((sum, image) => sum + importResults(shop.records, parts.snapshots, image), 0);
}

async function fromFolder({ plant, from }: Importing, { signal }: Work): Promise<void> {
  const reference = from['digest'] ?? from['tag'];
  const layout = { dir: from['src']!, ...(reference !== undefined && { reference }) };
  take(plant, await openWholeLayout(plant.parts.images, layout, signal));
}

/** The image of that name that is here, and what the registry has under it. */
async function fromImage(importing: Importing, work: Work): Promise<void> {
  const { plant, from } = importing;
  const { images, transfers } = plant.parts;
  const reference = withDefaultTag(parseReference(from['ref']!));
  const local = await images.find(canonicalName(reference));
  const isKnown = local !== undefined && take(plant, [local]) > 0;
  if (!transfers) return;
  try {
    await withoutTrace(
      images,
      async () => ({ images: await pullAll(importing, reference, work) }),
      async (pulled) => take(plant, pulled.images),
    );
  } catch (error) {
    if (!isKnown) throw error;
  }
}

/** Pulls by digest: what the name means here stays as it is. */
async function pullAll({ plant, request, platforms }: Importing, ref: Reference, work: Work): Promise<Image[]> {
  const { images, transfers, registry } = plant.parts;
  const auth = authFor(request, ref.domain);
  const options = { signal: work.signal, ...(auth && { auth }) };
  const { descriptor, bytes } = await registry!.resolve(ref, options);
  const document = parseDocument(bytes, descriptor.mediaType, canonicalName(ref));
  const { tag: _, ...repository } = ref;
  const pulled: Image[] = [];
  const pull = async (digest: typeof descriptor.digest, platform?: Platform) => {
    const { id } = await transfers!.pull({ ...repository, digest }, { ...options, ...(platform && { platform }) });
    pulled.push(await images.get(id));
  };
  if (document.kind === 'index' && document.index.artifactType === cacheType)
    for (const { digest } of document.index.manifests) await pull(digest);
  else for (const platform of platforms) await pull(descriptor.digest, platform);
  return pulled;
}
