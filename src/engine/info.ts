import { readFileSync } from 'node:fs';
import { arch, availableParallelism, hostname, release, totalmem } from 'node:os';
import type { Containers } from '../container/index.ts';
import type { Images } from '../image/index.ts';
import { firewallDriver } from '../network/index.ts';
import type { Proxies } from '../registry/index.ts';
import type { RuntimeFacts } from '../runtime/index.ts';
import { mountTable, readdirSync } from '../sys/index.ts';
import type { EngineConfig } from './types.ts';
import { version } from './version.ts';

/** The engine as Docker's `GET /info` tells of it (Engine API v1.51 `SystemInfo`). */
export async function systemInfo(parts: {
  readonly config: EngineConfig;
  readonly id: string;
  readonly containers: Containers;
  readonly images: Images;
  readonly runtime: () => RuntimeFacts;
  readonly proxies?: Proxies;
}): Promise<Readonly<Record<string, unknown>>> {
  const facts = parts.runtime();
  const { http = '', https = '', no = '' } = parts.proxies ?? {};
  const all = parts.containers.list();
  const count = (...statuses: string[]) => all.filter(({ state }) => statuses.includes(state.status)).length;
  // Between two runs of a restart policy it counts as running, as in Docker.
  const [running, paused] = [count('running', 'restarting'), count('paused')];
  const os = osRelease();
  return {
    ID: parts.id,
    Containers: all.length,
    ContainersRunning: running,
    ContainersPaused: paused,
    ContainersStopped: all.length - running - paused,
    Images: (await parts.images.list()).length,
    Driver: 'overlay2',
    DriverStatus: [
      ['Backing Filesystem', filesystemOf(parts.config.dataRoot)],
      ['Supports d_type', 'true'],
      ['Using metacopy', 'false'],
      ['Native Overlay Diff', 'true'],
      ['userxattr', 'false'],
    ],
    Plugins: {
      Volume: ['local'],
      Network: ['bridge', 'host', 'null'],
      Authorization: null,
      Log: ['json-file', 'local'],
    },
    MemoryLimit: facts.cgroups !== 'none',
    SwapLimit: facts.swapLimit,
    CpuCfsPeriod: facts.cgroups !== 'none',
    CpuCfsQuota: facts.cgroups !== 'none',
    CPUShares: facts.cgroups !== 'none',
    CPUSet: facts.cgroups !== 'none',
    PidsLimit: facts.cgroups !== 'none',
    IPv4Forwarding: true,
    Debug: false,
    NFd: readdirSync('/proc/self/fd').length,
    OomKillDisable: facts.features.has('no oom killer'),
    NGoroutines: 0,
    SystemTime: new Date().toISOString(),
    LoggingDriver: 'json-file',
    CgroupDriver: 'cgroupfs',
    CgroupVersion: facts.cgroups === 'v2' ? '2' : '1',
    NEventsListener: 0,
    KernelVersion: release(),
    OperatingSystem: os.name,
    OSVersion: os.version,
    OSType: 'linux',
    Architecture: { x64: 'x86_64', arm64: 'aarch64' }[arch() as string] ?? arch(),
    IndexServerAddress: 'https://index.docker.io/v1/',
    RegistryConfig: {
      IndexConfigs: {
        'docker.io': { Mirrors: parts.config.registries.mirrors, Name: 'docker.io', Official: true, Secure: true },
      },
      InsecureRegistryCIDRs: parts.config.registries.insecure.filter((entry) => entry.includes('/')),
      Mirrors: parts.config.registries.mirrors,
    },
    NCPU: availableParallelism(),
    MemTotal: totalmem(),
    GenericResources: null,
    DockerRootDir: parts.config.dataRoot,
    HttpProxy: withoutPassword(http),
    HttpsProxy: withoutPassword(https),
    NoProxy: no,
    Name: hostname(),
    Labels: [],
    ExperimentalBuild: false,
    ServerVersion: version,
    Runtimes: { [facts.name]: { path: facts.command } },
    DefaultRuntime: facts.name,
    Swarm: {
      NodeID: '',
      NodeAddr: '',
      LocalNodeState: 'inactive',
      ControlAvailable: false,
      Error: '',
      RemoteManagers: null,
    },
    LiveRestoreEnabled: true,
    Isolation: '',
    InitBinary: 'catatonit',
    ContainerdCommit: { ID: '' },
    RuncCommit: { ID: facts.version },
    InitCommit: { ID: '' },
    SecurityOptions: facts.seccomp ? ['name=seccomp,profile=builtin'] : [],
    FirewallBackend: { Driver: firewallDriver() },
    CDISpecDirs: [],
    Warnings: warnings(facts),
  };
}

/** As Docker tells of it: whoever may ask need not know how the daemon gets through. */
function withoutPassword(proxy: string): string {
  const url = URL.parse(proxy);
  if (!url || (url.username === '' && url.password === '')) return proxy;
  return proxy.replace(/\/\/[^@/]*@/, '//xxxxx:xxxxx@');
}

/** What a user should know about this host, each a whole sentence. */
function warnings(facts: RuntimeFacts): string[] {
  const out: string[] = [];
  if (facts.cgroups === 'hybrid') out.push(`cgroups are hybrid on this host: ${facts.name} sees version 1 alone`);
  if (facts.cgroups === 'none') out.push('WARNING: No cgroup support: limits of containers have no effect');
  if (!facts.seccomp)
    out.push(
      'WARNING: No seccomp profile is installed (/usr/share/containers/seccomp.json): containers run without one',
    );
  if (!facts.conmon) out.push('WARNING: conmon is not installed: no container can be started');
  if (!facts.capabilities.has('CAP_SYS_RESOURCE'))
    out.push('CAP_SYS_RESOURCE is missing: ulimits above the daemon’s own are lowered to them');
  return out;
}

function osRelease(): { readonly name: string; readonly version: string } {
  try {
    const text = readFileSync('/etc/os-release', 'utf8');
    const value = (key: string) => new RegExp(`^${key}="?([^"\n]*)"?$`, 'm').exec(text)?.[1] ?? '';
    return { name: value('PRETTY_NAME'), version: value('VERSION_ID') };
  } catch {
    return { name: 'Linux', version: '' };
  }
}

/** Type of the file system that holds `path`: the mount with the longest matching target. */
function filesystemOf(path: string): string {
  let best = { target: '', type: 'unknown' };
  for (const row of mountTable()) {
    const holds = row.target === '/' || path === row.target || path.startsWith(`${row.target}/`);
    if (holds && row.target.length >= best.target.length) best = row;
  }
  return best.type;
}
