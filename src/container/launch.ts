import { chmodSync, mkdirSync, statSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { resolveUser } from '../account/index.ts';
import { StrataError } from '../errors/index.ts';
import type { Networks } from '../network/index.ts';
import {
  cleanPath,
  deviceNodes,
  deviceRules,
  foreignSetting,
  limitFailure,
  makeSpec,
  makeStubs,
  mountFailure,
  type RuntimeFacts,
  refuseDeviceRequests,
  resourcesOf,
  runRuntime,
  type SpecInput,
  type SpecMount,
  type StubRecord,
  type StubTarget,
  sharesProblem,
  startFailure,
  which,
} from '../runtime/index.ts';
import { errnoText, isErrno, mkdirInRoot, mount } from '../sys/index.ts';
import { startConmon } from './conmon.ts';
import { makeBindSources } from './mounts/bind-sources.ts';
import { procMountProblem } from './mounts/proc-mounts.ts';
import { containerFiles } from './networks/injected-files.ts';
import type { JoinedNetwork } from './networks/join-network.ts';
import { ownerOfNames } from './networks/network-mode.ts';
import { type ContainerRecord, hasProcess } from './record.ts';
import { processEnvironment } from './request/configure.ts';
import { logSizeLimit } from './request/log-options.ts';
import { type MountPoint, specMounts } from './request/mount-points.ts';
import { checkPropagation, rootPropagation } from './request/propagation.ts';
import { securityOf } from './request/security-options.ts';
import type { ContainerStore } from './store.ts';
import type { HostConfig } from './types.ts';

export interface LaunchParts {
  readonly facts: RuntimeFacts;
  readonly networks: Networks;
  readonly store: ContainerStore;
  /** Folder of the runtime spec and conmon's sockets. */
  readonly bundle: string;
  /** Mounted root. */
  readonly root: string;
  /** Where the /dev/shm of a container lies that others may have, too. */
  readonly memoryOf: (id: string) => string;
  /** Folder of a container's log and injected files. */
  readonly folderOf: (id: string) => string;
  readonly exitDir: string;
  /** Called before the process can begin, with its pid: from then on it is to be found after a crash. */
  readonly created: (pid: number, stubs: readonly StubRecord[]) => void;
}

/** Writes the spec of a container whose root is mounted, and starts its process under conmon. */
export async function launch(record: ContainerRecord, joined: JoinedNetwork, parts: LaunchParts): Promise<void> {
  const { facts, bundle, root } = parts;
  const { id, config, host } = record;
  chmodSync(bundle, 0o711);
  const logSizeMax = logSizeLimit(host);
  makeBindSources(host);
  refuseDeviceRequests(host);
  const shares = sharesProblem(host, facts.cgroups);
  if (shares !== undefined) throw limitFailure(shares);
  if (host.UTSMode === 'host' && config.Domainname)
    throw foreignSetting('sysctl "kernel.domainname" is not in a separate kernel namespace');
  checkPropagation(record.mounts);
  const folders = {
    own: parts.folderOf(id),
    shared: joined.shared === undefined ? undefined : parts.folderOf(ownerOfNames(joined.shared, parts.store)),
  };
  const injected = await containerFiles(
    { ...record, networks: joined.endpoints },
    folders,
    parts.networks,
    parts.store,
  );
  makeWorkingDir(root, config.WorkingDir || '/');
  // Where the user mounts something, Docker leaves a folder behind; where the engine does, nothing.
  makeMountTargets(root, record);
  const stubs = makeStubs(root, [
    ...runtimeFolders.map((path) => ({ path, kind: 'folder' as const })),
    ...injected.map(({ destination }) => ({ path: destination, kind: 'file' as const })),
    // By which programs find out that they run in a container.
    { path: '/.dockerenv', kind: 'file', mode: 0o755 },
  ]);
  // After the user's: a volume at /etc does not hide them.
  const mounts = [...specMounts(record.mounts), ...injected, ...initMount(host)];
  const spec = makeSpec(specInput(record, joined, mounts, parts), facts);
  await writeFile(join(bundle, 'config.json'), JSON.stringify(spec), { mode: 0o600 });
  const pid = await createProcess(record, joined, { ...parts, logSizeMax });
  parts.created(pid, stubs);
  const started = await runRuntime(facts, ['start', id]);
  if (started.code !== 0) throw startFailure(started.stderr, record.path, false);
}

/** What the runtime itself mounts over. */
const runtimeFolders = ['/proc', '/dev', '/sys'];

/** Targets in the root itself: what lies below another mount is made there by the runtime. */
function makeMountTargets(root: string, { mounts }: ContainerRecord): void {
  const above = [...runtimeFolders, ...mounts.map(({ Destination }) => Destination)];
  for (const mount of mounts) {
    if (mount.Destination === '/') throw mountFailure(mount, `mountpoint "/" is on the top of rootfs "/"`);
    const unsafe = procMountProblem(mount);
    if (unsafe !== undefined) throw mountFailure(mount, unsafe);
    if (above.some((other) => mount.Destination.startsWith(`${other}/`))) continue;
    try {
      makeStubs(root, [mountTarget(mount)]);
    } catch (cause) {
      if (!isErrno(cause)) throw cause;
      throw mountFailure(mount, `lookup mountpoint target: ${mount.Destination}: ${errnoText(cause)}`, cause);
    }
  }
}

function mountTarget({ Destination: path, Type, Source }: MountPoint): StubTarget {
  const isFile = Type === 'bind' && statSync(Source, { throwIfNoEntry: false })?.isDirectory() === false;
  return { path, kind: isFile ? 'file' : 'folder' };
}

function makeWorkingDir(root: string, cwd: string): void {
  try {
    mkdirInRoot(root, cwd, { mode: 0o755, uid: 0, gid: 0 });
  } catch (cause) {
    if (!isErrno(cause)) throw cause;
    const notFolder = ['ENOTDIR', 'EEXIST', 'ELOOP'].includes(cause.code ?? '');
    const message = notFolder ? `Cannot mkdir: ${cwd} is not a directory` : `mkdir ${cwd}: ${errnoText(cause)}`;
    throw new StrataError('invalid_argument', message, { cause, exitCode: 127 });
  }
}

function initMount(host: HostConfig): readonly SpecMount[] {
  if (!host.Init) return [];
  const source = which('catatonit') ?? which('tini') ?? which('docker-init');
  if (source) return [{ destination: initPath, type: 'bind', source, options: ['bind', 'ro'] }];
  throw new StrataError('failed_precondition', 'no init program is installed for --init', {
    code: 'missing_program',
    hint: 'apt-get install catatonit',
  });
}

/** In /dev, which is a file system of the container's own: nothing is left in its root. */
const initPath = '/dev/init';

function specInput(
  record: ContainerRecord,
  joined: JoinedNetwork,
  mounts: readonly SpecMount[],
  parts: LaunchParts,
): SpecInput {
  const { root, store, facts } = parts;
  const { id, config, host } = record;
  const security = securityOf(host);
  const user = resolveUser(root, config.User ?? '', host.GroupAdd ?? []);
  return {
    id,
    root,
    readonlyRoot: host.ReadonlyRootfs ?? false,
    args: [...(host.Init ? [initPath, '--'] : []), record.path, ...record.args],
    env: processEnvironment(config, user.home, { linked: record.linkVariables ?? [] }),
    cwd: config.WorkingDir || '/',
    user,
    tty: config.Tty ?? false,
    ...(host.ConsoleSize && { consoleSize: host.ConsoleSize }),
    hostname: host.UTSMode === 'host' ? undefined : config.Hostname,
    ...(config.Domainname && { domainname: config.Domainname }),
    network: joined.network,
    pid: processesOf(host.PidMode, store),
    ipc: memoryOf(record, parts),
    uts: host.UTSMode === 'host' ? 'host' : 'own',
    privileged: host.Privileged ?? false,
    capAdd: host.CapAdd ?? [],
    capDrop: host.CapDrop ?? [],
    seccomp: security.seccomp,
    noNewPrivileges: security.noNewPrivileges,
    writableCgroups: security.writableCgroups,
    ...(host.MaskedPaths && { maskedPaths: host.MaskedPaths }),
    ...(host.ReadonlyPaths && { readonlyPaths: host.ReadonlyPaths }),
    mounts,
    rootPropagation: rootPropagation(record.mounts),
    shmSize: shmSizeOf(host),
    ulimits: host.Ulimits ?? [],
    sysctls: host.Sysctls ?? {},
    resources: resourcesOf(host, facts),
    hostCgroups: host.CgroupnsMode === 'host',
    cgroupsPath: `${cleanPath(`/${host.CgroupParent || 'strata'}`)}/${id}`,
    devices: deviceNodes(host),
    deviceRules: deviceRules(host),
    ...(host.OomScoreAdj && { oomScoreAdj: host.OomScoreAdj }),
  };
}

function processesOf(mode: string | undefined, store: ContainerStore): SpecInput['pid'] {
  if (mode === 'host') return 'host';
  if (!mode?.startsWith('container:')) return 'own';
  return { path: `/proc/${runningOther(mode, 'PID', store).state.pid}/ns/pid` };
}

function memoryOf({ id, host }: ContainerRecord, { store, memoryOf: folderOf }: LaunchParts): SpecInput['ipc'] {
  const mode = host.IpcMode ?? '';
  if (mode === 'host' || mode === 'none') return mode;
  if (mode === 'shareable') return { shm: makeMemory(folderOf(id), shmSizeOf(host)) };
  if (!mode.startsWith('container:')) return 'own';
  const other = runningOther(mode, 'IPC', store);
  const path = `/proc/${other.state.pid}/ns/ipc`;
  if (other.host.IpcMode === 'host') return { path, shm: '/dev/shm' };
  if (other.host.IpcMode === 'shareable') return { path, shm: folderOf(other.id) };
  throw new StrataError(
    'invalid_argument',
    `failed to join IPC namespace: container ${other.id}: non-shareable IPC (hint: use IpcMode:shareable for the donor container)`,
    { code: 'ipc_not_shareable' },
  );
}

/** Memory outside of the container's mounts, where another one's can reach it. */
function makeMemory(path: string, size: number): string {
  mkdirSync(path, { recursive: true });
  mount('shm', path, 'tmpfs', ['nosuid', 'nodev', 'noexec'], `mode=1777,size=${size}`);
  return path;
}

const shmSizeOf = (host: HostConfig) => host.ShmSize || 64 * 1024 * 1024;

function runningOther(mode: string, kind: string, store: ContainerStore): ContainerRecord {
  const other = store.get(mode.slice('container:'.length));
  if (hasProcess(other)) return other;
  throw new StrataError('conflict', `cannot join ${kind} of a non running container: ${other.id}`);
}

async function createProcess(
  record: ContainerRecord,
  joined: JoinedNetwork,
  parts: LaunchParts & { readonly logSizeMax: number | undefined },
): Promise<number> {
  const { id, config } = record;
  const openStdin = config.OpenStdin ?? false;
  try {
    return await startConmon(parts.facts, {
      id,
      uuid: id,
      name: record.name,
      folder: parts.bundle,
      exitDir: parts.exitDir,
      logPath: record.logPath,
      tty: config.Tty ?? false,
      stdin: openStdin,
      // Who leaves a terminal may come back to it.
      leaveStdinOpen: openStdin && (!config.StdinOnce || (config.Tty ?? false)),
      mounts: [
        parts.root,
        ...(joined.network.kind === 'path' ? [joined.network.path] : []),
        ...bindSources(record),
        ...sharedMemory(record, parts),
      ],
      sharesMounts: rootPropagation(record.mounts) !== undefined,
      ...(parts.logSizeMax !== undefined && { logSizeMax: parts.logSizeMax }),
    });
  } catch (error) {
    if (error instanceof StrataError && error.code === 'runtime_failed')
      throw startFailure(error.message, record.path, false);
    throw error;
  }
}

function bindSources({ mounts }: ContainerRecord): string[] {
  return mounts.flatMap(({ Type, Source }) => (Type === 'bind' ? [Source] : []));
}

function sharedMemory({ id, host }: ContainerRecord, { memoryOf, store }: LaunchParts): string[] {
  const mode = host.IpcMode ?? '';
  if (mode === 'shareable') return [memoryOf(id)];
  return mode.startsWith('container:') ? [memoryOf(store.get(mode.slice('container:'.length)).id)] : [];
}
