/**
 * Pruning with `label!`: what has one of these labels stays. The rooms prune by what a thing must have; here the
 * candidates are chosen first and removed one by one.
 */
import { type Filters, hasLabel } from './filters.ts';
import { countUses, usesOf } from './image-uses.ts';
import type { ApiBackend } from './types.ts';
import { volumeUsers } from './volume-uses.ts';

type Labels = Readonly<Record<string, string>> | undefined;

function chosen(filters: Filters, labels: Labels): boolean {
  return filters.labels(labels) && !filters.values('label!').some((label) => hasLabel(labels ?? {}, label));
}

/** `until` is in Unix milliseconds. */
export async function pruneContainers(
  { containers }: Pick<ApiBackend, 'containers'>,
  filters: Filters,
  until?: number,
) {
  const over = ['created', 'exited', 'dead'];
  const found = containers.list().filter(({ state, created, config }) => {
    return (
      over.includes(state.status) &&
      (until === undefined || Date.parse(created) < until) &&
      chosen(filters, config.Labels)
    );
  });
  let reclaimed = 0;
  for (const { id } of found) {
    reclaimed += await containers.size(id);
    await containers.remove(id);
  }
  return { deleted: found.map(({ id }) => id), reclaimed };
}

export async function pruneNetworks(
  { networks, containers }: Pick<ApiBackend, 'networks' | 'containers'>,
  filters: Filters,
) {
  const used = new Set(containers.list().flatMap((container) => Object.keys(container.networks)));
  const builtin = ['bridge', 'host', 'none'];
  const found = networks
    .list()
    .filter(({ name, labels }) => !builtin.includes(name) && !used.has(name) && chosen(filters, labels));
  for (const { id } of found) await networks.remove(id);
  return found.map(({ name }) => name);
}

export async function pruneVolumes(
  { volumes, containers }: Pick<ApiBackend, 'volumes' | 'containers'>,
  filters: Filters,
) {
  const inUse = new Set(volumeUsers(containers).keys());
  const all = filters.flag('all') ?? false;
  const found = volumes
    .list()
    .filter(({ name, labels, anonymous }) => !inUse.has(name) && (all || anonymous) && chosen(filters, labels));
  let reclaimed = 0;
  for (const { name } of found) {
    reclaimed += await volumes.size(name);
    await volumes.remove(name, { inUse, force: false });
  }
  return { deleted: found.map(({ name }) => name), reclaimed };
}

/** `until` is in Unix milliseconds and is about the last use. */
export async function pruneImages(
  { images, containers }: Pick<ApiBackend, 'images' | 'containers'>,
  filters: Filters,
  until?: number,
) {
  const uses = countUses(containers);
  const all = filters.flag('dangling') === false;
  const before = await images.diskUsage();
  const removed = [];
  for (const image of await images.list()) {
    if (uses.has(image.id) || (!all && image.names.length > 0) || (until !== undefined && image.usedAt >= until))
      continue;
    if (!chosen(filters, image.config.config?.Labels)) continue;
    removed.push(...(await images.remove(image.id, { force: true, prune: true, uses: usesOf(containers, image.id) })));
  }
  const after = await images.diskUsage();
  return { removed, reclaimed: Math.max(0, before.layersSize - after.layersSize) };
}
