import { setImmediate } from 'node:timers/promises';
import { messageOf } from '../../errors/index.ts';
import {
  canonicalName,
  type Digest,
  type Platform,
  parseReference,
  type Reference,
  withDefaultTag,
} from '../../oci/index.ts';
import { chooseManifest, inspectRemote, parseDocument } from '../../registry/index.ts';
import type { SnapshotName } from '../../snapshot/index.ts';
import type { BuildRequest } from '../../wire/index.ts';
import type { PortableResult } from '../cache/records.ts';
import type { Plant } from '../plant.ts';
import type { Session } from '../session.ts';
import type { Work } from '../solver/vertex.ts';
import { authFor } from '../sources/base-image.ts';
import { layoutOf, readWholeLayout } from '../sources/oci-layout.ts';
import { tellTransfer } from '../tell-transfer.ts';
import type { RootValue } from '../value.ts';
import type { CacheOptions } from './options.ts';
import { adoptResults, cacheType, resultsIn } from './portable.ts';

/** Results whose names are taken over in one go. */
const slice = 200;
/** Most images of one cache that are read: stages and platforms. */
const mostImages = 200;

/** Brings the layers of an image of the cache here, and lets `use` have them before anything can take them away. */
type Fetch = (work: Work, use: (top: SnapshotName | null) => void) => Promise<void>;

/**
 * Results of the caches that a build was given. They count as soon as their names are here; their layers stay where they
 * are until a step works on them, since most builds need few of them.
 */
export class CacheSources {
  readonly #plant: Plant;
  readonly #session: Session;
  readonly #sources = new Map<string, (work: Work) => Promise<void>>();

  constructor(plant: Plant, session: Session) {
    this.#plant = plant;
    this.#session = session;
  }

  /** Takes the names of `results`, of which `fetch` brings the layers. */
  async add(results: readonly PortableResult[], fetch: Fetch): Promise<void> {
    const { shop, parts } = this.#plant;
    let fetched: Promise<void> | undefined;
    const adopt = (top: SnapshotName | null) => adoptResults(shop.records, parts.snapshots, results, top);
    const bring = async (work: Work) => {
      try {
        await fetch(work, adopt);
      } catch (error) {
        work.signal.throwIfAborted();
        this.#warn(error);
      }
    };
    await this.#adoptNames(results);
    for (const { id, layers } of results) if (layers > 0) this.#sources.set(id, (work) => (fetched ??= bring(work)));
  }

  async #adoptNames(results: readonly PortableResult[]): Promise<void> {
    for (let at = 0; at < results.length; at += slice) {
      // Nobody is to wait for a large cache.
      await setImmediate();
      this.#session.signal.throwIfAborted();
      this.#plant.shop.records.adoptNames(results.slice(at, at + slice));
    }
  }

  /** The result with its layers; undefined where no cache has them any more, which is a warning. */
  async bring(id: string, work: Work): Promise<RootValue | undefined> {
    await this.#sources.get(id)?.(work);
    return this.#plant.shop.records.withID(id);
  }

  /** Reads what `--cache-from` names. A source that is not there is a warning: the build is only slower. */
  async read(request: BuildRequest, platforms: readonly Platform[]): Promise<void> {
    for (const from of request.cacheFrom ?? []) {
      const name = `importing cache manifest from ${from['src'] ?? from['ref']}`;
      try {
        await this.#session.step({ kind: 'internal', name }, (work) =>
          from['type'] === 'local' ? this.#fromFolder(from) : this.#fromImage(request, from, platforms, work),
        );
      } catch (error) {
        if (this.#session.signal.aborted) throw error;
        this.#warn(error);
      }
    }
  }

  #warn(error: unknown): void {
    this.#session.progress({ type: 'warning', message: `cache source is not used: ${messageOf(error)}` });
  }

  async #fromFolder(from: CacheOptions): Promise<void> {
    const { images } = this.#plant.parts;
    const reference = from['digest'] ?? from['tag'];
    const layout = { dir: from['src']!, ...(reference !== undefined && { reference }) };
    for await (const image of readWholeLayout(layoutOf(this.#session, layout), mostImages)) {
      await this.add(resultsIn(JSON.parse(Buffer.from(image.rawConfig).toString('utf8'))), (work, use) =>
        images.during(async () => use((await image.unpack(images, work.signal)).snapshot)),
      );
    }
  }

  /** The image of that name that is here, and what the registry has under it. */
  async #fromImage(
    request: BuildRequest,
    from: CacheOptions,
    platforms: readonly Platform[],
    { signal }: Work,
  ): Promise<void> {
    const { images, transfers, registry } = this.#plant.parts;
    const ref = withDefaultTag(parseReference(from['ref']!));
    const isKnown = await this.#fromLocal(ref);
    if (!transfers || !registry) return;
    const auth = await authFor(this.#session, request, ref.domain);
    const asking = { signal, ...(auth && { auth }) };
    const { tag: _, ...repository } = ref;
    try {
      for (const digest of await this.#manifests(ref, platforms, asking)) {
        const { config = {} } = await inspectRemote(registry, { ...repository, digest }, asking);
        await this.add(resultsIn(config), (work, use) =>
          images.during(() =>
            this.#plant.withoutTrace.use(
              async () => {
                const progress = tellTransfer(this.#session, work);
                const options = { signal: work.signal, progress, nameless: true, ...(auth && { auth }) };
                // By digest: what the name means here stays as it is.
                const { id } = await transfers.pull({ ...repository, digest }, options);
                return { images: [await images.get(id)] };
              },
              async (pulled) => use(pulled.images[0]!.snapshot),
            ),
          ),
        );
      }
    } catch (error) {
      if (!isKnown) throw error;
    }
  }

  async #fromLocal(ref: Reference): Promise<boolean> {
    const { parts, shop } = this.#plant;
    const image = await parts.images.find(canonicalName(ref));
    if (!image) return false;
    const results = resultsIn(JSON.parse(Buffer.from(image.rawConfig).toString('utf8')));
    await this.#adoptNames(results);
    adoptResults(shop.records, parts.snapshots, results, image.snapshot);
    return results.length > 0;
  }

  /** Of a cache every image, of an index the images of the wanted platforms. */
  async #manifests(
    ref: Reference,
    platforms: readonly Platform[],
    asking: Parameters<typeof inspectRemote>[2],
  ): Promise<readonly Digest[]> {
    const { descriptor, bytes } = await this.#plant.parts.registry!.resolve(ref, asking);
    const document = parseDocument(bytes, descriptor.mediaType, canonicalName(ref));
    if (document.kind === 'manifest') return [descriptor.digest];
    const { artifactType, manifests } = document.index;
    const chosen =
      artifactType === cacheType ? manifests : platforms.map((platform) => chooseManifest(document.index, platform));
    return [...new Set(chosen.map(({ digest }) => digest))].slice(0, mostImages);
  }
}
