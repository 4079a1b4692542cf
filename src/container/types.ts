/**
 * Containers: life cycle, stdio, logs, exec, stats, health.
 *
 * A detached or attached container is kept by conmon (stdio, log file, exit code), so that it survives the daemon. Its
 * configuration uses the shapes and names of Docker's Engine API (v1.51 `ContainerConfig`, `HostConfig`): the field's
 * common language, stored as JSON. A build step has no conmon: it is a child of the daemon and dies with its build.
 */

import type { EndpointSettings, PortBinding } from '../network/index.ts';
import type { Digest, RuntimeConfig } from '../oci/index.ts';
import type { ResourceLimits } from '../runtime/index.ts';
import type { ActiveKey, SnapshotName } from '../snapshot/index.ts';

export interface MountSpec {
  /** `bind`, `volume` or `tmpfs`. */
  readonly Type?: string;
  readonly Source?: string;
  readonly Target?: string;
  readonly ReadOnly?: boolean;
  readonly BindOptions?: {
    readonly Propagation?: string;
    readonly CreateMountpoint?: boolean;
    readonly NonRecursive?: boolean;
    readonly ReadOnlyNonRecursive?: boolean;
    readonly ReadOnlyForceRecursive?: boolean;
  };
  readonly VolumeOptions?: {
    readonly NoCopy?: boolean;
    readonly Subpath?: string;
    readonly Labels?: Readonly<Record<string, string>>;
    readonly DriverConfig?: { readonly Name?: string; readonly Options?: Readonly<Record<string, string>> };
  };
  readonly ImageOptions?: { readonly Subpath?: string };
  readonly TmpfsOptions?: {
    readonly SizeBytes?: number;
    readonly Mode?: number;
    readonly Options?: readonly (readonly string[])[];
  };
}

/** Docker's HostConfig, the part that Strata honours. */
export interface HostConfig extends ResourceLimits {
  readonly Binds?: readonly string[];
  readonly Mounts?: readonly MountSpec[];
  readonly Tmpfs?: Readonly<Record<string, string>>;
  readonly NetworkMode?: string;
  readonly PortBindings?: Readonly<Record<string, readonly PortBinding[]>>;
  readonly PublishAllPorts?: boolean;
  readonly AutoRemove?: boolean;
  readonly Privileged?: boolean;
  readonly ReadonlyRootfs?: boolean;
  readonly CapAdd?: readonly string[];
  readonly CapDrop?: readonly string[];
  readonly SecurityOpt?: readonly string[];
  /** Paths of the container that are hidden; absent: the usual ones. */
  readonly MaskedPaths?: readonly string[];
  readonly ReadonlyPaths?: readonly string[];
  readonly Dns?: readonly string[];
  readonly DnsSearch?: readonly string[];
  readonly DnsOptions?: readonly string[];
  readonly ExtraHosts?: readonly string[];
  /** Other containers by names of this one's own: `container:alias`. */
  readonly Links?: readonly string[];
  readonly RestartPolicy?: { readonly Name: string; readonly MaximumRetryCount?: number };
  readonly ShmSize?: number;
  readonly Ulimits?: readonly { readonly Name: string; readonly Soft: number; readonly Hard: number }[];
  readonly Init?: boolean | null;
  readonly IpcMode?: string;
  readonly PidMode?: string;
  readonly UTSMode?: string;
  readonly GroupAdd?: readonly string[];
  readonly OomScoreAdj?: number;
  readonly Devices?: readonly {
    readonly PathOnHost?: string;
    readonly PathInContainer?: string;
    readonly CgroupPermissions?: string;
  }[];
  readonly Sysctls?: Readonly<Record<string, string>>;
  readonly LogConfig?: { readonly Type: string; readonly Config?: Readonly<Record<string, string>> };
  readonly VolumesFrom?: readonly string[];
  readonly VolumeDriver?: string;
  /** Rows and columns of its terminal at the start; zeros where they are not known. */
  readonly ConsoleSize?: readonly number[];
  readonly StorageOpt?: Readonly<Record<string, string>>;
  readonly Annotations?: Readonly<Record<string, string>>;
  /** `c 1:3 rwm`. */
  readonly DeviceCgroupRules?: readonly string[];
  /** `--gpus`. */
  readonly DeviceRequests?: readonly {
    readonly Driver?: string;
    readonly DeviceIDs?: readonly string[];
    readonly Capabilities?: readonly (readonly string[])[];
  }[];
  readonly CgroupParent?: string;
  /** `private` (the usual with version 2 of cgroups) or `host`. */
  readonly CgroupnsMode?: string;
}

