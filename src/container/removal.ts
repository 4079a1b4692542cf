import { rmSync } from 'node:fs';
import { join } from 'node:path';
import type { ContainerParts } from './parts.ts';
import type { Restarts } from './restarts.ts';

/** What goes with a container. */
export interface Removal {
  removeRow(id: string, withVolumes: boolean): Promise<void>;
  removeVolumes(names: readonly string[]): Promise<void>;
}

export function createRemoval(
  parts: ContainerParts,
  restarts: Pick<Restarts, 'cancel'>,
  forgetExecs: (id: string) => void,
): Removal {
  const { store, snapshots, volumes, emit } = parts;
  const { bundleOf, exitDir, folderOf } = parts.places;

  /** The row first: what no row names is swept at the next start. */
  async function removeRow(id: string, withVolumes: boolean): Promise<void> {
    const record = store.find(id);
    if (!record) return;
    restarts.cancel(id);
    store.delete(id);
    forgetExecs(id);
    await snapshots.discard(record.snapshot);
    rmSync(folderOf(id), { recursive: true, force: true });
    rmSync(bundleOf(id), { recursive: true, force: true });
    rmSync(join(exitDir, id), { force: true });
    if (withVolumes) await removeVolumes(record.anonymousVolumes);
    emit('destroy', record);
  }

  async function removeVolumes(names: readonly string[]): Promise<void> {
    if (names.length === 0) return;
    const inUse = new Set(store.all().flatMap(({ mounts: points }) => points.flatMap(({ Name }) => Name ?? [])));
    for (const name of names) await volumes.remove(name, { inUse, force: true }).catch(() => undefined);
  }

  return { removeRow, removeVolumes };
}
