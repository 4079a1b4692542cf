/** The OCI runtime spec (v1.0 config.md, config-linux.md) of a container or a build step. */
import type { ResolvedUser } from '../account/index.ts';
import { hostPlatform } from '../oci/index.ts';
import { capabilitySet } from './capabilities.ts';
import type { DeviceNode } from './devices.ts';
import type { RuntimeFacts } from './runtime.ts';
import { type SeccompProfile, type SeccompSection, seccompSection } from './seccomp.ts';

export interface SpecMount {
  readonly destination: string;
  readonly type: string;
  readonly source: string;
  readonly options: readonly string[];
}

export interface SpecInput {
  readonly id: string;
  readonly root: string;
  readonly readonlyRoot: boolean;
  readonly args: readonly string[];
  readonly env: readonly string[];
  readonly cwd: string;
  readonly user: ResolvedUser;
  readonly tty: boolean;
  /** Rows and columns. */
  readonly consoleSize?: readonly number[];
  readonly hostname: string | undefined;
  readonly domainname?: string;
  /** Path of a network namespace, `host`, or `none` for a new one with loopback alone. */
  readonly network:
    | { readonly kind: 'path'; readonly path: string }
    | { readonly kind: 'host' }
    | { readonly kind: 'none' };
  readonly pid: 'own' | 'host' | { readonly path: string };
  /** `none`: of its own, without /dev/shm. `shm`: what /dev/shm is, with a namespace that is joined or of its own. */
  readonly ipc: 'own' | 'none' | 'host' | { readonly path?: string; readonly shm: string };
  readonly uts: 'own' | 'host';
  readonly privileged: boolean;
  readonly capAdd: readonly string[];
  readonly capDrop: readonly string[];
  /** undefined: no filter. */
  readonly seccomp: SeccompProfile | undefined;
  readonly noNewPrivileges: boolean;
  /** Paths that are hidden, or read-only; absent: the usual ones, and none in a privileged container. */
  readonly maskedPaths?: readonly string[];
  readonly readonlyPaths?: readonly string[];
  readonly writableCgroups: boolean;
  readonly mounts: readonly SpecMount[];
  /** Where mounts share with the host or others, or tell what they share; undefined: none does. */
  readonly rootPropagation?: 'shared' | 'rslave' | 'private' | undefined;
  /** Bytes. */
  readonly shmSize: number;
  readonly ulimits: readonly Ulimit[];
  readonly sysctls: Readonly<Record<string, string>>;
  readonly resources: object;
  readonly cgroupsPath: string;
  /** Whether it sees the cgroups of the host. */
  readonly hostCgroups: boolean;
  readonly oomScoreAdj?: number;
  readonly devices: readonly DeviceNode[];
  /** Rules about devices besides those of `devices`, in the runtime spec's words. */
  readonly deviceRules?: readonly object[];
}

const maskedPaths = [
  '/proc/acpi',
  '/proc/asound',
  '/proc/interrupts',
  '/proc/kcore',
  '/proc/keys',
  '/proc/latency_stats',
  '/proc/sched_debug',
  '/proc/scsi',
  '/proc/timer_list',
  '/proc/timer_stats',
  '/sys/devices/virtual/powercap',
  '/sys/firmware',
];
const readonlyPaths = ['/proc/bus', '/proc/fs', '/proc/irq', '/proc/sys', '/proc/sysrq-trigger'];

/** Devices that every container may use, besides those that the runtime makes itself. */
const defaultDevices = [
  { allow: false, access: 'rwm' },
  { allow: true, type: 'c', access: 'm' },
  { allow: true, type: 'b', access: 'm' },
  ...(
    [
      [1, 3],
      [1, 5],
      [1, 7],
      [1, 8],
      [1, 9],
      [5, 0],
      [5, 2],
      [136, undefined],
    ] as const
  ).map(([major, minor]) => ({ allow: true, type: 'c', major, ...(minor !== undefined && { minor }), access: 'rwm' })),
];

