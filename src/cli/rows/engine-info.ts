import { binarySize } from '../format/human-size.ts';

type Info = Readonly<Record<string, unknown>>;

/** What `GET /info` says, line by line as people read it. */
export function engineFacts(info: Info): string[] {
  const text = (name: string) => String(info[name] ?? '');
  const given = (label: string, name: string) => (text(name) === '' ? [] : [` ${label}: ${text(name)}`]);
  const commit = (label: string, name: string) => {
    const id = (info[name] as { readonly ID?: string } | undefined)?.ID;
    return id === undefined ? [] : [` ${label} version: ${id}`];
  };
  return [
    ` Containers: ${text('Containers')}`,
    `  Running: ${text('ContainersRunning')}`,
    `  Paused: ${text('ContainersPaused')}`,
    `  Stopped: ${text('ContainersStopped')}`,
    ` Images: ${text('Images')}`,
    ...given('Server Version', 'ServerVersion'),
    ` Storage Driver: ${text('Driver')}`,
    ...pairs(info['DriverStatus']).map(([name, value]) => `  ${name}: ${value}`),
    ...given('Logging Driver', 'LoggingDriver'),
    ...given('Cgroup Driver', 'CgroupDriver'),
    ...given('Cgroup Version', 'CgroupVersion'),
    ' Plugins:',
    ...plugins(info['Plugins']),
    ...section('CDI spec directories', texts(info['CDISpecDirs'])),
    ...swarm(info['Swarm']),
    ` Runtimes: ${Object.keys((info['Runtimes'] as object | null) ?? {}).join(' ')}`,
    ` Default Runtime: ${text('DefaultRuntime')}`,
    ` Init Binary: ${text('InitBinary')}`,
    ...commit('containerd', 'ContainerdCommit'),
    ...commit(text('DefaultRuntime') === 'crun' ? 'crun' : 'runc', 'RuncCommit'),
    ...commit('init', 'InitCommit'),
    ...securityOptions(info['SecurityOptions']),
    ...given('Kernel Version', 'KernelVersion'),
    ...given('Operating System', 'OperatingSystem'),
    ...given('OSType', 'OSType'),
    ...given('Architecture', 'Architecture'),
    ` CPUs: ${text('NCPU')}`,
    ` Total Memory: ${binarySize(Number(info['MemTotal'] ?? 0))}`,
    ...given('Name', 'Name'),
    ...given('ID', 'ID'),
    ` Docker Root Dir: ${text('DockerRootDir')}`,
    ` Debug Mode: ${text('Debug')}`,
    ...given('HTTP Proxy', 'HttpProxy'),
    ...given('HTTPS Proxy', 'HttpsProxy'),
    ...given('No Proxy', 'NoProxy'),
    ...section('Labels', texts(info['Labels'])),
    ` Experimental: ${text('ExperimentalBuild')}`,
    ...registries(info['RegistryConfig']),
    ` Live Restore Enabled: ${text('LiveRestoreEnabled')}`,
    ...given('Product License', 'ProductLicense'),
  ];
}

export function engineWarnings(info: Info): string[] {
  return texts(info['Warnings']);
}

function pairs(value: unknown): readonly (readonly [string, string])[] {
  return Array.isArray(value) ? (value as [string, string][]) : [];
}

function texts(value: unknown): string[] {
  return Array.isArray(value) ? value.map(String) : [];
}

function section(title: string, lines: readonly string[]): string[] {
  return lines.length > 0 ? [` ${title}:`, ...lines.map((line) => `  ${line}`)] : [];
}

function plugins(value: unknown): string[] {
  const known = (value ?? {}) as Readonly<Record<string, readonly string[] | null>>;
  return ['Volume', 'Network', 'Authorization', 'Log'].flatMap((kind) =>
    kind !== 'Authorization' || (known[kind]?.length ?? 0) > 0 ? [`  ${kind}: ${(known[kind] ?? []).join(' ')}`] : [],
  );
}

function swarm(value: unknown): string[] {
  const state = (value as { readonly LocalNodeState?: string } | undefined)?.LocalNodeState;
  return state ? [` Swarm: ${state}`] : [];
}

/** `name=seccomp,profile=builtin` is told as a name with its options below. */
function securityOptions(value: unknown): string[] {
  const options = texts(value);
  if (options.length === 0) return [];
  const lines = options.flatMap((option) => {
    const fields = option.split(',').map((field) => field.split('='));
    const name = fields.find(([key]) => key === 'name')?.[1] ?? option;
    const rest = fields.filter(([key]) => key !== 'name');
    return [
      `  ${name}`,
      ...rest.map(([key = '', field = '']) => `   ${key === 'profile' ? 'Profile' : key}: ${field}`),
    ];
  });
  return [' Security Options:', ...lines];
}

function registries(value: unknown): string[] {
  const config = value as
    | {
        readonly InsecureRegistryCIDRs?: readonly string[] | null;
        readonly Mirrors?: readonly string[] | null;
        readonly IndexConfigs?: Readonly<Record<string, { readonly Secure?: boolean }>> | null;
      }
    | null
    | undefined;
  if (!config) return [];
  const insecure = Object.entries(config.IndexConfigs ?? {}).flatMap(([name, { Secure }]) =>
    Secure === false ? [name] : [],
  );
  return [
    ...section('Insecure Registries', [...insecure, ...(config.InsecureRegistryCIDRs ?? [])]),
    ...section('Registry Mirrors', config.Mirrors ?? []),
  ];
}
