import { StrataError } from '../../errors/index.ts';
import { canonicalName, type Reference } from '../../oci/index.ts';
import type { BuildResult } from '../../wire/index.ts';
import type { Work } from '../solver/vertex.ts';
import { authFor } from '../sources/base-image.ts';
import { tellTransfer } from '../tell-transfer.ts';
import { annotationsOf } from './annotations.ts';
import { booleanOf } from './boolean-of.ts';
import type { Exporting } from './exporting.ts';
import { makeManifests, type Published, wantsManifest } from './manifests.ts';
import { namingOf } from './names.ts';
import { type StoredImages, storeImages } from './store-image.ts';

/** Stores the images here, points the names at the one for this machine, and pushes where that is wanted. */
export async function exportImage(exporting: Exporting): Promise<BuildResult> {
  const { session, request, output, built } = exporting;
  annotationsOf(request, output, built.length > 1);
  const { names, canonical, byDigest } = namingOf(request, output);
  const targets = byDigest ? canonical : names;
  const pushes = output.type === 'registry' || booleanOf(output, 'push');
  if (pushes && targets.length === 0) {
    throw new StrataError('invalid_argument', 'tag is needed when pushing to registry', { hint: 'name it with --tag' });
  }
  const { stored, published, digests } = await session.step(
    { kind: 'export', name: 'exporting to image' },
    async (work) => {
      const made = await storeImages(exporting, names, work.signal);
      const tell = (status: string) =>
        work.emit({ type: 'status', status, current: 1, unit: 'files', at: session.now(), done: true });
      tell('exporting layers');
      const isKnownByDigest = pushes || canonical.length > 0;
      const manifests =
        isKnownByDigest || wantsManifest(exporting)
          ? await makeManifests(exporting, made.images, work.signal)
          : undefined;
      if (manifests) {
        tell(`exporting manifest${manifests.images.length > 1 ? ' list' : ''} ${manifests.root.digest}`);
      }
      for (const { id } of made.images) tell(`writing image ${id}`);
      const digests = canonical.map((name) => ({ ...name, digest: manifests!.root.digest })).map(canonicalName);
      for (const name of [...names.map(canonicalName), ...digests]) tell(`naming to ${name}`);
      return { stored: made, published: manifests, digests };
    },
  );
  if (pushes) for (const target of targets) await push(exporting, target, published!, byDigest);
  for (const name of digests) await exporting.plant.parts.images.addRepoDigest(stored.main.id, name);
  return imageResult(stored, targets, published);
}

export function imageResult(
  { main }: StoredImages,
  names: readonly Reference[],
  published: Published | undefined,
): BuildResult {
  const shown = names.map(canonicalName);
  const { root } = published ?? {};
  return {
    imageID: main.id,
    names: shown,
    ...(root && { digest: root.digest }),
    metadata: {
      ...(!(published && published.images.length > 1) && { 'containerimage.config.digest': main.id }),
      ...(root && { 'containerimage.descriptor': root }),
      'containerimage.digest': root?.digest ?? main.id,
      ...(shown.length > 0 && { 'image.name': shown.join(',') }),
    },
  };
}

async function push(exporting: Exporting, name: Reference, published: Published, byDigest: boolean): Promise<void> {
  const { plant, session } = exporting;
  const { transfers, images } = plant.parts;
  if (!transfers) throw new StrataError('unsupported', 'this builder cannot push');
  const event = { kind: 'export', name: `pushing ${canonicalName(name)}` } as const;
  await session.step(event, async (work) => {
    const options = await pushOptions(exporting, name, work);
    if (published.images.length === 1 && !byDigest) return void (await transfers.push(name, options));
    const { digest, repository } = await transfers.pushIndex(
      name,
      { images: published.images.map(({ id }) => id), bytes: published.bytes, mediaType: published.root.mediaType },
      { ...options, byDigest },
    );
    if (byDigest) return;
    const named = await images.find(canonicalName(name));
    if (named) await images.addRepoDigest(named.id, `${repository}@${digest}`);
  });
}

/** How a push of the build is done and told. */
export async function pushOptions(
  { session, request }: Pick<Exporting, 'session' | 'request'>,
  name: Reference,
  work: Work,
) {
  const auth = await authFor(session, request, name.domain);
  return {
    signal: work.signal,
    ...(auth && { auth }),
    progress: tellTransfer(session, work),
  };
}