/** Docker's ContainerConfig: an image's RuntimeConfig and what only a container has. */
export interface ContainerConfig extends RuntimeConfig {
  readonly Hostname?: string;
  readonly Domainname?: string;
  readonly Tty?: boolean;
  readonly OpenStdin?: boolean;
  readonly StdinOnce?: boolean;
  readonly AttachStdin?: boolean;
  readonly AttachStdout?: boolean;
  readonly AttachStderr?: boolean;
  readonly NetworkDisabled?: boolean;
  /** The image as the user named it. */
  readonly Image?: string;
}

export type ContainerStatus = 'created' | 'running' | 'paused' | 'restarting' | 'removing' | 'exited' | 'dead';

export interface ContainerState {
  readonly status: ContainerStatus;
  readonly pid: number;
  readonly exitCode: number;
  readonly oomKilled: boolean;
  readonly error: string;
  /** RFC 3339 with nanoseconds, `0001-01-01T00:00:00Z` when it has not happened. */
  readonly startedAt: string;
  readonly finishedAt: string;
  readonly health?: {
    readonly status: 'starting' | 'healthy' | 'unhealthy' | 'none';
    readonly failingStreak: number;
    readonly log: readonly {
      readonly start: string;
      readonly end: string;
      readonly exitCode: number;
      readonly output: string;
    }[];
  };
}

export interface Container {
  /** 64 hex. */
  readonly id: string;
  /** Without a leading slash. */
  readonly name: string;
  readonly created: string;
  readonly imageID: Digest | null;
  readonly config: ContainerConfig;
  readonly host: HostConfig;
  readonly state: ContainerState;
  readonly restartCount: number;
  /** argv as run: entrypoint then command. */
  readonly path: string;
  readonly args: readonly string[];
  readonly snapshot: ActiveKey;
  readonly networks: Readonly<Record<string, EndpointSettings>>;
  /** Ports as really published: `80/tcp` -> bindings. */
  readonly ports: Readonly<Record<string, readonly Required<PortBinding>[] | null>>;
  readonly mounts: readonly {
    readonly Type: string;
    readonly Name?: string;
    readonly Source: string;
    readonly Destination: string;
    readonly Driver?: string;
    readonly Mode: string;
    readonly RW: boolean;
    readonly Propagation: string;
    /** What of the mounts below it: not there, or writable in a read-only one. Absent: there, and as it is itself. */
    readonly Recursion?: 'none' | 'writable';
  }[];
  readonly logPath: string;
}

export interface CreateContainer {
  readonly name?: string;
  /** Config as the client gave it; the image's own is merged in as Docker does. */
  readonly config: ContainerConfig;
  readonly host: HostConfig;
  readonly endpoints?: Readonly<Record<string, EndpointSettings>>;
  /** What is mounted below a read-only bind stays writable, as older clients expect. */
  readonly readOnlyTopOnly?: boolean;
  /** Asked for once the rest of the request has been found right: who errs in both hears of the request first. */
  readonly image: () => Promise<ContainerImage | null>;
}

/** What a container has of its image. */
export interface ContainerImage {
  readonly id: Digest;
  readonly snapshot: SnapshotName | null;
  readonly config: RuntimeConfig;
}

export interface LogOptions {
  readonly stdout: boolean;
  readonly stderr: boolean;
  readonly follow: boolean;
  /** Last N lines; all where absent. */
  readonly tail?: number;
  /** Unix seconds, fractions allowed. */
  readonly since?: number;
  readonly until?: number;
  readonly signal?: AbortSignal;
}

export interface LogChunk {
  readonly stream: 'stdout' | 'stderr';
  /** Raw bytes as the process wrote them (a line, or a part of one). */
  readonly data: Uint8Array;
  /** RFC 3339 with nanoseconds. */
  readonly time: string;
}

export interface Attachment {
  /** Ends when the process has ended and all its output was delivered. With a TTY all is `stdout`. */
  readonly output: AsyncIterable<LogChunk>;
  /** Writes to the process; a no-op where it has no stdin. */
  write(data: Uint8Array): Promise<void>;
  closeInput(): Promise<void>;
  /** Leaves the process alone and stops the output. */
  detach(): void;
}

export interface ExecConfig {
  readonly Cmd: readonly string[];
  readonly Env?: readonly string[];
  readonly User?: string;
  readonly WorkingDir?: string;
  readonly Tty?: boolean;
  readonly AttachStdin?: boolean;
  readonly AttachStdout?: boolean;
  readonly AttachStderr?: boolean;
  readonly Privileged?: boolean;
  readonly DetachKeys?: string;
  /** Rows and columns of its terminal; those of the start come before. */
  readonly ConsoleSize?: readonly number[];
}

