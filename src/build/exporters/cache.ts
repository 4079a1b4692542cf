import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { messageOf, StrataError } from '../../errors/index.ts';
import type { Image } from '../../image/index.ts';
import { canonicalName, type ImageConfig, parseReference, withDefaultTag } from '../../oci/index.ts';
import type { Plant } from '../builder.ts';
import { cacheField, exportResults, importResults } from '../cache/portable.ts';
import { authFor } from '../resolve-base.ts';
import type { Session } from '../session.ts';
import type { BuildRequest } from '../types.ts';
import type { RootValue } from '../value.ts';

type Options = Readonly<Record<string, string>>;

/** The file of a local cache folder. */
const archiveName = 'strata-cache.tar';

/** Brings in what `--cache-from` names. A source that is not there is a warning: the build is only slower. */
export async function importCaches(plant: Plant, session: Session, request: BuildRequest): Promise<void> {
  await Promise.all(
    (request.cacheFrom ?? []).map(async (from) => {
      const place = from['type'] === 'local' ? required(from, 'src') : required(from, 'ref');
      const event = { kind: 'internal', name: `importing cache manifest from ${place}` } as const;
      try {
        await session.step(event, async (work) => {
          const images = await cacheImages(plant, request, from, work.signal);
          for (const image of images) importResults(plant.shop.records, plant.parts.snapshots, image);
        });
      } catch (error) {
        if (session.signal.aborted) throw error;
        session.progress({ type: 'warning', message: `cache source is not used: ${messageOf(error)}` });
      }
    }),
  );
}

async function cacheImages(
  { parts }: Plant,
  request: BuildRequest,
  from: Options,
  signal: AbortSignal,
): Promise<Image[]> {
  if (from['type'] === 'local') {
    const source = createReadStream(join(required(from, 'src'), archiveName));
    const loaded = await parts.images.load(source, { signal });
    return Promise.all(loaded.map(({ id }) => parts.images.get(id)));
  }
  const reference = withDefaultTag(parseReference(required(from, 'ref')));
  const local = await parts.images.find(canonicalName(reference));
  if (!parts.transfers) return local ? [local] : [];
  const auth = authFor(request, reference.domain);
  const { id } = await parts.transfers.pull(reference, { signal, ...(auth && { auth }) });
  return [await parts.images.get(id)];
}

function required(options: Options, name: string): string {
  const value = options[name];
  if (value !== undefined && value !== '') return value;
  throw new StrataError('invalid_argument', `the cache of type ${options['type'] ?? 'registry'} needs ${name}=`);
}

/** Writes the cache where `--cache-to` says: the last stage's layers, or with mode=max those of every stage. */
export async function exportCaches(
  plant: Plant,
  session: Session,
  request: BuildRequest,
  roots: { readonly last: RootValue; readonly all: readonly RootValue[] },
): Promise<void> {
  for (const to of request.cacheTo ?? []) {
    if (to['type'] === 'inline') continue;
    const chosen = to['mode'] === 'max' ? [...roots.all, roots.last] : [roots.last];
    await session.step({ kind: 'export', name: 'exporting cache' }, async (work) => {
      const images = await Promise.all(distinct(chosen).map((root) => cacheImage(plant, root)));
      if (to['type'] === 'local') await writeLocal(plant, images, required(to, 'dest'), work.signal);
      else await pushCache(plant, request, images, required(to, 'ref'), work.signal);
    });
  }
}

function distinct(roots: readonly RootValue[]): RootValue[] {
  return [...new Map(roots.filter(({ snapshot }) => snapshot !== null).map((root) => [root.id, root])).values()];
}

/** An image that is nothing but layers and what they are results of. */
async function cacheImage({ parts, shop }: Plant, root: RootValue): Promise<Image> {
  const { snapshots, images } = parts;
  if (root.snapshot !== null) await snapshots.measure(root.snapshot);
  const stack = root.snapshot === null ? [] : snapshots.stack(root.snapshot);
  const config: ImageConfig = {
    architecture: 'amd64',
    os: 'linux',
    rootfs: { type: 'layers', diff_ids: stack.map(({ measure }) => measure!.diffID) },
  };
  const results = exportResults(shop.records, snapshots, root.snapshot);
  const rawConfig = Buffer.from(JSON.stringify({ ...config, [cacheField]: results }));
  return images.create({ config, rawConfig, snapshot: root.snapshot });
}

async function writeLocal(
  { parts }: Plant,
  images: readonly Image[],
  dest: string,
  signal: AbortSignal,
): Promise<void> {
  await mkdir(dest, { recursive: true });
  const unfinished = join(dest, `${archiveName}.${process.pid}`);
  try {
    const archive = await parts.images.save(
      images.map(({ id }) => id),
      { signal },
    );
    await pipeline(archive, createWriteStream(unfinished), { signal });
    await rename(unfinished, join(dest, archiveName));
  } finally {
    await rm(unfinished, { force: true });
    for (const { id } of images) await parts.images.remove(id, { force: true, prune: true, uses: [] });
  }
}

async function pushCache(
  { parts }: Plant,
  request: BuildRequest,
  images: readonly Image[],
  ref: string,
  signal: AbortSignal,
): Promise<void> {
  const { transfers } = parts;
  if (!transfers) throw new StrataError('unsupported', 'this builder cannot push');
  const reference = withDefaultTag(parseReference(ref));
  const auth = authFor(request, reference.domain);
  // A registry's tag holds one image: the last stage's, which comes last.
  const image = images.at(-1)!;
  await parts.images.tag(image.id, reference);
  await transfers.push(reference, { signal, ...(auth && { auth }) });
}
