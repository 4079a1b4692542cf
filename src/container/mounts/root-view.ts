import { closeSync, constants } from 'node:fs';
import { StrataError } from '../../errors/index.ts';
import { makeStubs, removeStubs } from '../../runtime/index.ts';
import type { Snapshots } from '../../snapshot/index.ts';
import { isErrno, mount, openSync, resolveInRoot, statSync, unmount } from '../../sys/index.ts';
import { type ContainerRecord, hasProcess } from '../record.ts';

const folderOnly = constants.O_RDONLY | constants.O_DIRECTORY;

/** Shows a container's root to `use`: of a running one what its process sees, else its layers with its volumes mounted. */
export async function withContainerRoot<T>(
  record: ContainerRecord,
  snapshots: Snapshots,
  use: (root: string) => Promise<T>,
): Promise<T> {
  return hasProcess(record)
    ? await withLiveRoot(record, use)
    : await withMountedRoot(record, snapshots, use, (root, undo) => {
        for (const point of record.mounts) mountWhereItIs(root, point, undo);
      });
}

/**
 * The same of one that does not run, with all that its process would see: what is to be mounted where its layers have
 * nothing, and the engine's own files (in `folder`). Nobody may start it meanwhile.
 */
export async function withWholeRoot<T>(
  record: ContainerRecord,
  snapshots: Snapshots,
  folder: string,
  use: (root: string) => Promise<T>,
): Promise<T> {
  const own = injectedNames.map(
    (name): MountPoint => ({
      Type: 'bind',
      Source: `${folder}/${name}`,
      Destination: `/etc/${name}`,
      Mode: '',
      RW: true,
      Propagation: '',
    }),
  );
  const taken = new Set(record.mounts.map(({ Destination }) => Destination));
  const points = [...own.filter(({ Destination }) => !taken.has(Destination)), ...record.mounts];
  const depth = ({ Destination }: MountPoint) => Destination.split('/').length;
  return await withMountedRoot(record, snapshots, use, (root, undo) => {
    for (const point of points.toSorted((a, b) => depth(a) - depth(b))) mountAnywhere(root, point, undo);
  });
}

const injectedNames = ['hostname', 'hosts', 'resolv.conf'];

type MountPoint = ContainerRecord['mounts'][number];

async function withLiveRoot<T>(record: ContainerRecord, use: (root: string) => Promise<T>): Promise<T> {
  // Opened once, so that it stays the root of this process.
  const fd = openSync(`/proc/${record.state.pid}/root`, folderOnly);
  try {
    return await use(`/proc/${process.pid}/fd/${fd}`);
  } finally {
    closeSync(fd);
  }
}

type Undo = (() => void)[];

async function withMountedRoot<T>(
  record: ContainerRecord,
  snapshots: Snapshots,
  use: (root: string) => Promise<T>,
  mountAll: (root: string, undo: Undo) => void,
): Promise<T> {
  const active = await snapshots.active(record.snapshot);
  if (!active) throw new StrataError('data_loss', `the root file system of container ${record.name} is gone`);
  const mounted = await snapshots.mount(active);
  const undo: Undo = [];
  try {
    mountAll(mounted.target, undo);
    return await use(mounted.target);
  } finally {
    for (const action of undo.reverse()) action();
    await mounted.unmount();
  }
}

/** Mounts a volume or folder where it would be in the running container, if there is something to mount it on. */
function mountWhereItIs(root: string, point: MountPoint, undo: Undo): void {
  if (point.Type === 'tmpfs' || !statSync(point.Source, { throwIfNoEntry: false })?.isDirectory()) return;
  let target: string;
  try {
    target = resolveInRoot(root, point.Destination);
    if (!statSync(target).isDirectory()) return;
  } catch {
    return;
  }
  bindMount(point, target, undo);
}

/** The same for files as well, with a stub where there is nothing. What has no place in this root is left out. */
function mountAnywhere(root: string, point: MountPoint, undo: Undo): void {
  const source = point.Type === 'tmpfs' ? undefined : statSync(point.Source, { throwIfNoEntry: false });
  const isOwn = injectedNames.some((name) => point.Destination === `/etc/${name}`);
  // Before the first start the engine's files are empty, as with Docker.
  if (!source && !isOwn) return;
  const kind = source?.isDirectory() ? 'folder' : 'file';
  let target: string;
  try {
    const stubs = makeStubs(root, [{ path: point.Destination, kind, ...(!source && { mode: 0o755 }) }]);
    undo.push(() => removeStubs(root, stubs));
    if (!source) return;
    target = resolveInRoot(root, point.Destination);
    if (statSync(target).isDirectory() !== source.isDirectory()) return;
  } catch (error) {
    if (!isErrno(error)) throw error;
    return;
  }
  bindMount(point, target, undo);
}

function bindMount(point: MountPoint, target: string, undo: Undo): void {
  mount(point.Source, target, null, ['bind', ...(point.RW ? [] : (['ro'] as const))]);
  undo.push(() => unmount(target, { detach: true }));
}
