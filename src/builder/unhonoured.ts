/** What a request asks for that this builder does not do: refused where the result would be another thing, else warned of. */
import { StrataError } from '../errors/index.ts';
import type { BuildRequest, OutputSpec } from '../wire/index.ts';
import { compressionOf } from './exporters/manifests.ts';

/** Sentences for the user. Throws for what cannot be done at all. */
export function unhonoured(request: BuildRequest): readonly string[] {
  checkEntitlements(request.allow ?? []);
  return [
    ...(request.outputs ?? []).flatMap(ofOutput),
    ...(request.cacheFrom ?? []).flatMap((cache) => ofCache('--cache-from', cache, importing)),
    ...(request.cacheTo ?? []).flatMap((cache) => ofCache('--cache-to', cache, exporting)),
    ...Object.entries(request.attests ?? {}).flatMap(ofAttestation),
    ...Object.keys(request.buildArgs ?? {}).flatMap((name) => ofArgument(name, request.buildArgs?.[name] ?? '')),
    ...(request.ignored ?? []),
  ];
}

const entitlements = ['network.host', 'security.insecure'];

function checkEntitlements(allow: readonly string[]): void {
  for (const name of allow) {
    if (entitlements.includes(name)) continue;
    const kind = name.split('=', 1)[0]!;
    const message =
      kind === 'device'
        ? 'granting entitlement device is not allowed by build daemon configuration'
        : `unknown entitlement ${name}`;
    throw new StrataError('permission_denied', message, {
      code: 'unknown_entitlement',
      hint: `the entitlements are ${entitlements.join(' and ')}`,
    });
  }
}

/** Attributes of images and archives. Every image goes into the store, and is unpacked there when it is first used. */
const imageAttributes = [
  ...['name', 'push', 'push-by-digest', 'name-canonical', 'dangling-name-prefix', 'compression', 'force-compression'],
  ...['rewrite-timestamp', 'tar', 'dest', 'context', 'unpack', 'store', 'buildinfo', 'buildinfo-attrs'],
];
const treeAttributes = ['dest', 'platform-split'];

function ofOutput({ type, attributes }: OutputSpec): string[] {
  if (type === 'cacheonly') return [];
  const isTree = type === 'local' || type === 'tar';
  if (!isTree) compressionOf(attributes['compression']);
  const known = isTree ? treeAttributes : imageAttributes;
  return Object.keys(attributes)
    .filter((name) => !known.includes(name) && !(!isTree && name.startsWith('annotation')))
    .map((name) => `attribute ${name} of the output type=${type} has no effect`);
}

const importing: Readonly<Record<string, readonly string[]>> = {
  local: ['src', 'tag', 'digest'],
  registry: ['ref'],
};
const exporting: Readonly<Record<string, readonly string[]>> = {
  local: ['dest', 'tag', 'mode', 'compression', 'ignore-error'],
  registry: ['ref', 'mode', 'compression', 'ignore-error'],
  inline: ['mode'],
};

function ofCache(flag: string, cache: Readonly<Record<string, string>>, known: typeof importing): string[] {
  const type = cache['type'] ?? 'registry';
  if (flag === '--cache-to' && !['gzip', 'zstd', undefined].includes(cache['compression']))
    throw new StrataError('invalid_argument', `unsupported compression type ${cache['compression']}`, {
      hint: 'caches are compressed with gzip or zstd',
    });
  return Object.keys(cache)
    .filter((name) => name !== 'type' && !known[type]?.includes(name))
    .map((name) => `attribute ${name} of ${flag} type=${type} has no effect`);
}

function ofAttestation([type, attributes]: readonly [string, string]): string[] {
  if (type !== 'sbom' && type !== 'provenance')
    throw new StrataError('invalid_argument', `unknown attestation type ${JSON.stringify(type)}`);
  if (/(^|,)disabled=true(,|$)/.test(attributes)) return [];
  return [`attestations are not made: the result has no ${type === 'sbom' ? 'SBOM' : 'provenance'}`];
}

/** Arguments that BuildKit itself looks at, and this builder does not; the others are the Dockerfile's, or honoured. */
const unread = [
  'BUILDKIT_MULTI_PLATFORM',
  'BUILDKIT_BUILD_NAME',
  'BUILDKIT_BUILDINFO',
  'BUILDKIT_INLINE_BUILDINFO_ATTRS',
];

function ofArgument(name: string, value: string): string[] {
  if (name === 'BUILDKIT_SYNTAX')
    return value === '' ? [] : [`BUILDKIT_SYNTAX=${value} is not fetched: the built-in frontend reads the Dockerfile`];
  return !unread.includes(name) || /^(0|false|)$/i.test(value)
    ? []
    : [`build argument ${name} has no effect on how it is built`];
}
