import { randomBytes } from 'node:crypto';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { documentText } from '../db/index.ts';
import type { SnapshotName } from '../snapshot/index.ts';
import { syncFolders } from '../sys/index.ts';
import { endpointWarnings, requestedNetworks } from './networks/join-network.ts';
import { checkNetworkMode, settleNetworkMode } from './networks/network-mode.ts';
import type { ContainerParts } from './parts.ts';
import { type ContainerRecord, freshState, timestamp } from './record.ts';
import type { Removal } from './removal.ts';
import { checkConfig } from './request/check-config.ts';
import { checkHostConfig, checkStorage } from './request/check-host.ts';
import { commandOf, mergeConfig, portsToPublish } from './request/configure.ts';
import { checkLinks } from './request/links.ts';
import { checkLogConfig } from './request/log-options.ts';
import { collectMountPoints } from './request/mount-points.ts';
import { checkName, randomName } from './request/names.ts';
import { checkJoined, inheritedAnonymous, inheritedMounts } from './request/other-containers.ts';
import { checkPathLength } from './request/path-length.ts';
import { hostConfigWarnings } from './request/resource-warnings.ts';
import { settleHost } from './request/settle-host.ts';
import type { Container, Containers, CreateContainer, HostConfig } from './types.ts';

/** Makes containers: what a request says is checked, merged with its image and kept. */
export function createCreation(parts: ContainerParts, removal: Pick<Removal, 'removeVolumes'>): Containers['create'] {
  const { store, snapshots, networks, volumes, emit } = parts;
  const { dataDir, folderOf } = parts.places;
  const { removeVolumes } = removal;
  /** Names that were made up for containers that are not there yet. */
  const promised = new Set<string>();

  async function create(spec: CreateContainer): Promise<{ container: Container; warnings: string[] }> {
    if (spec.name !== undefined) return await createNamed(spec, spec.name.replace(/^\/(?=.)/, ''));
    const name = randomName((one) => store.isTaken(one) || promised.has(one));
    promised.add(name);
    try {
      return await createNamed(spec, name);
    } finally {
      promised.delete(name);
    }
  }

  async function createNamed(
    spec: CreateContainer,
    name: string,
  ): Promise<{ container: Container; warnings: string[] }> {
    const id = randomBytes(32).toString('hex');
    const facts = parts.facts();
    // First: what is too large is not looked at any further.
    documentText('the configuration of the container', { config: spec.config, host: spec.host });
    checkNetworkMode(spec.config, spec.host);
    checkConfig(spec.config);
    checkHostConfig(spec.host, facts);
    portsToPublish(spec.config, spec.host);
    checkJoined(spec.host, store);
    const image = await spec.image();
    const host = settleNetworkMode(settleHost(spec.host, facts), store);
    const config = mergeConfig(spec.config, image?.config ?? {}, id, host.NetworkMode ?? '');
    const [path = '', ...args] = commandOf(config);
    checkLogConfig(host);
    checkName(name);
    store.refuseTaken(name);
    checkStorage(host);
    checkLinks(host, store);
    const inherited = inheritedMounts(host.VolumesFrom ?? [], store);
    const asked = requestedNetworks(host, spec.endpoints ?? {}, networks);
    const active = await snapshots.prepare(image?.snapshot ?? null);
    let anonymous: readonly string[] = [];
    try {
      checkPathLength(active.diffDir, config.WorkingDir ?? '');
      for (const volume of Object.keys(config.Volumes ?? {})) checkPathLength(active.diffDir, volume);
      const wanted = { config, host, inherited, readOnlyTopOnly: spec.readOnlyTopOnly ?? false };
      const points = await collectMountPoints(wanted, volumes);
      anonymous = points.anonymous;
      for (const { target } of points.populate) checkPathLength(active.diffDir, target);
      mkdirSync(folderOf(id), { mode: 0o710 });
      const logPath = join(folderOf(id), 'container.log');
      writeFileSync(logPath, '', { mode: 0o640 });
      if (image?.snapshot) await populateVolumes(image.snapshot, points.populate);
      const record: ContainerRecord = {
        id,
        name,
        created: timestamp(),
        imageID: image?.id ?? null,
        config,
        host,
        state: freshState,
        restartCount: 0,
        path,
        args,
        snapshot: active.key,
        networks: asked,
        ports: {},
        mounts: points.mounts,
        logPath,
        runs: 0,
        startTicks: '',
        stopped: false,
        anonymousVolumes: [...points.anonymous, ...inheritedAnonymous(spec.host.VolumesFrom ?? [], store)],
      };
      // What goes with its end goes with a power cut, too.
      const layer = dirname(active.diffDir);
      if (!host.AutoRemove) await syncFolders(folderOf(id), dataDir, layer, dirname(layer));
      store.insert(record);
      emit('create', record);
      return {
        container: record,
        warnings: [...hostConfigWarnings({ ...host, ...discarded(spec.host) }, facts), ...endpointWarnings(asked)],
      };
    } catch (error) {
      await snapshots.discard(active.key);
      rmSync(folderOf(id), { recursive: true, force: true });
      await removeVolumes(anonymous);
      throw error;
    }
  }

  async function populateVolumes(
    snapshot: SnapshotName,
    wanted: readonly { readonly name: string; readonly target: string }[],
  ): Promise<void> {
    if (wanted.length === 0) return;
    const mounted = await snapshots.mount(snapshot);
    try {
      for (const { name, target } of wanted) await volumes.populate(name, mounted.target, target);
    } finally {
      await mounted.unmount();
    }
  }

  return create;
}

/** What a request asked for that may not be kept: it is warned of all the same. */
function discarded({ CpuPercent = 0, BlkioWeight = 0, BlkioWeightDevice = [] }: HostConfig): HostConfig {
  return { CpuPercent, BlkioWeight, BlkioWeightDevice };
}
