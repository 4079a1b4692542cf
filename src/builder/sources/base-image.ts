import { isKind, messageOf, StrataError } from '../../errors/index.ts';
import type { Image } from '../../image/index.ts';
import { canonicalName, type Platform, type Reference } from '../../oci/index.ts';
import type { Credentials } from '../../registry/index.ts';
import type { BuildRequest } from '../../wire/index.ts';
import { baseReference, imageRoot, serves, unresolved } from '../frontend/externals.ts';
import type { External } from '../frontend/plan.ts';
import type { Plant } from '../plant.ts';
import type { Session } from '../session.ts';
import type { Work } from '../solver/vertex.ts';
import { allowedImage } from '../source-policy.ts';
import { tellTransfer } from '../tell-transfer.ts';

/** What a build stands on. */
type Base = Pick<Image, 'config' | 'snapshot'> & Partial<Pick<Image, 'id'>>;

/** Finds a base image here, or fetches it: when it is absent, made for another platform, or `--pull` asks for it. */
export async function resolveBase(
  plant: Plant,
  session: Session,
  request: BuildRequest,
  name: string,
  platform: Platform,
  isExplicit: boolean,
): Promise<External & { readonly kind: 'image' }> {
  const { images } = plant.parts;
  const asked = canonicalName(baseReference(name));
  const canonical = allowedImage(session.allowed, asked);
  const reference = canonical === asked ? baseReference(name) : baseReference(canonical);
  const event = { kind: 'internal', name: `[internal] load metadata for ${asked}` } as const;
  const base = await session.step(event, async (work): Promise<Base> => {
    const local = await images.find(canonical);
    if (local) images.touch(local.id);
    if (local && !request.pull && serves(local, platform)) return local;
    try {
      const wanted = { reference, canonical, platform };
      return (
        (await kept(plant, session, request, wanted, work)) ?? (await fetch(plant, session, request, wanted, work))
      );
    } catch (cause) {
      work.signal.throwIfAborted();
      // Made here for another platform, it has no other: who named no platform gets it.
      if (local && !request.pull && !isExplicit) return local;
      throw unresolved(name, reference, cause);
    }
  });
  const { config, id } = base;
  return { kind: 'image', reference: canonical, config, value: imageRoot(base), ...(id && { id }) };
}

interface Wanted {
  readonly reference: Reference;
  readonly canonical: string;
  readonly platform: Platform;
}

/** What an earlier build fetched, while the registry still has the same under this name, or cannot be asked. */
async function kept(
  { parts, shop }: Plant,
  session: Session,
  request: BuildRequest,
  { reference, canonical, platform }: Wanted,
  { emit, signal }: Work,
): Promise<Base | undefined> {
  const base = shop.bases.find(canonical, platform);
  if (!base || !parts.registry) return undefined;
  if (reference.digest === undefined) {
    const auth = await authFor(session, request, reference.domain);
    try {
      if ((await parts.registry.head(reference, { signal, ...(auth && { auth }) })) !== base.digest) return undefined;
    } catch (error) {
      if (request.pull || !isKind(error, 'unavailable')) return undefined;
      const since = new Date(base.fetchedAt).toISOString();
      const message = `${canonical} is as it was at ${since}: ${messageOf(error)}`;
      emit({ type: 'warning', message });
    }
  }
  shop.bases.touch(canonical, platform);
  return base;
}

async function fetch(
  { parts: { images, transfers }, shop, withoutTrace }: Plant,
  session: Session,
  request: BuildRequest,
  { reference, canonical, platform }: Wanted,
  work: Work,
): Promise<Base> {
  if (!transfers) throw new StrataError('not_found', `${canonical}: not found`, { code: 'image_not_found' });
  const auth = await authFor(session, request, reference.domain);
  const progress = tellTransfer(session, work);
  const options = { platform, signal: work.signal, progress, nameless: true, ...(auth && { auth }) };
  return await withoutTrace.use(
    async () => {
      const { id, digest } = await transfers.pull(reference, options);
      return { images: [await images.get(id)], digest };
    },
    async ({ images: [image], digest }) => {
      const { config, snapshot } = image!;
      shop.bases.store(canonical, platform, { digest, config, snapshot });
      return { config, snapshot };
    },
  );
}

/** Credentials are keyed by host; Docker Hub has an old name of its own. */
export async function authFor(
  session: Session,
  request: BuildRequest,
  domain: string,
): Promise<Credentials | undefined> {
  const hub = domain === 'docker.io' ? ['https://index.docker.io/v1/', 'index.docker.io'] : [];
  for (const host of [domain, `https://${domain}`, ...hub]) {
    const auth = request.auth?.[host];
    if (auth) return auth;
  }
  return session.credentialsOf(domain);
}
