import { before } from '../version.ts';

type Info = Readonly<Record<string, unknown>>;

/** `GET /info`, with what older clients still look for. */
export function infoView(info: Info, version: string): Record<string, unknown> {
  return {
    ...info,
    ...(before(version, 'kernelMemoryInfo') && { KernelMemory: false }),
    ...(before(version, 'noBridgeFilters') && { BridgeNfIptables: false, BridgeNfIp6tables: false }),
    ...(before(version, 'namedSecurityOptions') && { SecurityOptions: plainOptions(info['SecurityOptions']) }),
    ...(before(version, 'noArtifactRegistries') && { RegistryConfig: withArtifactRegistries(info['RegistryConfig']) }),
    ...(before(version, 'noExpectedCommits') &&
      Object.fromEntries(commits.map((name) => [name, withExpected(info[name])]))),
  };
}

const commits = ['ContainerdCommit', 'RuncCommit', 'InitCommit'];

/** `name=seccomp,profile=builtin` is `seccomp`. */
function plainOptions(options: unknown): readonly string[] {
  return ((options ?? []) as readonly string[]).map((option) => /^name=([^,]*)/.exec(option)?.[1] ?? option);
}

function withArtifactRegistries(config: unknown): object {
  return {
    AllowNondistributableArtifactsCIDRs: null,
    AllowNondistributableArtifactsHostnames: null,
    ...(config as object),
  };
}

function withExpected(commit: unknown): object {
  const { ID = '' } = (commit ?? {}) as { readonly ID?: string };
  return { ID, Expected: ID };
}
