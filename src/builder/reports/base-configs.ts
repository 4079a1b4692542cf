import type { BaseImageConfig, Dockerfile, TextRange } from '../../dockerfile/index.ts';
import { StrataError } from '../../errors/index.ts';
import type { Images } from '../../image/index.ts';
import { canonicalName, formatPlatform, type Platform, parsePlatform, type Reference } from '../../oci/index.ts';
import { chooseManifest, inspectRemote, type RegistryClient } from '../../registry/index.ts';
import type { BuildRequest } from '../../wire/index.ts';
import type { Bases } from '../cache/bases.ts';
import { findNamedContext } from '../contexts/named.ts';
import { baseReference, serves, unresolved } from '../frontend/externals.ts';
import { located } from '../frontend/locate.ts';
import { findCopySource, mountSources, type StageNode, scratch } from '../frontend/stages.ts';
import type { Session } from '../session.ts';
import { authFor } from '../sources/base-image.ts';

/** What is known of the images that a file names. */
export interface BaseConfigs {
  /** `platform` as FROM gives it. */
  find(name: string, platform: string | undefined): BaseImageConfig | undefined;
  /** Why the first image that cannot be had cannot, with its place. */
  readonly failure: StrataError | undefined;
}

export interface BaseConfigParts {
  readonly images: Pick<Images, 'find'>;
  readonly bases: Pick<Bases, 'find'>;
  /** Absent where nothing may be fetched: an image that is not here counts as one without settings. */
  readonly registry?: Pick<RegistryClient, 'resolve' | 'blob'>;
}

/** Reads the configurations of all images that the wanted stages build on or take files from; no layer is fetched. */
export async function readBaseConfigs(
  parts: BaseConfigParts,
  session: Session,
  request: BuildRequest,
  dockerfile: Dockerfile,
  nodes: readonly StageNode[],
  wanted: readonly StageNode[],
  targetPlatform: Platform,
): Promise<BaseConfigs> {
  const known = new Map<string, Promise<BaseImageConfig | undefined>>();
  const failures: unknown[] = [];
  await Promise.all(
    imagesOf(nodes, wanted).map(async ({ name, platform, range }, place) => {
      if (findNamedContext(request, name)) return;
      const key = keyOf(name, platform && formatPlatform(platform));
      try {
        const promise = known.get(key) ?? readConfig(parts, session, request, name, platform ?? targetPlatform);
        known.set(key, promise);
        await promise;
      } catch (error) {
        failures[place] = located(dockerfile, range, error);
      }
    }),
  );
  const configs = new Map<string, BaseImageConfig | undefined>();
  for (const [key, promise] of known) configs.set(key, await promise.catch(() => undefined));
  const failure = failures.find((error) => error !== undefined);
  if (failure !== undefined && !(failure instanceof StrataError)) throw failure;
  return { failure, find: (name, platform) => configs.get(keyOf(name, platform && plainly(platform))) };
}

function keyOf(name: string, platform: string | undefined): string {
  return `${name} ${platform ?? ''}`;
}

function plainly(platform: string): string {
  try {
    return formatPlatform(parsePlatform(platform));
  } catch {
    return platform;
  }
}

interface Named {
  readonly name: string;
  readonly platform: Platform | undefined;
  readonly range: TextRange;
}

function imagesOf(nodes: readonly StageNode[], wanted: readonly StageNode[]): Named[] {
  return wanted.flatMap(({ base, platform, stage }) => {
    const named: Named[] = base.kind === 'external' ? [{ name: base.name, platform, range: stage.from.location }] : [];
    for (const instruction of stage.instructions) {
      const sources =
        instruction.kind === 'run'
          ? mountSources(instruction)
          : instruction.kind === 'copy' && instruction.from !== undefined
            ? [instruction.from]
            : [];
      for (const name of sources)
        if (name !== scratch && !findCopySource(nodes, name))
          named.push({ name, platform: undefined, range: instruction.location });
    }
    return named;
  });
}

async function readConfig(
  { images, bases, registry }: BaseConfigParts,
  session: Session,
  request: BuildRequest,
  name: string,
  platform: Platform,
): Promise<BaseImageConfig | undefined> {
  const reference = baseReference(name);
  const canonical = canonicalName(reference);
  if (!registry) {
    const image = await images.find(canonical);
    const fitting = image && serves(image, platform) ? image : (bases.find(canonical, platform) ?? image);
    return fitting && settingsOf({ ...fitting.config });
  }
  const event = { kind: 'internal', name: `[internal] load metadata for ${canonical}` } as const;
  return await session.step(event, async ({ signal }) => {
    const local = await images.find(canonical);
    if (local && serves(local, platform)) return settingsOf({ ...local.config });
    try {
      return settingsOf(await remoteConfig(registry, session, request, reference, platform));
    } catch (cause) {
      signal.throwIfAborted();
      throw unresolved(name, reference, cause);
    }
  });
}

async function remoteConfig(
  registry: Pick<RegistryClient, 'resolve' | 'blob'>,
  session: Session,
  request: BuildRequest,
  reference: Reference,
  platform: Platform,
): Promise<Readonly<Record<string, unknown>>> {
  const auth = await authFor(session, request, reference.domain);
  const options = { signal: session.signal, ...(auth && { auth }) };
  let found = await inspectRemote(registry, reference, options);
  if ('manifests' in found.document) {
    const { digest } = chooseManifest(found.document, platform);
    const { tag: _, ...repository } = reference;
    found = await inspectRemote(registry, { ...repository, digest }, options);
  }
  return found.config ?? {};
}

/** A registry may serve anything: what is not of its type is left out. */
function settingsOf(image: Readonly<Record<string, unknown>>): BaseImageConfig {
  const given = image['config'];
  const config = typeof given === 'object' && given !== null ? (given as Record<string, unknown>) : {};
  const text = (key: 'os' | 'architecture') => (typeof image[key] === 'string' ? { [key]: image[key] } : {});
  const list = (key: 'Env' | 'Shell' | 'OnBuild') => {
    const value = config[key];
    return Array.isArray(value) && value.every((item) => typeof item === 'string') ? { [key]: value } : {};
  };
  return { ...text('os'), ...text('architecture'), ...list('Env'), ...list('Shell'), ...list('OnBuild') };
}
