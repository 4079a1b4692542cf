import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { makeBusyboxRoot } from '../../../e2e/fixtures/busybox-root.ts';
import { createContentStore } from '../../content/index.ts';
import { type Database, openDatabase } from '../../db/index.ts';
import { createImages, type Image, type Images, imageMigrations } from '../../image/index.ts';
import { createLayers } from '../../layer/index.ts';
import { createNetworks, networkMigrations } from '../../network/index.ts';
import { parseReference } from '../../oci/index.ts';
import type { BuildEvent, MissReason } from '../../progress/index.ts';
import { createStepExecutor, probeRuntime } from '../../runtime/index.ts';
import { createSnapshots, type Snapshots, snapshotMigrations } from '../../snapshot/index.ts';
import { mount, unmount } from '../../sys/index.ts';
import type { BuildRequest, BuildResult } from '../../wire/build.ts';
import { createBuilder } from '../builder.ts';
import { buildMigrations } from '../cache/migrations.ts';
import type { Builder } from '../types.ts';

/** What one build of a test did. */
export interface Built {
  readonly result: BuildResult;
  readonly events: readonly BuildEvent[];
  /** What the steps wrote. */
  readonly output: string;
  /** Instructions of the steps that really ran, with the reasons. */
  readonly ran: readonly { readonly instruction: string; readonly reason: MissReason }[];
}

/** A builder with real rooms around it in a temporary folder in memory, and a base image called `busybox`. */
export interface BuildHost {
  readonly top: string;
  readonly builder: Builder;
  readonly images: Images;
  readonly snapshots: Snapshots;
  readonly db: Database;
  /** A new context folder with these files. */
  context(files: Readonly<Record<string, string>>): string;
  build(dir: string, request?: Partial<BuildRequest>, signal?: AbortSignal): Promise<Built>;
  /** The image's merged files, while `use` runs. */
  withFiles<T>(result: BuildResult, use: (root: string) => T | Promise<T>): Promise<T>;
  stop(): Promise<void>;
}

export async function startBuildHost(): Promise<BuildHost> {
  const id = randomBytes(3);
  const top = mkdtempSync(join(tmpdir(), 'strata-build-'));
  mount('tmpfs', top, 'tmpfs', [], 'mode=0700,size=2g');
  const [dataRoot, stateRoot] = [join(top, 'data'), join(top, 'run')];
  for (const folder of [dataRoot, stateRoot]) mkdirSync(folder);
  const db = openDatabase(join(dataRoot, 'strata.db'), [
    ...snapshotMigrations,
    ...imageMigrations,
    ...networkMigrations,
    ...buildMigrations,
  ]);
  const layers = createLayers({ threads: 1 });
  const content = await createContentStore({ root: join(dataRoot, 'oci'), ingestRoot: join(dataRoot, 'ingest') });
  const snapshots = createSnapshots({
    root: join(dataRoot, 'snapshots'),
    mountRoot: join(stateRoot, 'mounts'),
    db,
    layers,
  });
  const images = createImages({ db, content, snapshots, layers, workRoot: join(dataRoot, 'work') });
  const networks = createNetworks({
    db,
    stateRoot,
    bridge: { name: `sb${id.toString('hex')}`, subnet: `10.${188 + (id[0]! % 2)}.${id[1]}.0/24` },
  });
  const runtime = probeRuntime(stateRoot);
  const executor = createStepExecutor({ stateRoot, runtime: () => runtime, networks });
  const builder = createBuilder({
    db,
    content,
    layers,
    snapshots,
    images,
    executor,
    networks,
    parallelism: 2,
    stateRoot,
    dataRoot,
  });
  await makeBase(images, snapshots);
  let contexts = 0;

  return {
    top,
    builder,
    images,
    snapshots,
    db,
    context(files) {
      const dir = join(top, `context-${++contexts}`);
      for (const [path, text] of Object.entries(files)) {
        mkdirSync(dirname(join(dir, path)), { recursive: true });
        writeFileSync(join(dir, path), text);
      }
      return dir;
    },
    async build(dir, request = {}, signal = new AbortController().signal) {
      const events: BuildEvent[] = [];
      const full: BuildRequest = { context: { kind: 'local', dir }, network: 'none', ...request };
      const result = await builder.build(full, { progress: (event) => events.push(event), signal });
      return summary(result, events);
    },
    async withFiles(result, use) {
      const image = await images.get(result.imageID!);
      const mounted = await snapshots.mount(image.snapshot);
      try {
        return await use(mounted.target);
      } finally {
        await mounted.unmount();
      }
    },
    async stop() {
      await builder.close();
      await networks.close();
      await layers.close();
      await snapshots.close();
      db.close();
      unmount(top, { detach: true });
      rmSync(top, { recursive: true, force: true });
    },
  };
}

async function makeBase(images: Images, snapshots: Snapshots): Promise<Image> {
  const active = await snapshots.prepare(null);
  makeBusyboxRoot(active.diffDir);
  // The same base on every host, as a registry would give it.
  spawnSync('find', [active.diffDir, '-exec', 'touch', '-h', '-d', '@1700000000', '{}', '+']);
  const { name } = await snapshots.commit(active);
  const { measure } = await snapshots.measure(name);
  return images.create({
    config: {
      architecture: 'amd64',
      os: 'linux',
      created: '2024-01-01T00:00:00Z',
      config: { Env: ['PATH=/usr/bin:/bin'], Cmd: ['sh'] },
      rootfs: { type: 'layers', diff_ids: [measure.diffID] },
      history: [{ created: '2024-01-01T00:00:00Z', created_by: 'busybox' }],
    },
    snapshot: name,
    names: [parseReference('busybox:latest')],
  });
}

function summary(result: BuildResult, events: readonly BuildEvent[]): Built {
  const names = new Map(
    events.flatMap((event) => (event.type === 'vertex' ? [[event.id, event.instruction ?? event.name]] : [])),
  );
  const output = events.flatMap((event) => (event.type === 'log' ? [event.text] : [])).join('');
  const ran = events.flatMap((event) =>
    event.type === 'miss' ? [{ instruction: names.get(event.id) ?? '', reason: event.reason }] : [],
  );
  return { result, events, output, ran };
}
