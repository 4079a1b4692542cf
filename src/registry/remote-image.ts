import { StrataError } from '../errors/index.ts';
import {
  type Descriptor,
  familiarName,
  type Index,
  type Manifest,
  type Platform,
  type Reference,
  withDefaultTag,
} from '../oci/index.ts';
import { parseDocument } from './document.ts';
import { limits } from './limits.ts';
import { readBody } from './read-body.ts';
import type { RegistryClient, RequestOptions } from './types.ts';

/** What a registry has under a name, without pulling it. */
export interface RemoteDocument {
  readonly ref: Reference;
  readonly descriptor: Descriptor;
  /** Exactly as digested. */
  readonly bytes: Uint8Array;
  readonly document: Manifest | Index;
  /** Platforms that the name serves, without `unknown/unknown` (attestations). */
  readonly platforms: readonly Platform[];
  /** The image's configuration, for a manifest. */
  readonly config?: Readonly<Record<string, unknown>>;
}

/** Reads a manifest or an index, and for a manifest the configuration: for `image inspect --remote` and `manifest inspect`. */
export async function inspectRemote(
  client: Pick<RegistryClient, 'resolve' | 'blob'>,
  given: Reference,
  options: RequestOptions,
): Promise<RemoteDocument> {
  const ref = withDefaultTag(given);
  const { descriptor, bytes } = await client.resolve(ref, options);
  const parsed = parseDocument(bytes, descriptor.mediaType, familiarName(ref));
  if (parsed.kind === 'index') {
    const platforms = parsed.index.manifests.flatMap(({ platform }) =>
      platform && platform.os !== 'unknown' ? [platform] : [],
    );
    return { ref, descriptor, bytes, document: parsed.index, platforms };
  }
  const config = await readConfig(client, ref, parsed.manifest, options);
  const platform = platformOf(config);
  return {
    ref,
    descriptor,
    bytes,
    document: parsed.manifest,
    platforms: platform ? [platform] : [],
    ...(config && { config }),
  };
}

/** Undefined for artifacts, whose configuration is something else or nothing. */
async function readConfig(
  client: Pick<RegistryClient, 'resolve' | 'blob'>,
  ref: Reference,
  { config }: Manifest,
  options: RequestOptions,
): Promise<Record<string, unknown> | undefined> {
  if (!/image\.(config\.)?v1\+json$/.test(config.mediaType)) return undefined;
  if (config.size > limits.config) {
    throw new StrataError(
      'data_loss',
      `the configuration of ${familiarName(ref)} is larger than ${limits.config} bytes`,
      { code: 'body_too_large' },
    );
  }
  const bytes = await readBody(
    await client.blob(ref, config, options),
    limits.config,
    `the configuration of ${familiarName(ref)}`,
  );
  try {
    const value: unknown = JSON.parse(bytes.toString('utf8'));
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  } catch {
    // Answered below.
  }
  throw new StrataError('data_loss', `the configuration of ${familiarName(ref)} is no JSON`, {
    code: 'invalid_config',
  });
}

function platformOf(config: Readonly<Record<string, unknown>> | undefined): Platform | undefined {
  const text = (key: string) =>
    typeof config?.[key] === 'string' && config[key] !== '' ? (config[key] as string) : undefined;
  const [os, architecture, variant, version] = [text('os'), text('architecture'), text('variant'), text('os.version')];
  if (os === undefined || architecture === undefined) return undefined;
  return { os, architecture, ...(variant && { variant }), ...(version && { 'os.version': version }) };
}
