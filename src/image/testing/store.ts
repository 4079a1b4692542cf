/** A store of images in folders of its own, for tests: real files, a real database. */
import { mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ContentStore, createContentStore } from '../../content/index.ts';
import { type Database, openDatabase } from '../../db/index.ts';
import { createLayers, type Layers } from '../../layer/index.ts';
import { type Digest, type ImageConfig, parseReference } from '../../oci/index.ts';
import { createSnapshots, type SnapshotName, type Snapshots, snapshotMigrations } from '../../snapshot/index.ts';
import { mount, unmount } from '../../sys/index.ts';
import { createImages } from '../images.ts';
import { imageMigrations } from '../migrations.ts';
import type { Images, NewImage } from '../types.ts';
import { validateImage } from '../validate.ts';

export interface TestStore {
  readonly root: string;
  readonly db: Database;
  readonly content: ContentStore;
  readonly snapshots: Snapshots;
  readonly images: Images;
  /** One layer of the given files on another. */
  layer(parent: SnapshotName | null, files: Readonly<Record<string, string>>): Promise<SnapshotName>;
  /** An image of a layer for each set of files. */
  build(
    name: string | undefined,
    layers: readonly Readonly<Record<string, string>>[],
    more?: Partial<NewImage>,
  ): Promise<Digest>;
  /** An image of what is in the snapshot. */
  image(snapshot: SnapshotName | null, more?: Partial<NewImage>): Promise<Digest>;
  /** Everything that the store holds, to compare before and after. */
  holdings(): Promise<{
    readonly images: number;
    readonly snapshots: readonly string[];
    readonly blobs: readonly string[];
  }>;
  /** What is wrong with an image. */
  faults(name: string): Promise<readonly string[]>;
}

/** The stores of one test file, each in a folder of a tmpfs that goes with `close`. */
export interface TestStores {
  readonly top: string;
  readonly layers: Layers;
  open(): Promise<TestStore>;
  close(): Promise<void>;
}

export function openTestStores(layers: Layers = createLayers()): TestStores {
  const top = mkdtempSync(join(tmpdir(), 'strata-image-'));
  mount('tmpfs', top, 'tmpfs', [], 'mode=0700');
  let opened = 0;
  return {
    top,
    layers,
    open: () => openStore(join(top, String(++opened)), layers),
    async close() {
      await layers.close();
      unmount(top, { detach: true });
      rmSync(top, { recursive: true, force: true });
    },
  };
}

export async function openStore(root: string, layers: Layers): Promise<TestStore> {
  mkdirSync(root, { recursive: true });
  const db = openDatabase(join(root, 'strata.db'), [...snapshotMigrations, ...imageMigrations]);
  const content = await createContentStore({ root: join(root, 'oci'), ingestRoot: join(root, 'ingest') });
  const snapshots = createSnapshots({ root: join(root, 'snapshots'), mountRoot: join(root, 'mounts'), db, layers });
  const images = createImages({ db, content, snapshots, layers, workRoot: join(root, 'work') });
  const store: TestStore = {
    root,
    db,
    content,
    snapshots,
    images,
    async layer(parent, files) {
      const active = await snapshots.prepare(parent);
      for (const [path, text] of Object.entries(files)) {
        mkdirSync(join(active.diffDir, path, '..'), { recursive: true });
        writeFileSync(join(active.diffDir, path), text);
        // Equal files make equal layers, whatever second it is.
        for (let at = path; at !== '..'; at = join(at, '..')) utimesSync(join(active.diffDir, at), 1e9, 1e9);
      }
      return (await snapshots.measure((await snapshots.commit(active)).name)).name;
    },
    async build(name, sets, more = {}) {
      let top: SnapshotName | null = null;
      for (const files of sets) top = await store.layer(top, files);
      return await store.image(top, { ...(name !== undefined && { names: [parseReference(name)] }), ...more });
    },
    async image(snapshot, more = {}) {
      const stack = snapshot === null ? [] : snapshots.stack(snapshot);
      const config: ImageConfig = {
        architecture: 'amd64',
        os: 'linux',
        created: '2024-01-02T03:04:05Z',
        config: { Cmd: ['sh'] },
        rootfs: { type: 'layers', diff_ids: stack.map(({ measure }) => measure!.diffID) },
        history: stack.map((_, i) => ({ created_by: `step ${i}` })),
      };
      return (await images.create({ config, snapshot, ...more })).id;
    },
    async holdings() {
      const blobs: string[] = [];
      for await (const { digest } of content.list()) blobs.push(digest);
      return {
        images: (await images.list()).length,
        snapshots: [...snapshots.list()].map(({ name }) => name).sort(),
        blobs: blobs.sort(),
      };
    },
    faults: (name) => validateImage({ images, content, snapshots, layers }, name),
  };
  return store;
}
