import type { FlagValues } from '../flags/flag.ts';
import { keyValueMap } from '../flags/lists.ts';
import type { Session } from '../session.ts';
import { readEnvironment, readLabels } from './env.ts';
import type { createFlags } from './flags.ts';
import { healthcheckOf } from './health.ts';
import { invalid } from './invalid.ts';
import { parseDevice, parseRates, parseRestart, parseUlimits, parseWeights } from './limits.ts';
import { parseMount } from './mounts.ts';
import { checkNamespaces } from './namespaces.ts';
import { networkSettings } from './networks.ts';
import { parseExposed, parsePublished } from './ports.ts';
import { parseSecurity } from './security.ts';
import { parseTmpfs, parseVolumes } from './volumes.ts';

export type CreateValues = FlagValues<typeof createFlags>;

export interface CreateInput {
  readonly flags: CreateValues;
  readonly given: ReadonlySet<string>;
  readonly image: string;
  readonly command: readonly string[];
  readonly session: Session;
}

/** The streams that the user wants to see or feed. */
export interface Attached {
  readonly stdin: boolean;
  readonly stdout: boolean;
  readonly stderr: boolean;
}

/** The body of `POST /containers/create` (Engine API v1.51). */
export function createRequest(input: CreateInput, attached: Attached): object {
  const { flags, session } = input;
  if (flags['mac-address'] !== '' && !/^([0-9a-f]{2}([:-]|$)){6}$/i.test(flags['mac-address'])) {
    throw invalid(`${flags['mac-address']} is not a valid mac address`);
  }
  const published = parsePublished(flags.publish);
  const volumes = parseVolumes(flags.volume, session.cwd);
  const networks = networkSettings({
    network: [...flags.network, ...flags.net],
    aliases: [...flags['network-alias'], ...flags['net-alias']],
    links: flags.link,
    ip: flags.ip,
    ip6: flags.ip6,
    mac: flags['mac-address'],
    linkLocal: flags['link-local-ip'],
  });
  checkNamespaces(flags);
  const restart = parseRestart(flags.restart);
  if (flags.rm && flags.restart !== 'no' && flags.restart !== '')
    throw invalid('conflicting options: cannot specify both --restart and --rm');
  return {
    ...processConfig(input, attached),
    ExposedPorts: { ...published.exposed, ...parseExposed(flags.expose) },
    Volumes: volumes.anonymous,
    HostConfig: {
      ...hostConfig(input),
      RestartPolicy: restart,
      ...resources(input),
      Binds: volumes.binds,
      PortBindings: published.bindings,
      NetworkMode: networks.mode,
      Links: Object.keys(networks.endpoints).length === 0 ? flags.link : [],
    },
    NetworkingConfig: { EndpointsConfig: networks.endpoints },
  };
}

function processConfig({ flags, given, image, command, session }: CreateInput, attached: Attached): object {
  const health = healthcheckOf(flags);
  return {
    Hostname: flags.hostname,
    Domainname: flags.domainname,
    User: flags.user,
    AttachStdin: attached.stdin,
    AttachStdout: attached.stdout,
    AttachStderr: attached.stderr,
    Tty: flags.tty,
    OpenStdin: flags.interactive,
    StdinOnce: flags.interactive && attached.stdin,
    Env: readEnvironment(flags['env-file'], flags.env, session),
    Cmd: command.length > 0 ? command : null,
    Image: image,
    WorkingDir: flags.workdir,
    // An empty --entrypoint takes the image's away.
    Entrypoint: given.has('entrypoint') ? [flags.entrypoint] : null,
    OnBuild: null,
    Labels: readLabels(flags['label-file'], flags.label, session),
    ...(flags['stop-signal'] && { StopSignal: flags['stop-signal'] }),
    ...(given.has('stop-timeout') && { StopTimeout: flags['stop-timeout'] }),
    ...(health && { Healthcheck: health }),
  };
}

