import type { Container } from '../container/index.ts';
import { isKind, StrataError } from '../errors/index.ts';
import type { Image } from '../image/index.ts';
import type { Layers } from '../layer/index.ts';
import { hostPlatform, type ImageConfig, type Reference, type RuntimeConfig } from '../oci/index.ts';
import type { SnapshotName } from '../snapshot/index.ts';
import { keepChanges } from './keep-changes.ts';
import type { Engine } from './types.ts';

type Backend = Pick<Engine, 'containers' | 'images' | 'snapshots'> & { readonly layers: Layers };

export interface CommitOptions {
  readonly name?: Reference;
  readonly config: RuntimeConfig;
  readonly comment: string;
  readonly author: string;
  readonly pause: boolean;
  /** Hears of the image while the container is still held. */
  readonly made: (image: Image) => void;
}

/**
 * Makes an image of a container: its image's layers and one more with what the container changed. It goes on when the
 * client leaves: nobody could tell otherwise whether there will be an image.
 */
export async function commitContainer(backend: Backend, container: Container, options: CommitOptions): Promise<Image> {
  return await backend.images.during(() => commit(backend, container, options));
}

async function commit(backend: Backend, container: Container, options: CommitOptions): Promise<Image> {
  const base = container.imageID === null ? undefined : await backend.images.get(container.imageID);
  return await whilePaused(backend, container, options.pause, async () => {
    const layer = await copyChanges(backend, container);
    const image = await backend.images.create(imageOf(container, base, layer, options));
    options.made(image);
    return image;
  });
}

function imageOf(
  container: Container,
  base: Image | undefined,
  layer: Awaited<ReturnType<typeof copyChanges>>,
  options: CommitOptions,
): Parameters<Engine['images']['create']>[0] {
  const created = new Date().toISOString();
  const entry = {
    created,
    created_by: [container.path, ...container.args].join(' '),
    ...(options.author !== '' && { author: options.author }),
    ...(options.comment !== '' && { comment: options.comment }),
    ...(layer === null && { empty_layer: true }),
  };
  const config: ImageConfig = {
    ...platformOf(base),
    created,
    ...(options.author !== '' && { author: options.author }),
    config: options.config,
    rootfs: { type: 'layers', diff_ids: [...(base?.config.rootfs.diff_ids ?? []), ...(layer ? [layer.diffID] : [])] },
    history: [...(base?.config.history ?? []), entry],
  };
  return {
    config,
    snapshot: layer?.name ?? base?.snapshot ?? null,
    ...(options.name && { names: [options.name] }),
    ...(base && { parent: base.id }),
  };
}

function platformOf(base: Image | undefined): Pick<ImageConfig, 'architecture' | 'os' | 'variant'> {
  const { architecture, os, variant } = base?.config ?? hostPlatform();
  return { architecture, os, ...(variant && { variant }) };
}

/** A copy of the writable layer as a snapshot; null where nothing was changed. */
async function copyChanges(
  { snapshots, layers, containers }: Backend,
  container: Container,
): Promise<{ readonly name: SnapshotName; readonly diffID: ImageConfig['rootfs']['diff_ids'][number] } | null> {
  const source = await snapshots.active(container.snapshot);
  if (!source) throw new StrataError('data_loss', `the writable layer of container ${container.id} is missing`);
  const copy = await snapshots.prepare(source.parent);
  try {
    const measure = await layers.unpack(layers.stream(source.diffDir), copy.diffDir, { compression: 'none' });
    if (measure.entries === 0) {
      await snapshots.discard(copy.key);
      return null;
    }
    if (!isLive(container)) {
      const { name } = await snapshots.commit(copy, { measure });
      return { name, diffID: measure.diffID };
    }
    if (!keepChanges(copy.diffDir, await containers.changes(container.id))) {
      await snapshots.discard(copy.key);
      return null;
    }
    const { name } = await snapshots.commit(copy);
    return { name, diffID: (await snapshots.measure(name)).measure!.diffID };
  } catch (error) {
    await snapshots.discard(copy.key).catch(() => {});
    throw error;
  }
}

function isLive({ state }: Container): boolean {
  return state.status === 'running' || state.status === 'paused';
}

async function whilePaused<T>(
  { containers }: Backend,
  container: Container,
  pause: boolean,
  use: () => Promise<T>,
): Promise<T> {
  const held = pause && container.state.status === 'running' && (await heldStill(containers, container.id));
  try {
    return await use();
  } finally {
    // One that was ended while it was held needs nothing more.
    if (held)
      await containers.unpause(container.id).catch((error: unknown) => {
        if (statusOf(containers, container.id) === 'paused') throw error;
      });
  }
}

/** How long a container that cannot be held may take to be over. */
const endingMs = 2000;

/** Whether it was paused; one that is just ending need not be. */
async function heldStill(containers: Backend['containers'], id: string): Promise<boolean> {
  try {
    await containers.pause(id);
    return true;
  } catch (error) {
    await containers.wait(id, 'not-running', AbortSignal.timeout(endingMs)).catch(() => undefined);
    const status = statusOf(containers, id);
    if (status === 'running' || status === 'paused') throw error;
    return false;
  }
}

function statusOf({ get }: Backend['containers'], id: string): Container['state']['status'] | undefined {
  try {
    return get(id).state.status;
  } catch (error) {
    if (isKind(error, 'not_found')) return undefined;
    throw error;
  }
}
