import type { DirectBuild } from '../buildkit/index.ts';
import { StrataError } from '../errors/index.ts';
import { parsePlatform, parseReference } from '../oci/index.ts';
import type { Credentials } from '../registry/index.ts';
import type { BuildRequest, ContextSource } from '../wire/index.ts';
import { platformText } from './platform-text.ts';
import type { Query } from './query.ts';
import { buildOutputs, classicBuildArgs, classicCacheFrom, classicLabels, classicUlimits } from './shapes/build.ts';

/** The query of `POST /build` as a build request, everything checked before the context is read. */
export function classicBuildRequest(
  query: Query,
  auth: Readonly<Record<string, Credentials>> | undefined,
): Omit<BuildRequest, 'context'> {
  refuseUnsupported(query);
  const byBuildKit = isByBuildKit(query);
  const tags = query.all('t').filter((tag) => tag !== '');
  for (const tag of tags) assertTag(tag);
  const platform = platformText(query.text('platform'));
  if (platform !== '') parsePlatform(platform);
  const dockerfile = query.text('dockerfile');
  const network = query.text('networkmode');
  const shmSize = query.int('shmsize');
  const ulimits = classicUlimits(query.json('ulimits', 'ulimits'), 'ulimits');
  const cacheFrom = classicCacheFrom(query.json('cachefrom', 'cache-from'), 'cachefrom') ?? [];
  const buildArgs = classicBuildArgs(query.json('buildargs', 'build args'), 'buildargs');
  const labels = classicLabels(query.json('labels', 'labels'), 'labels');
  const limits = limitsOf(query);
  return {
    ...(!byBuildKit && { stepImages: true }),
    ...(dockerfile !== '' && { dockerfile: { path: dockerfile } }),
    ...(tags.length > 0 && { tags }),
    ...(buildArgs && { buildArgs }),
    ...(labels && { labels }),
    ...(query.text('target') !== '' && { target: query.text('target') }),
    ...(query.flag('nocache') && { noCache: true }),
    ...(query.flag('pull') && { pull: true }),
    ...(network !== '' && network !== 'default' && { network }),
    ...(platform !== '' && { platforms: [platform] }),
    ...(query.all('extrahosts').length > 0 && { extraHosts: query.all('extrahosts') }),
    ...(shmSize !== undefined && shmSize > 0 && { shmSize }),
    ...(ulimits && { ulimits: ulimits as NonNullable<BuildRequest['ulimits']> }),
    ...(query.text('cgroupparent') !== '' && { cgroupParent: query.text('cgroupparent') }),
    ...(Object.keys(limits).length > 0 && { limits }),
    ...(cacheFrom.length > 0 && { cacheFrom: cacheFrom.map((ref) => ({ type: 'registry', ref })) }),
    ...(auth && { auth: auth as NonNullable<BuildRequest['auth']> }),
  };
}

/** `version=2`: the client wants the answers of BuildKit. */
export function isByBuildKit(query: Query): boolean {
  return query.text('version') === '2';
}

/** `remote` names a context that the engine fetches itself. */
export function remoteContext(remote: string): ContextSource | undefined {
  if (remote === '') return undefined;
  if (/^(https?:\/\/|git:\/\/|git@|github\.com\/|ssh:\/\/)/.test(remote)) return { kind: 'url', url: remote };
  throw new StrataError('invalid_argument', `remoteURL (${remote}) could not be recognized as URL`, {
    code: 'invalid_remote',
  });
}

/** `outputs`: where the result goes, at most one. */
export function buildOutput(query: Query): DirectBuild['output'] {
  const outputs = buildOutputs(query.json('outputs', 'outputs'), 'outputs') ?? [];
  if (outputs.length > 1) throw new StrataError('invalid_argument', 'multiple outputs not supported');
  const [output] = outputs;
  return output && { type: output.Type ?? '', attrs: output.Attrs ?? {} };
}

/** What is not given, or 0, is no limit. */
function limitsOf(query: Query): NonNullable<BuildRequest['limits']> {
  const limits = {
    Memory: query.int('memory'),
    MemorySwap: query.int('memswap'),
    CpuShares: query.int('cpushares'),
    CpuPeriod: query.int('cpuperiod'),
    CpuQuota: query.int('cpuquota'),
    CpusetCpus: query.text('cpusetcpus'),
    CpusetMems: query.text('cpusetmems'),
  };
  return Object.fromEntries(Object.entries(limits).filter(([, value]) => value));
}

function refuseUnsupported(query: Query): void {
  const version = query.text('version');
  if (!['', '1', '2'].includes(version))
    throw new StrataError('invalid_argument', `invalid version "${version}"`, { hint: 'it is 1, or 2 for BuildKit' });
  if (query.flag('squash'))
    throw new StrataError('invalid_argument', 'squash is only supported with experimental mode');
  const isolation = query.text('isolation');
  if (isolation !== '' && isolation !== 'default')
    throw new StrataError('invalid_argument', `unsupported isolation: "${isolation}"`);
  if (isByBuildKit(query)) {
    const network = query.text('networkmode');
    if (!['', 'default', 'host', 'none'].includes(network))
      throw new StrataError('invalid_argument', `network mode "${network}" not supported by buildkit`);
  } else if (query.text('outputs') !== '')
    throw new StrataError(
      'unsupported',
      'the classic builder has no outputs: ask for BuildKit (version=2), or use buildx',
    );
}

function assertTag(tag: string): void {
  if (parseReference(tag).digest === undefined) return;
  throw new StrataError('invalid_argument', 'refusing to create a tag with a digest reference');
}