function hostConfig({ flags, given, session }: CreateInput): object {
  const security = parseSecurity(flags['security-opt'], session.cwd);
  const { stdout } = session;
  return {
    ContainerIDFile: flags.cidfile,
    LogConfig: { Type: flags['log-driver'], Config: keyValueMap(flags['log-opt']) },
    AutoRemove: flags.rm,
    VolumeDriver: flags['volume-driver'],
    VolumesFrom: flags['volumes-from'].length > 0 ? flags['volumes-from'] : null,
    ConsoleSize: flags.tty ? [stdout.rows ?? 0, stdout.columns ?? 0] : [0, 0],
    Annotations: keyValueMap(flags.annotation),
    ...capabilities(flags['cap-add'], flags['cap-drop']),
    CgroupnsMode: flags.cgroupns,
    Dns: flags.dns,
    DnsOptions: [...flags['dns-option'], ...flags['dns-opt']],
    DnsSearch: flags['dns-search'],
    ExtraHosts: orNull(flags['add-host']),
    GroupAdd: orNull(flags['group-add']),
    IpcMode: flags.ipc,
    ...(flags.isolation && { Isolation: flags.isolation }),
    ...(flags.gpus.length > 0 && { DeviceRequests: flags.gpus }),
    OomScoreAdj: flags['oom-score-adj'],
    PidMode: flags.pid,
    Privileged: flags.privileged,
    PublishAllPorts: flags['publish-all'],
    ReadonlyRootfs: flags['read-only'],
    SecurityOpt: orNull(security.options),
    StorageOpt: keyValueMap(flags['storage-opt']),
    Tmpfs: parseTmpfs(flags.tmpfs),
    Mounts: flags.mount.map((spec) => parseMount(spec, session.cwd)),
    UTSMode: flags.uts,
    UsernsMode: flags.userns,
    ShmSize: flags['shm-size'],
    Sysctls: keyValueMap(flags.sysctl),
    ...(flags.runtime && { Runtime: flags.runtime }),
    ...(given.has('init') && { Init: flags.init }),
    ...(security.masked && { MaskedPaths: security.masked }),
    ...(security.readonly && { ReadonlyPaths: security.readonly }),
  };
}

/** The limits that `update` can change later, and the ones that it cannot. */
function resources({ flags, given }: CreateInput): object {
  const { memory, 'memory-swappiness': swappiness, 'blkio-weight': weight } = flags;
  if (swappiness !== -1 && (swappiness < 0 || swappiness > 100)) {
    throw invalid(`invalid value: ${swappiness}. Valid memory swappiness range is 0-100`);
  }
  return {
    CpuShares: flags['cpu-shares'],
    Memory: memory,
    NanoCpus: flags.cpus,
    CgroupParent: flags['cgroup-parent'],
    BlkioWeight: weight,
    BlkioWeightDevice: parseWeights(flags['blkio-weight-device']),
    BlkioDeviceReadBps: parseRates(flags['device-read-bps'], 'bytes'),
    BlkioDeviceWriteBps: parseRates(flags['device-write-bps'], 'bytes'),
    BlkioDeviceReadIOps: parseRates(flags['device-read-iops'], 'operations'),
    BlkioDeviceWriteIOps: parseRates(flags['device-write-iops'], 'operations'),
    CpuPeriod: flags['cpu-period'],
    CpuQuota: flags['cpu-quota'],
    CpuRealtimePeriod: flags['cpu-rt-period'],
    CpuRealtimeRuntime: flags['cpu-rt-runtime'],
    CpusetCpus: flags['cpuset-cpus'],
    CpusetMems: flags['cpuset-mems'],
    Devices: flags.device.map(parseDevice),
    DeviceCgroupRules: orNull(flags['device-cgroup-rule']),
    MemoryReservation: flags['memory-reservation'],
    MemorySwap: flags['memory-swap'],
    MemorySwappiness: swappiness,
    OomKillDisable: flags['oom-kill-disable'],
    ...(given.has('pids-limit') && { PidsLimit: flags['pids-limit'] }),
    Ulimits: parseUlimits(flags.ulimit),
  };
}

/** In the kernel's spelling, each once; one that is both added and dropped is added. */
function capabilities(add: readonly string[], drop: readonly string[]): object {
  const spelled = (names: readonly string[]) => {
    const upper = names.map((name) => name.trim().toUpperCase());
    return [...new Set(upper.map((name) => (name === 'ALL' || name.startsWith('CAP_') ? name : `CAP_${name}`)))].sort();
  };
  const added = spelled(add);
  const dropped = spelled(drop).filter((name) => !added.includes(name));
  return {
    CapAdd: orNull(added.includes('ALL') ? ['ALL'] : added),
    CapDrop: orNull(dropped.includes('ALL') ? ['ALL'] : dropped),
  };
}

function orNull(values: readonly string[]): readonly string[] | null {
  return values.length > 0 ? values : null;
}
