import type { HostConfig } from '../../container/index.ts';

/** Docker shows every field of HostConfig, given or not, in this order; the undefined ones only where given. */
const hostDefaults: Readonly<Record<string, unknown>> = {
  Binds: null,
  ContainerIDFile: '',
  LogConfig: { Type: 'json-file', Config: {} },
  NetworkMode: 'bridge',
  PortBindings: null,
  RestartPolicy: { Name: 'no', MaximumRetryCount: 0 },
  AutoRemove: false,
  VolumeDriver: '',
  VolumesFrom: null,
  ConsoleSize: [0, 0],
  Annotations: undefined,
  CapAdd: null,
  CapDrop: null,
  CgroupnsMode: 'private',
  Dns: null,
  DnsOptions: null,
  DnsSearch: null,
  ExtraHosts: null,
  GroupAdd: null,
  IpcMode: 'private',
  Cgroup: '',
  Links: null,
  OomScoreAdj: 0,
  PidMode: '',
  Privileged: false,
  PublishAllPorts: false,
  ReadonlyRootfs: false,
  SecurityOpt: null,
  StorageOpt: undefined,
  Tmpfs: undefined,
  UTSMode: '',
  UsernsMode: '',
  ShmSize: 67108864,
  Sysctls: undefined,
  Runtime: 'runc',
  Isolation: '',
  CpuShares: 0,
  Memory: 0,
  NanoCpus: 0,
  CgroupParent: '',
  BlkioWeight: 0,
  BlkioWeightDevice: null,
  BlkioDeviceReadBps: null,
  BlkioDeviceWriteBps: null,
  BlkioDeviceReadIOps: null,
  BlkioDeviceWriteIOps: null,
  CpuPeriod: 0,
  CpuQuota: 0,
  CpuRealtimePeriod: 0,
  CpuRealtimeRuntime: 0,
  CpusetCpus: '',
  CpusetMems: '',
  Devices: null,
  DeviceCgroupRules: null,
  DeviceRequests: null,
  MemoryReservation: 0,
  MemorySwap: 0,
  MemorySwappiness: null,
  OomKillDisable: false,
  PidsLimit: null,
  Ulimits: null,
  CpuCount: 0,
  CpuPercent: 0,
  IOMaximumIOps: 0,
  IOMaximumBandwidth: 0,
  Mounts: undefined,
  MaskedPaths: [
    '/proc/asound',
    '/proc/acpi',
    '/proc/interrupts',
    '/proc/kcore',
    '/proc/keys',
    '/proc/latency_stats',
    '/proc/timer_list',
    '/proc/timer_stats',
    '/proc/sched_debug',
    '/proc/scsi',
    '/sys/firmware',
    '/sys/devices/virtual/powercap',
  ],
  ReadonlyPaths: ['/proc/bus', '/proc/fs', '/proc/irq', '/proc/sys', '/proc/sysrq-trigger'],
};

/** Fields that Docker leaves out where they hold nothing. */
const leftOut = ['Annotations', 'Mounts', 'StorageOpt', 'Sysctls', 'Tmpfs'];

/** The host configuration as `inspect` shows it: as it was given, with all fields of all its parts. */
export function hostConfigView(host: HostConfig): Record<string, unknown> {
  const out: Record<string, unknown> = { ...hostDefaults };
  if (host.Privileged) out['MaskedPaths'] = out['ReadonlyPaths'] = null;
  for (const [key, value] of Object.entries(host)) if (value !== undefined && value !== null) out[key] = value;
  for (const key of leftOut) if (Object.keys(out[key] ?? {}).length === 0) delete out[key];
  if (host.NetworkMode === 'default') out['NetworkMode'] = 'bridge';
  for (const key of ['NetworkMode', 'ShmSize', 'IpcMode', 'Runtime'] as const) out[key] = out[key] || hostDefaults[key];
  return { ...out, ...partViews(host) };
}

/** The parts that have fields of their own. */
function partViews(host: HostConfig): Record<string, unknown> {
  const { RestartPolicy: policy, LogConfig: log, PortBindings: ports, Devices: devices, Mounts: mounts } = host;
  const { DeviceRequests: requests, ConsoleSize: size } = host as {
    readonly DeviceRequests?: readonly object[];
    readonly ConsoleSize?: readonly number[];
  };
  return {
    ...(policy && { RestartPolicy: { Name: policy.Name || 'no', MaximumRetryCount: policy.MaximumRetryCount ?? 0 } }),
    ...(log && { LogConfig: { Type: log.Type, Config: log.Config ?? {} } }),
    ...(ports && { PortBindings: portsView(ports) }),
    ...(devices && { Devices: devices.map((device) => ({ ...noDevice, ...device })) }),
    ...(requests && { DeviceRequests: requests.map((request) => ({ ...noRequest, ...request })) }),
    ...(mounts && mounts.length > 0 && { Mounts: mounts.map(filledFields) }),
    ...(size && { ConsoleSize: [size[0] ?? 0, size[1] ?? 0] }),
  };
}

const noDevice = { PathOnHost: '', PathInContainer: '', CgroupPermissions: '' };
const noRequest = { Driver: '', Count: 0, DeviceIDs: null, Capabilities: null, Options: null };

function portsView(bindings: NonNullable<HostConfig['PortBindings']>): Record<string, unknown> {
  const fill = (list: readonly { HostIp?: string; HostPort?: string }[] | null) =>
    list?.map((binding) => ({ HostIp: binding.HostIp ?? '', HostPort: binding.HostPort ?? '' })) ?? null;
  return Object.fromEntries(Object.entries(bindings).map(([port, list]) => [port, fill(list)]));
}

/** Without the fields that say nothing, as Docker leaves them out; parts with fields of their own stay, empty or not. */
export function filledFields(value: object): Record<string, unknown> {
  const says = (one: unknown) => (Array.isArray(one) ? one.length > 0 : Boolean(one));
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, one]) => says(one))
      .map(([name, one]) => [name, typeof one === 'object' && !Array.isArray(one) ? filledFields(one) : one]),
  );
}
