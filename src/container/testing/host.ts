/** What the tests of this room stand on: a store on a tmpfs of its own, a network of its own, and a busybox image. */
import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeBusyboxRoot } from '../../../e2e/fixtures/busybox-root.ts';
import { openDatabase } from '../../db/index.ts';
import { createLayers } from '../../layer/index.ts';
import { type AddressPool, createNetworks, networkMigrations } from '../../network/index.ts';
import type { Digest, RuntimeConfig } from '../../oci/index.ts';
import { probeRuntime } from '../../runtime/runtime.ts';
import { createStepExecutor } from '../../runtime/step.ts';
import { createSnapshots, type SnapshotName, type Snapshots, snapshotMigrations } from '../../snapshot/index.ts';
import { mount, mountsBelow, unmount } from '../../sys/index.ts';
import { createVolumes, volumeMigrations } from '../../volume/index.ts';
import { createContainers } from '../containers.ts';
import { containerMigrations } from '../migrations.ts';
import type { ContainerConfig, ContainerEvent, Containers, HostConfig, LogChunk } from '../types.ts';

export type TestHost = Awaited<ReturnType<typeof startTestHost>>;

/** Where a test host keeps its things, and its own bridge. */
export interface TestPlace {
  readonly top: string;
  readonly dataRoot: string;
  readonly stateRoot: string;
  readonly bridge: { readonly name: string; readonly subnet: string };
  readonly pools: readonly AddressPool[];
}

export type TestParts = Awaited<ReturnType<typeof openParts>>;

/** The rooms that containers stand on, and containers, on a place that may have been used before. */
export async function openParts({ dataRoot, stateRoot, bridge, pools }: TestPlace) {
  const db = openDatabase(join(dataRoot, 'strata.db'), [
    ...snapshotMigrations,
    ...networkMigrations,
    ...volumeMigrations,
    ...containerMigrations,
  ]);
  const layers = createLayers();
  const snapshots = createSnapshots({
    root: join(dataRoot, 'snapshots'),
    mountRoot: join(stateRoot, 'mounts'),
    db,
    layers,
  });
  const networks = createNetworks({ db, stateRoot, bridge, pools });
  const volumes = createVolumes({ db, root: join(dataRoot, 'volumes') });
  const facts = probeRuntime(stateRoot);
  const runtime = () => facts;
  const containers = createContainers({ db, snapshots, networks, volumes, dataRoot, stateRoot, runtime });
  const steps = createStepExecutor({ stateRoot, runtime, networks });
  await steps.endOld();
  await snapshots.sweep();
  await containers.recover();
  const events: ContainerEvent[] = [];
  containers.subscribe((event) => events.push(event));
  const [known] = [...snapshots.list()];
  const image = known?.name ?? (await makeImage(snapshots));
  return { db, layers, snapshots, networks, volumes, containers, steps, events, facts, image };
}

export async function closeParts(parts: TestParts): Promise<void> {
  await parts.containers.close();
  await parts.networks.close();
  await parts.snapshots.close();
  await parts.layers.close();
  parts.db.close();
}

export async function startTestHost() {
  const top = mkdtempSync(join(tmpdir(), 'strata-ct-'));
  mount('tmpfs', top, 'tmpfs', [], 'mode=0755');
  const [dataRoot, stateRoot] = [join(top, 'data'), join(top, 'run')];
  for (const folder of [dataRoot, stateRoot]) mkdirSync(folder, { mode: 0o711 });
  const tag = randomBytes(2);
  const bridge = { name: `st${tag.toString('hex')}`, subnet: `10.${192 + (tag[0]! % 32)}.${tag[1]}.0/24` };
  // A /20 has 256 networks of this size: tests make dozens, beside those of other tests.
  const pools = [{ base: `10.${128 + (tag[0]! % 60)}.${tag[1]! & 0xf0}.0/20`, size: 28 }];
  const place: TestPlace = { top, dataRoot, stateRoot, bridge, pools };
  let parts = await openParts(place);

  return {
    ...place,
    place,
    get parts() {
      return parts;
    },
    get containers(): Containers {
      return parts.containers;
    },
    /** A container of the busybox image. */
    async create(
      cmd: readonly string[],
      more: { config?: ContainerConfig; host?: HostConfig; name?: string; image?: RuntimeConfig } = {},
    ): Promise<string> {
      const { container } = await parts.containers.create({
        ...(more.name && { name: more.name }),
        config: { Image: 'busybox', ...(cmd.length > 0 && { Cmd: cmd }), ...more.config },
        host: more.host ?? {},
        image: async () => ({
          id: `sha256:${'1'.repeat(64)}` as Digest,
          snapshot: parts.image,
          config: more.image ?? { Env: ['PATH=/usr/bin:/bin'] },
        }),
      });
      return container.id;
    },
    /** Runs one to its end; the container stays. */
    async run(cmd: readonly string[], more: { config?: ContainerConfig; host?: HostConfig; name?: string } = {}) {
      const id = await this.create(cmd, more);
      await parts.containers.start(id);
      const { exitCode } = await parts.containers.wait(id);
      const out = await textOf(parts.containers.logs(id, { stdout: true, stderr: true, follow: false }));
      return { id, exitCode, out };
    },
    /** A daemon that goes and comes back. */
    async restart(): Promise<void> {
      await closeParts(parts);
      parts = await openParts(place);
    },
    /** Without the daemon: `work` may use the place, also by another process. */
    async without(work: () => Promise<void>): Promise<void> {
      await closeParts(parts);
      await work();
      parts = await openParts(place);
    },
    async stop(): Promise<void> {
      for (const { id } of parts.containers.list()) await parts.containers.remove(id, { force: true, volumes: true });
      await closeParts(parts);
      spawnSync('ip', ['link', 'delete', bridge.name]);
      const left = mountsBelow(top);
      for (const target of left) unmount(target, { detach: true });
      unmount(top, { detach: true });
      rmSync(top, { recursive: true });
      if (left.length > 0) throw new Error(`mounts were left behind: ${left.join(', ')}`);
    },
  };
}

async function makeImage(snapshots: Snapshots): Promise<SnapshotName> {
  const active = await snapshots.prepare(null);
  makeBusyboxRoot(active.diffDir);
  return (await snapshots.commit(active)).name;
}

export async function textOf(chunks: AsyncIterable<LogChunk>): Promise<string> {
  const all: Buffer[] = [];
  for await (const { data } of chunks) all.push(Buffer.from(data));
  return Buffer.concat(all).toString();
}
