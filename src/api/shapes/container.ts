/** What clients send about containers: `ContainerConfig`, `HostConfig`, `NetworkingConfig` of the Engine API v1.51. */
import {
  flag,
  integer,
  list,
  looseInteger,
  map,
  object,
  type Shape,
  set,
  text,
  unsigned,
  unsigned16,
  unsigned32,
  words,
} from '../shape.ts';

const healthcheck = object({
  Test: list(text),
  Interval: integer,
  Timeout: integer,
  StartPeriod: integer,
  StartInterval: integer,
  Retries: integer,
});

const configFields = {
  Hostname: text,
  Domainname: text,
  User: text,
  AttachStdin: flag,
  AttachStdout: flag,
  AttachStderr: flag,
  ExposedPorts: set,
  Tty: flag,
  OpenStdin: flag,
  StdinOnce: flag,
  Env: list(text),
  Cmd: words,
  Healthcheck: healthcheck,
  ArgsEscaped: flag,
  Image: text,
  Volumes: set,
  WorkingDir: text,
  Entrypoint: words,
  NetworkDisabled: flag,
  MacAddress: text,
  OnBuild: list(text),
  Labels: map(text, () => ''),
  StopSignal: text,
  StopTimeout: integer,
  Shell: list(text),
} as const;

export const containerConfig = object(configFields);

export const portBindings = map(list(object({ HostIp: text, HostPort: looseText() })), () => []);

/** Some clients send a port as a number. */
function looseText(): Shape<string> {
  return (value, path) => text(typeof value === 'number' && Number.isSafeInteger(value) ? String(value) : value, path);
}

const mount = object({
  Type: text,
  Source: text,
  Target: text,
  ReadOnly: flag,
  Consistency: text,
  BindOptions: object({
    Propagation: text,
    NonRecursive: flag,
    CreateMountpoint: flag,
    ReadOnlyNonRecursive: flag,
    ReadOnlyForceRecursive: flag,
  }),
  VolumeOptions: object({
    NoCopy: flag,
    Labels: map(text),
    Subpath: text,
    DriverConfig: object({ Name: text, Options: map(text) }),
  }),
  ImageOptions: object({ Subpath: text }),
  TmpfsOptions: object({ SizeBytes: integer, Mode: unsigned32, Options: list(list(text)) }),
});

const ulimits = list(object({ Name: text, Soft: integer, Hard: integer }));
const deviceRates = list(object({ Path: text, Rate: unsigned }));

/** `Resources`: the part of HostConfig that `update` may change too. */
const resourceFields = {
  CpuShares: integer,
  Memory: integer,
  NanoCpus: integer,
  CgroupParent: text,
  BlkioWeight: unsigned16,
  BlkioWeightDevice: list(object({ Path: text, Weight: unsigned16 })),
  BlkioDeviceReadBps: deviceRates,
  BlkioDeviceWriteBps: deviceRates,
  BlkioDeviceReadIOps: deviceRates,
  BlkioDeviceWriteIOps: deviceRates,
  CpuCount: integer,
  CpuPercent: integer,
  CpuPeriod: integer,
  CpuQuota: integer,
  CpuRealtimePeriod: integer,
  CpuRealtimeRuntime: integer,
  CpusetCpus: text,
  CpusetMems: text,
  Devices: list(object({ PathOnHost: text, PathInContainer: text, CgroupPermissions: text })),
  DeviceCgroupRules: list(text),
  IOMaximumBandwidth: unsigned,
  IOMaximumIOps: unsigned,
  DeviceRequests: list(
    object({
      Driver: text,
      Count: integer,
      DeviceIDs: list(text),
      Capabilities: list(list(text)),
      Options: map(text),
    }),
  ),
  KernelMemory: integer,
  KernelMemoryTCP: integer,
  MemoryReservation: integer,
  MemorySwap: integer,
  MemorySwappiness: integer,
  OomKillDisable: flag,
  PidsLimit: integer,
  Ulimits: ulimits,
} as const;

const restartPolicy = object({ Name: text, MaximumRetryCount: integer });

const hostFields = {
  ...resourceFields,
  Binds: list(text),
  ContainerIDFile: text,
  LogConfig: object({ Type: text, Config: map(text) }),
  NetworkMode: text,
  PortBindings: portBindings,
  RestartPolicy: restartPolicy,
  AutoRemove: flag,
  VolumeDriver: text,
  VolumesFrom: list(text),
  Mounts: list(mount),
  ConsoleSize: list(integer),
  Annotations: map(text),
  CapAdd: words,
  CapDrop: words,
  CgroupnsMode: text,
  Dns: list(text),
  DnsOptions: list(text),
  DnsSearch: list(text),
  ExtraHosts: list(text),
  GroupAdd: list(text),
  IpcMode: text,
  Cgroup: text,
  Links: list(text),
  OomScoreAdj: integer,
  PidMode: text,
  Privileged: flag,
  PublishAllPorts: flag,
  ReadonlyRootfs: flag,
  SecurityOpt: list(text),
  StorageOpt: map(text),
  Tmpfs: map(text),
  UTSMode: text,
  UsernsMode: text,
  ShmSize: integer,
  Sysctls: map(text),
  Runtime: text,
  Isolation: text,
  MaskedPaths: list(text),
  ReadonlyPaths: list(text),
  Init: flag,
} as const;

export const hostConfig = object(hostFields);

export const endpointSettings = object({
  IPAMConfig: object({ IPv4Address: text, IPv6Address: text, LinkLocalIPs: list(text) }),
  Links: list(text),
  Aliases: list(text),
  MacAddress: text,
  DriverOpts: map(text),
  GwPriority: integer,
  NetworkID: text,
  EndpointID: text,
  Gateway: text,
  IPAddress: text,
  IPPrefixLen: integer,
  DNSNames: list(text),
});

export const createRequest = object({
  ...configFields,
  HostConfig: hostConfig,
  NetworkingConfig: object({ EndpointsConfig: map(endpointSettings, () => ({})) }),
});

export const updateRequest = object({ ...resourceFields, RestartPolicy: restartPolicy });

export const execRequest = object({
  AttachStdin: flag,
  AttachStdout: flag,
  AttachStderr: flag,
  ConsoleSize: list(looseInteger),
  DetachKeys: text,
  Tty: flag,
  Env: list(text),
  Cmd: words,
  Privileged: flag,
  User: text,
  WorkingDir: text,
});

export const execStartRequest = object({ Detach: flag, Tty: flag, ConsoleSize: list(looseInteger) });