export function makeSpec(input: SpecInput, facts: RuntimeFacts): object {
  const capabilities = capabilitySet({
    privileged: input.privileged,
    add: input.capAdd,
    drop: input.capDrop,
    available: facts.capabilities,
  });
  // Docker gives a user other than root the bounding set alone, so that only set-user-ID programs gain from it.
  const held = input.user.uid === 0 ? capabilities : [];
  const filter =
    !facts.seccomp || input.seccomp === undefined
      ? undefined
      : seccompSection(input.seccomp, new Set(capabilities), hostPlatform().architecture);
  return {
    ociVersion: '1.0.2',
    process: {
      terminal: input.tty,
      ...(input.tty && consoleSizeOf(input.consoleSize)),
      user: {
        uid: input.user.uid,
        gid: input.user.gid,
        additionalGids: [...new Set([input.user.gid, ...input.user.groups])],
        umask: 0o22,
      },
      args: input.args,
      env: input.env,
      cwd: input.cwd,
      capabilities: { bounding: capabilities, effective: held, permitted: held },
      noNewPrivileges: input.noNewPrivileges,
      rlimits: processLimits(input.ulimits, facts),
      ...oomScore(input.oomScoreAdj, facts),
    },
    root: { path: input.root, readonly: input.readonlyRoot },
    ...(input.hostname !== undefined && input.uts === 'own' && { hostname: input.hostname }),
    mounts: [...defaultMounts(input, facts), ...input.mounts],
    linux: {
      namespaces: namespaces(input, facts),
      cgroupsPath: input.cgroupsPath,
      ...(input.rootPropagation && { rootfsPropagation: input.rootPropagation }),
      resources: {
        devices: input.privileged
          ? [{ allow: true, access: 'rwm' }]
          : [
              ...defaultDevices,
              ...input.devices.map(({ type, major, minor, access }) => ({ allow: true, type, major, minor, access })),
              ...(input.deviceRules ?? []),
            ],
        ...input.resources,
      },
      sysctl: {
        ...(input.network.kind !== 'host' && {
          'net.ipv4.ip_unprivileged_port_start': '0',
          'net.ipv4.ping_group_range': '0 2147483647',
        }),
        ...(input.domainname && input.uts === 'own' && { 'kernel.domainname': input.domainname }),
        ...input.sysctls,
      },
      devices: input.devices.map(({ access: _, ...node }) => node),
      maskedPaths: input.maskedPaths ?? (input.privileged ? [] : maskedPaths),
      readonlyPaths: input.readonlyPaths ?? (input.privileged ? [] : readonlyPaths),
      ...filterSection(filter, facts),
    },
    ...filterAnnotation(filter, facts),
  };
}

/** crun takes a program that is compiled already; the section would only be compiled for nothing then. */
function filterAnnotation(filter: SeccompSection | undefined, facts: RuntimeFacts): object {
  const program = filter && facts.compileSeccomp(filter);
  return program === undefined ? {} : { annotations: { 'run.oci.seccomp_bpf_data': program } };
}

function filterSection(filter: SeccompSection | undefined, facts: RuntimeFacts): object {
  return filter === undefined || facts.compileSeccomp(filter) !== undefined ? {} : { seccomp: filter };
}

/** Without CAP_SYS_RESOURCE a process may only make itself a likelier victim. */
function oomScore(wanted: number | undefined, facts: RuntimeFacts): object {
  if (wanted === undefined) return {};
  return wanted < 0 && !facts.capabilities.has('CAP_SYS_RESOURCE') ? {} : { oomScoreAdj: wanted };
}

function namespaces(input: SpecInput, facts: RuntimeFacts): object[] {
  const list: object[] = [{ type: 'mount' }];
  if (input.pid !== 'host') list.push({ type: 'pid', ...(input.pid !== 'own' && { path: input.pid.path }) });
  if (input.ipc !== 'host')
    list.push({
      type: 'ipc',
      ...(typeof input.ipc === 'object' && input.ipc.path !== undefined && { path: input.ipc.path }),
    });
  if (input.uts === 'own') list.push({ type: 'uts' });
  if (input.network.kind !== 'host')
    list.push({ type: 'network', ...(input.network.kind === 'path' && { path: input.network.path }) });
  if (facts.cgroups !== 'none' && !input.hostCgroups) list.push({ type: 'cgroup' });
  return list;
}