export interface ExecState {
  readonly id: string;
  readonly containerID: string;
  readonly config: ExecConfig;
  readonly running: boolean;
  readonly exitCode: number | null;
  readonly pid: number;
}

export interface ContainerEvent {
  readonly action:
    | 'create'
    | 'start'
    | 'die'
    | 'stop'
    | 'kill'
    | 'destroy'
    | 'pause'
    | 'unpause'
    | 'rename'
    | 'attach'
    | 'resize'
    | 'restart'
    | 'oom'
    | `exec_create: ${string}`
    | `exec_start: ${string}`
    | 'exec_die'
    | `health_status: ${string}`
    | 'update';
  readonly container: Container;
  readonly attributes?: Readonly<Record<string, string>>;
}

/** Containers are named by full id, unique id prefix or name; `not_found` says `No such container: …`. */
export interface Containers {
  create(spec: CreateContainer): Promise<{ readonly container: Container; readonly warnings: readonly string[] }>;
  start(ref: string): Promise<void>;
  stop(ref: string, options?: { readonly timeoutSeconds?: number; readonly signal?: string }): Promise<void>;
  restart(ref: string, options?: { readonly timeoutSeconds?: number; readonly signal?: string }): Promise<void>;
  kill(ref: string, signal?: string): Promise<void>;
  pause(ref: string): Promise<void>;
  unpause(ref: string): Promise<void>;
  remove(ref: string, options?: { readonly force?: boolean; readonly volumes?: boolean }): Promise<void>;
  rename(ref: string, name: string): Promise<void>;
  resize(ref: string, rows: number, columns: number): Promise<void>;
  wait(
    ref: string,
    condition?: 'not-running' | 'next-exit' | 'removed',
    signal?: AbortSignal,
  ): Promise<{ readonly exitCode: number; readonly error?: string }>;
  get(ref: string): Container;
  list(): readonly Container[];
  logs(ref: string, options: LogOptions): AsyncIterable<LogChunk>;
  /** `replay`: begin with what was logged so far. Attach before `start` to miss nothing. */
  attach(
    ref: string,
    options: {
      readonly stdin: boolean;
      readonly stdout: boolean;
      readonly stderr: boolean;
      readonly replay: boolean;
      readonly stream: boolean;
      readonly signal?: AbortSignal;
    },
  ): Promise<Attachment>;
  top(
    ref: string,
    psArgs: string,
  ): Promise<{ readonly Titles: readonly string[]; readonly Processes: readonly (readonly string[])[] }>;
  stats(ref: string): Promise<Readonly<Record<string, unknown>>>;
  /** Resolves with what this host cannot do of it. */
  update(ref: string, host: Partial<HostConfig>): Promise<readonly string[]>;
  /** Attaches it to one more network, at once where it runs. */
  connectNetwork(ref: string, network: string, endpoint: EndpointSettings): Promise<void>;
  disconnectNetwork(ref: string, network: string): Promise<void>;
  prune(filter: {
    /** Unix milliseconds: only those made before. */
    readonly until?: number;
    /** Only those whose labels pass. */
    readonly labels?: (labels: Readonly<Record<string, string>>) => boolean;
  }): Promise<{ readonly deleted: readonly string[]; readonly reclaimed: number }>;
  /** Runs `use` with the container's root mounted (merged view of a stopped one, the live one of a running one). */
  withRoot<T>(ref: string, use: (root: string) => Promise<T>): Promise<T>;
  /** The same with all that is mounted there, although the container does not run: who copies sees what its process would. */
  withWholeRoot<T>(ref: string, use: (root: string) => Promise<T>): Promise<T>;
  /** Paths changed against the image: `A`dded, `C`hanged, `D`eleted. */
  changes(ref: string): Promise<readonly { readonly path: string; readonly kind: 'A' | 'C' | 'D' }[]>;
  /** Where the root of a container (full id) is mounted while it runs. */
  rootPath(id: string): string;
  /** Bytes in the writable layer. */
  size(ref: string): Promise<number>;

  exec: {
    create(ref: string, config: ExecConfig): Promise<ExecState>;
    start(
      id: string,
      options: { readonly detach: boolean; readonly tty: boolean; readonly consoleSize?: readonly number[] },
    ): Promise<Attachment | null>;
    resize(id: string, rows: number, columns: number): Promise<void>;
    inspect(id: string): ExecState;
    /** Ids of those of a container (full id) that have not ended. */
    ids(containerID: string): readonly string[];
  };

  subscribe(listener: (event: ContainerEvent) => void): () => void;
  /** At start: find what still runs, collect exits that happened meanwhile, apply restart policies, sweep the rest. */
  recover(): Promise<void>;
  /** Stops watching; containers go on. */
  close(): Promise<void>;
}

// ---------------------------------------------------------------- build steps
