import { closeSync, constants } from 'node:fs';
import { StrataError } from '../errors/index.ts';
import type { Snapshots } from '../snapshot/index.ts';
import { mount, openSync, resolveInRoot, statSync, unmount } from '../sys/index.ts';
import { type ContainerRecord, hasProcess } from './record.ts';

const folderOnly = constants.O_RDONLY | constants.O_DIRECTORY;

/** Shows a container's root to `use`: of a running one what its process sees, else its layers with its volumes mounted. */
export async function withContainerRoot<T>(
  record: ContainerRecord,
  snapshots: Snapshots,
  use: (root: string) => Promise<T>,
): Promise<T> {
  return hasProcess(record) ? await withLiveRoot(record, use) : await withMountedRoot(record, snapshots, use);
}

async function withLiveRoot<T>(record: ContainerRecord, use: (root: string) => Promise<T>): Promise<T> {
  // Opened once, so that it stays the root of this process.
  const fd = openSync(`/proc/${record.state.pid}/root`, folderOnly);
  try {
    return await use(`/proc/${process.pid}/fd/${fd}`);
  } finally {
    closeSync(fd);
  }
}

async function withMountedRoot<T>(
  record: ContainerRecord,
  snapshots: Snapshots,
  use: (root: string) => Promise<T>,
): Promise<T> {
  const active = await snapshots.active(record.snapshot);
  if (!active) throw new StrataError('data_loss', `the root file system of container ${record.name} is gone`);
  const mounted = await snapshots.mount(active);
  const below: string[] = [];
  try {
    for (const point of record.mounts) {
      const target = mountPoint(mounted.target, point);
      if (target !== undefined) below.push(target);
    }
    return await use(mounted.target);
  } finally {
    for (const target of below.reverse()) unmount(target, { detach: true });
    await mounted.unmount();
  }
}

/** Mounts a volume or folder where it would be in the running container, if there is something to mount it on. */
function mountPoint(root: string, point: ContainerRecord['mounts'][number]): string | undefined {
  if (point.Type === 'tmpfs' || !statSync(point.Source, { throwIfNoEntry: false })?.isDirectory()) return undefined;
  let target: string;
  try {
    target = resolveInRoot(root, point.Destination);
    if (!statSync(target).isDirectory()) return undefined;
  } catch {
    return undefined;
  }
  mount(point.Source, target, null, ['bind', ...(point.RW ? [] : (['ro'] as const))]);
  return target;
}