function defaultMounts(input: SpecInput, facts: RuntimeFacts): SpecMount[] {
  const sys = input.privileged ? 'rw' : 'ro';
  const mounts: SpecMount[] = [
    { destination: '/proc', type: 'proc', source: 'proc', options: ['nosuid', 'noexec', 'nodev'] },
    {
      destination: '/dev',
      type: 'tmpfs',
      source: 'tmpfs',
      options: ['nosuid', 'strictatime', 'mode=755', 'size=65536k'],
    },
    {
      destination: '/dev/pts',
      type: 'devpts',
      source: 'devpts',
      options: ['nosuid', 'noexec', 'newinstance', 'ptmxmode=0666', 'mode=0620', 'gid=5'],
    },
    { destination: '/sys', type: 'sysfs', source: 'sysfs', options: ['nosuid', 'noexec', 'nodev', sys] },
  ];
  if (facts.cgroups !== 'none')
    mounts.push({
      destination: '/sys/fs/cgroup',
      type: 'cgroup',
      source: 'cgroup',
      options: [input.writableCgroups ? 'rw' : 'ro', 'nosuid', 'noexec', 'nodev'],
    });
  mounts.push({ destination: '/dev/mqueue', type: 'mqueue', source: 'mqueue', options: ['nosuid', 'noexec', 'nodev'] });
  if (input.ipc !== 'none' && !input.mounts.some(({ destination }) => destination === '/dev/shm')) {
    const shared = input.ipc === 'host' ? '/dev/shm' : input.ipc === 'own' ? undefined : input.ipc.shm;
    mounts.push(
      shared !== undefined
        ? {
            destination: '/dev/shm',
            type: 'bind',
            source: shared,
            options: ['bind', 'rw', 'nosuid', 'noexec', 'nodev'],
          }
        : {
            destination: '/dev/shm',
            type: 'tmpfs',
            source: 'shm',
            options: ['nosuid', 'noexec', 'nodev', 'mode=1777', `size=${input.shmSize}`],
          },
    );
  }
  return mounts;
}

interface Ulimit {
  readonly Name: string;
  readonly Soft: number;
  readonly Hard: number;
}

/** Each `--ulimit`, at most what the daemon itself may have; and its own of open files, which Node.js changed. */
export function processLimits(ulimits: readonly Ulimit[], facts: RuntimeFacts): readonly object[] {
  const { soft, hard } = facts.openFiles();
  const isNamed = ulimits.some(({ Name }) => Name === 'nofile');
  const inherited = isNamed || !Number.isFinite(hard) ? [] : [{ Name: 'nofile', Soft: soft, Hard: hard }];
  return [...ulimits, ...inherited].map((limit) => boundedLimit(limit, facts));
}

function boundedLimit(limit: Ulimit, facts: RuntimeFacts): object {
  const ceiling = facts.capabilities.has('CAP_SYS_RESOURCE')
    ? Number.POSITIVE_INFINITY
    : (facts.hardLimits.get(limit.Name) ?? Number.POSITIVE_INFINITY);
  const bound = (value: number) =>
    value < 0 ? (ceiling === Number.POSITIVE_INFINITY ? 2 ** 53 : ceiling) : Math.min(value, ceiling);
  return { type: `RLIMIT_${limit.Name.toUpperCase()}`, soft: bound(limit.Soft), hard: bound(limit.Hard) };
}

/** The size of a terminal before its process begins (runtime spec config.md "Process"); nothing where it is not known. */
export function consoleSizeOf(size: readonly number[] | undefined): object {
  const [height = 0, width = 0] = size ?? [];
  const isSize = (cells: number) => cells > 0 && cells <= 65_535;
  return isSize(height) && isSize(width) ? { consoleSize: { height, width } } : {};
}
