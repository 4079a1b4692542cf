import type { BuildRequest } from '../../wire/index.ts';
import { parseUlimits } from '../create/limits.ts';
import type { FlagValues } from '../flags/flag.ts';
import { commaSeparated, keyValueMap } from '../flags/lists.ts';
import type { Session } from '../session.ts';
import { parseCall } from './call.ts';
import type { Sources } from './context.ts';
import type { buildFlags } from './flags.ts';
import { readNamedContexts } from './named-contexts.ts';
import { type Output, readCaches } from './outputs.ts';
import { readSecrets, readSsh } from './secrets.ts';
import { readPolicy } from './source-policy.ts';
import { attestsOf, ignoredOptions } from './unhonoured.ts';

export type BuildValues = FlagValues<typeof buildFlags>;

/** The request that the options stand for. What is not asked for is left out. */
export function buildRequest(
  flags: BuildValues,
  session: Session,
  sources: Sources,
  outputs: readonly Output[],
): BuildRequest {
  const { cwd, env } = session;
  const { method: call } = parseCall(flags.call, flags.check);
  return {
    context: sources.context,
    ...(sources.dockerfile && { dockerfile: sources.dockerfile }),
    ...some('namedContexts', readNamedContexts(flags['build-context'], cwd)),
    ...many('tags', flags.tag),
    ...some('buildArgs', readBuildArgs(flags['build-arg'], env)),
    ...(flags.target && { target: flags.target }),
    ...(flags['no-cache'] && { noCache: true }),
    ...many('noCacheFilter', commaSeparated(flags['no-cache-filter'])),
    ...(flags.pull && { pull: true }),
    ...some('labels', keyValueMap(flags.label)),
    ...some('annotations', keyValueMap(flags.annotation)),
    ...(flags.network !== 'default' && { network: flags.network }),
    ...many('platforms', commaSeparated(flags.platform)),
    ...many('secrets', readSecrets(flags.secret, session)),
    ...many('ssh', readSsh(flags.ssh, session)),
    ...many('extraHosts', flags['add-host']),
    ...(flags['shm-size'] > 0 && { shmSize: flags['shm-size'] }),
    ...many('ulimits', parseUlimits(flags.ulimit)),
    ...(flags['cgroup-parent'] && { cgroupParent: flags['cgroup-parent'] }),
    ...some('limits', limitsOf(flags)),
    ...many(
      'outputs',
      outputs.map(({ toStdout: _, ...output }) => output),
    ),
    ...many('cacheFrom', readCaches(flags['cache-from'], cwd)),
    ...many('cacheTo', readCaches(flags['cache-to'], cwd)),
    ...many('allow', commaSeparated(flags.allow)),
    ...some('attests', attestsOf(flags)),
    ...many('ignored', ignoredOptions(flags)),
    ...many('sourcePolicies', readPolicy(env, cwd)),
    ...(call !== 'build' && { call }),
    ...(call === 'check' && sources.shownName !== undefined && { shownName: sources.shownName }),
    ...(flags.explain && { explain: true }),
    ...(flags['on-error'] === 'shell' && { keepFailed: true }),
  };
}

/** Of each RUN; what is not given, or 0, is no limit. */
function limitsOf(flags: BuildValues): NonNullable<BuildRequest['limits']> {
  const limits = {
    Memory: flags.memory,
    MemorySwap: flags['memory-swap'],
    CpuShares: flags['cpu-shares'],
    CpuPeriod: flags['cpu-period'],
    CpuQuota: flags['cpu-quota'],
    CpusetCpus: flags['cpuset-cpus'],
    CpusetMems: flags['cpuset-mems'],
  };
  return Object.fromEntries(Object.entries(limits).filter(([, value]) => value));
}

/** A name alone takes this process's value; null where it has none. */
function readBuildArgs(specs: readonly string[], env: Session['env']): Record<string, string | null> {
  return Object.fromEntries(
    specs.map((spec) => {
      const at = spec.indexOf('=');
      return at === -1 ? [spec, env[spec] ?? null] : [spec.slice(0, at), spec.slice(at + 1)];
    }),
  );
}

function many<K extends string, V>(name: K, values: readonly V[]): { readonly [P in K]?: readonly V[] } {
  return (values.length > 0 ? { [name]: values } : {}) as { readonly [P in K]?: readonly V[] };
}

function some<K extends string, V extends object>(name: K, values: V): { readonly [P in K]?: V } {
  return (Object.keys(values).length > 0 ? { [name]: values } : {}) as { readonly [P in K]?: V };
}
