import { chmodSync, statSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { resolveUser } from '../account/index.ts';
import { StrataError } from '../errors/index.ts';
import type { Networks } from '../network/index.ts';
import { isErrno, mkdirInRoot } from '../sys/index.ts';
import { processEnvironment } from './configure.ts';
import { startConmon } from './conmon.ts';
import { deviceNodes } from './devices.ts';
import { containerFiles } from './injected-files.ts';
import type { JoinedNetwork } from './join-network.ts';
import { resourcesOf } from './limits.ts';
import { specMounts } from './mount-points.ts';
import { type ContainerRecord, hasProcess } from './record.ts';
import { type RuntimeFacts, runRuntime, which } from './runtime.ts';
import { securityOf } from './security-options.ts';
import { makeSpec, type SpecInput, type SpecMount } from './spec.ts';
import { startFailure } from './start-failure.ts';
import type { ContainerStore } from './store.ts';
import { makeStubs, type StubRecord, type StubTarget } from './stubs.ts';
import type { HostConfig } from './types.ts';

export interface LaunchParts {
  readonly facts: RuntimeFacts;
  readonly networks: Networks;
  readonly store: ContainerStore;
  /** Folder of the runtime spec and conmon's sockets. */
  readonly bundle: string;
  /** Mounted root. */
  readonly root: string;
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
  const folders = {
    own: parts.folderOf(id),
    shared: joined.shared === undefined ? undefined : parts.folderOf(joined.shared),
  };
  const injected = await containerFiles(
    { ...record, networks: joined.endpoints },
    folders,
    parts.networks,
    parts.store,
  );
  makeWorkingDir(root, config.WorkingDir || '/');
  // Where the user mounts something, Docker leaves a folder behind; where the engine does, nothing.
  makeStubs(root, mountTargets(record));
  const stubs = makeStubs(root, [
    ...runtimeFolders.map((path) => ({ path, kind: 'folder' as const })),
    ...injected.map(({ destination }) => ({ path: destination, kind: 'file' as const })),
    // By which programs find out that they run in a container.
    { path: '/.dockerenv', kind: 'file', mode: 0o755 },
  ]);
  const mounts = [...injected, ...specMounts(record.mounts), ...initMount(host)];
  const spec = makeSpec(specInput(record, joined, mounts, parts), facts);
  await writeFile(join(bundle, 'config.json'), JSON.stringify(spec), { mode: 0o600 });
  const pid = await createProcess(record, joined, parts);
  parts.created(pid, stubs);
  const started = await runRuntime(facts, ['start', id]);
  if (started.code !== 0) throw startFailure(started.stderr, record.path, false);
}

/** What the runtime itself mounts over. */
const runtimeFolders = ['/proc', '/dev', '/sys'];

/** Targets in the root itself: what lies below another mount is made there by the runtime. */
function mountTargets({ mounts }: ContainerRecord): readonly StubTarget[] {
  const above = [...runtimeFolders, ...mounts.map(({ Destination }) => Destination)];
  return mounts
    .filter(({ Destination }) => !above.some((other) => Destination.startsWith(`${other}/`)))
    .map(({ Destination: path, Type, Source }) => {
      const isFile = Type === 'bind' && statSync(Source, { throwIfNoEntry: false })?.isDirectory() === false;
      return { path, kind: isFile ? 'file' : 'folder' };
    });
}

function makeWorkingDir(root: string, cwd: string): void {
  try {
    mkdirInRoot(root, cwd, { mode: 0o755, uid: 0, gid: 0 });
  } catch (cause) {
    if (!isErrno(cause, 'ENOTDIR', 'EEXIST', 'ELOOP')) throw cause;
    throw new StrataError('invalid_argument', `Cannot mkdir: ${cwd} is not a directory`, { cause, exitCode: 127 });
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
  { root, store, facts }: LaunchParts,
): SpecInput {
  const { id, config, host } = record;
  const security = securityOf(host.SecurityOpt ?? []);
  const user = resolveUser(root, config.User ?? '', host.GroupAdd ?? []);
  return {
    id,
    root,
    readonlyRoot: host.ReadonlyRootfs ?? false,
    args: [...(host.Init ? [initPath, '--'] : []), record.path, ...record.args],
    env: processEnvironment(config, user.home),
    cwd: config.WorkingDir || '/',
    user,
    tty: config.Tty ?? false,
    hostname: host.UTSMode === 'host' ? undefined : config.Hostname,
    ...(config.Domainname && { domainname: config.Domainname }),
    network: joined.network,
    pid: namespaceOf(host.PidMode, 'pid', store),
    ipc: namespaceOf(host.IpcMode, 'ipc', store),
    uts: host.UTSMode === 'host' ? 'host' : 'own',
    privileged: host.Privileged ?? false,
    capAdd: host.CapAdd ?? [],
    capDrop: host.CapDrop ?? [],
    seccomp: security.seccomp,
    noNewPrivileges: security.noNewPrivileges,
    unmasked: security.unmasked,
    mounts,
    shmSize: host.ShmSize || 64 * 1024 * 1024,
    ulimits: host.Ulimits ?? [],
    sysctls: host.Sysctls ?? {},
    resources: resourcesOf(host, facts),
    hostCgroups: host.CgroupnsMode === 'host',
    cgroupsPath: `${host.CgroupParent || '/strata'}/${id}`,
    devices: deviceNodes(host),
    ...(host.OomScoreAdj && { oomScoreAdj: host.OomScoreAdj }),
  };
}

function namespaceOf(mode: string | undefined, kind: 'pid' | 'ipc', store: ContainerStore): SpecInput['pid'] {
  if (mode === 'host') return 'host';
  if (!mode?.startsWith('container:')) return 'own';
  const other = store.get(mode.slice('container:'.length));
  if (!hasProcess(other))
    throw new StrataError('conflict', `cannot join ${kind.toUpperCase()} of a non running container: ${other.id}`);
  return { path: `/proc/${other.state.pid}/ns/${kind}` };
}

async function createProcess(record: ContainerRecord, joined: JoinedNetwork, parts: LaunchParts): Promise<number> {
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
      leaveStdinOpen: openStdin && !config.StdinOnce,
      mounts: [parts.root, ...(joined.network.kind === 'path' ? [joined.network.path] : []), ...bindSources(record)],
      ...logLimit(record.host),
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

/** `max-size=10m`; conmon keeps one file. */
function logLimit(host: HostConfig): { logSizeMax?: number } {
  const match = /^(\d+)([kmg]?)b?$/i.exec(host.LogConfig?.Config?.['max-size'] ?? '');
  if (!match) return {};
  const unit = { '': 1, k: 1024, m: 1024 ** 2, g: 1024 ** 3 }[match[2]!.toLowerCase()]!;
  return { logSizeMax: Number(match[1]) * unit };
}
