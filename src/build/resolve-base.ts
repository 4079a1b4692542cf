import { StrataError } from '../errors/index.ts';
import type { Image, Images } from '../image/index.ts';
import { canonicalName, type Platform, type Reference } from '../oci/index.ts';
import type { Credentials, Transfers } from '../registry/index.ts';
import { baseReference, imageRoot, serves, unresolved } from './frontend/externals.ts';
import type { External } from './frontend/plan.ts';
import type { Session } from './session.ts';
import type { Work } from './solver/vertex.ts';
import { allowedImage } from './source-policy.ts';
import { tellTransfer } from './tell-transfer.ts';
import type { BuildRequest } from './types.ts';

export interface BaseParts {
  readonly images: Images;
  /** Absent where nothing may be pulled. */
  readonly transfers?: Pick<Transfers, 'pull'>;
}

/** Finds a base image here, or pulls it: when it is absent, made for another platform, or `--pull` asks for it. */
export async function resolveBase(
  parts: BaseParts,
  session: Session,
  request: BuildRequest,
  name: string,
  platform: Platform,
  isExplicit: boolean,
): Promise<External> {
  const asked = canonicalName(baseReference(name));
  const canonical = allowedImage(session.allowed, asked);
  const reference = canonical === asked ? baseReference(name) : baseReference(canonical);
  const event = { kind: 'internal', name: `[internal] load metadata for ${asked}` } as const;
  const image = await session.step(event, async (work) => {
    const local = await parts.images.find(canonical);
    if (local && !request.pull && serves(local, platform, isExplicit)) return local;
    try {
      return await pull(parts, session, request, reference, platform, work);
    } catch (cause) {
      work.signal.throwIfAborted();
      throw unresolved(name, reference, cause);
    }
  });
  parts.images.touch(image.id);
  return { kind: 'image', reference: canonical, config: image.config, value: imageRoot(image), id: image.id };
}

async function pull(
  { images, transfers }: BaseParts,
  session: Session,
  request: BuildRequest,
  reference: Reference,
  platform: Platform,
  work: Work,
): Promise<Image> {
  if (!transfers) {
    throw new StrataError('not_found', `${canonicalName(reference)}: not found`, { code: 'image_not_found' });
  }
  const auth = await authFor(session, request, reference.domain);
  const progress = tellTransfer(session, work);
  const { id } = await transfers.pull(reference, { platform, signal: work.signal, progress, ...(auth && { auth }) });
  return images.get(id);
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
