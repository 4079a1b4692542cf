import { randomBytes } from 'node:crypto';
import { availableParallelism } from 'node:os';
import type { ByteStream, Ingest } from '../content/index.ts';
import { StrataError } from '../errors/index.ts';
import type { LayerSource, Unpacked, UnpackOptions } from '../layer/index.ts';
import { type ChainID, type Descriptor, type DiffID, layerCompression, type Reference } from '../oci/index.ts';
import type { TransferEvent } from '../progress/index.ts';
import { type Credentials, pause } from '../registry/index.ts';
import type { ActiveSnapshot, SnapshotName } from '../snapshot/index.ts';
import { release } from '../sys/index.ts';
import { createFlights } from './flights.ts';
import { layerError, mayBeDamage } from './layer-words.ts';
import { createSlots } from './slots.ts';
import type { TransferParts } from './types.ts';

/** One layer of an image that is being pulled, with those below it. */
export interface WantedLayer {
  readonly ref: Reference;
  readonly auth: Credentials | undefined;
  readonly blob: Descriptor;
  readonly diffID: DiffID;
  readonly chainID: ChainID;
  readonly below: WantedLayer | undefined;
}

export interface PulledLayer {
  readonly snapshot: SnapshotName;
  /** What this pull brought: a failing one takes it away again. */
  readonly madeSnapshot: boolean;
  readonly madeBlob: boolean;
}

export type LayerEvent = Omit<TransferEvent, 'id'>;

export interface LayerPuller {
  pull(
    layer: WantedLayer,
    options: { readonly signal?: AbortSignal; readonly tell?: (event: LayerEvent) => void },
  ): Promise<PulledLayer>;
}

/** So much of a download is written and handed on at once. */
const pieceBytes = 512 * 1024;

/** Terminals and clients see a layer move ten times a second. */
const tellEvery = 100;

/**
 * Brings layers in: one stream of download, digest, decompression and extraction each, several at once. A layer is
 * extracted into an empty directory, so it need not wait for those below it; its snapshot is committed after theirs.
 */
export function createLayerPuller(parts: TransferParts): LayerPuller {
  const { client, content, snapshots, layers } = parts;
  const slots = createSlots(parts.parallel ?? defaultParallel());
  const flights = createFlights<PulledLayer, LayerEvent>();

  const pull: LayerPuller['pull'] = (layer, { signal, tell }) =>
    flights.join(layer.chainID, { signal, ...(tell && { tell }) }, (stop, event) => obtain(layer, stop, event));

  async function obtain(
    layer: WantedLayer,
    signal: AbortSignal,
    tell: (event: LayerEvent) => void,
  ): Promise<PulledLayer> {
    // Whoever wants a layer wants those below: their flight lives as long as this one.
    const below = layer.below && pull(layer.below, { signal });
    below?.catch(() => {});
    try {
      const known = snapshots.findByChain(layer.chainID);
      const hasBlob = (await content.stat(layer.blob.digest)) !== undefined;
      if (known && hasBlob) {
        tell({ status: 'Already exists' });
        return { snapshot: known.name, madeSnapshot: false, madeBlob: false };
      }
      const waiting = () => tell({ status: 'Waiting' });
      if (known) {
        // Made here or loaded: its bytes as this registry has them are needed to push the image unchanged.
        await slots.run(() => fetchOnly(layer, signal, tell), { signal, waiting });
        tell({ status: 'Pull complete' });
        return { snapshot: known.name, madeSnapshot: false, madeBlob: true };
      }
      const active = await snapshots.prepare(null);
      try {
        const measure = await slots.run(() => fill(layer, active, hasBlob, signal, tell), { signal, waiting });
        const parent = below ? (await below).snapshot : null;
        if (signal.aborted) throw new StrataError('cancelled', 'cancelled');
        if (measure.hasImplied && parent !== null) {
          await discard(active);
          const name = await slots.run(() => again(layer, parent, signal), { signal });
          tell({ status: 'Pull complete' });
          return { snapshot: name, madeSnapshot: true, madeBlob: !hasBlob };
        }
        const { name } = await snapshots.commit({ ...active, parent }, { measure });
        tell({ status: 'Pull complete' });
        return { snapshot: name, madeSnapshot: true, madeBlob: !hasBlob };
      } catch (error) {
        await discard(active);
        if (!hasBlob) await content.delete(layer.blob.digest);
        throw error;
      }
    } catch (error) {
      throw layerError(error, layer.blob.digest);
    }
  }

  /** Folders that the layer has no entry for look like those below, which had to be there first. */
  async function again(layer: WantedLayer, parent: SnapshotName, signal: AbortSignal): Promise<SnapshotName> {
    const { digest, size } = layer.blob;
    const active = await snapshots.prepare(parent);
    try {
      const parents = snapshots.stack(parent).map(({ diffDir }) => diffDir);
      const source = { file: await content.path(digest), size };
      const measure = await unpack(layer, source, active, { signal, parents: parents.reverse() });
      return (await snapshots.commit(active, { measure })).name;
    } catch (error) {
      await discard(active);
      throw error;
    }
  }

  /** On a full disk even forgetting takes room, which the other layers are about to give back. */
  async function discard(active: ActiveSnapshot): Promise<void> {
    for (let tries = 0; tries < 10; tries++) {
      try {
        await snapshots.discard(active.key);
        return;
      } catch {
        await pause(50 * 2 ** tries, undefined);
      }
    }
    // What is left has no name, and is swept at the next start.
  }

  async function fill(
    layer: WantedLayer,
    active: ActiveSnapshot,
    hasBlob: boolean,
    signal: AbortSignal,
    tell: (event: LayerEvent) => void,
  ): Promise<Unpacked> {
    const total = layer.blob.size;
    if (hasBlob) {
      const source = await content.fetch(layer.blob, { signal });
      return await unpack(layer, source, active, { signal, progress: paced('Extracting', total, tell) });
    }
    const incoming = await receive(layer, signal, tell);
    try {
      const measure = await unpack(layer, incoming.stream, active, {
        signal,
        progress: (read) => {
          if (incoming.ended) tell({ status: 'Extracting', current: read, total });
        },
      });
      await incoming.keep();
      return measure;
    } catch (error) {
      // Nonsense in an archive is most likely damage on the way: then that is what is told.
      if (incoming.failure === undefined && mayBeDamage(error) && !signal.aborted) await incoming.keep();
      throw incoming.failure ?? error;
    } finally {
      await incoming.close();
    }
  }

  async function fetchOnly(layer: WantedLayer, signal: AbortSignal, tell: (event: LayerEvent) => void): Promise<void> {
    const incoming = await receive(layer, signal, tell);
    try {
      await incoming.keep();
    } finally {
      await incoming.close();
    }
  }

  async function receive(
    layer: WantedLayer,
    signal: AbortSignal,
    tell: (event: LayerEvent) => void,
  ): Promise<Incoming> {
    const { ref, auth, blob } = layer;
    const ingest = await content.ingest(`pull-${blob.digest}-${randomBytes(6).toString('hex')}`);
    const source = client.download(ref, blob, { signal, ...(auth && { auth }) });
    return new Incoming(source, ingest, blob, tell);
  }

  async function unpack(
    layer: WantedLayer,
    source: LayerSource,
    active: ActiveSnapshot,
    options: Partial<Pick<UnpackOptions, 'signal' | 'progress' | 'parents'>>,
  ): Promise<Unpacked> {
    return await layers.unpack(source, active.diffDir, {
      ...parts.limits,
      compression: layerCompression(layer.blob.mediaType)!,
      expect: layer.diffID,
      ...options,
    });
  }

  return { pull };
}

/** Extraction is work for a processor, and each layer under way takes memory: two at least, that one can wait. */
function defaultParallel(): number {
  return Math.max(2, Math.min(4, availableParallelism()));
}

/** A blob on its way: what its reader takes is written to the content store too. */
class Incoming {
  readonly #iterator: AsyncIterator<Uint8Array>;
  readonly #ingest: Ingest;
  readonly #blob: Descriptor;
  readonly #tell: (event: LayerEvent) => void;
  readonly #downloading: (received: number) => void;
  /** Steps one after another, although reader and {@link keep} may ask at the same time. */
  #turn: Promise<IteratorResult<Uint8Array>> = Promise.resolve({ done: false, value: new Uint8Array(0) });
  #received = 0;
  readonly #room: Buffer;
  #rest: IteratorResult<Uint8Array> | undefined;
  ended = false;
  failure: unknown;

  constructor(source: ByteStream, ingest: Ingest, blob: Descriptor, tell: (event: LayerEvent) => void) {
    this.#iterator = source[Symbol.asyncIterator]();
    this.#ingest = ingest;
    this.#blob = blob;
    this.#tell = tell;
    this.#downloading = paced('Downloading', blob.size, tell);
    this.#room = Buffer.allocUnsafeSlow(Math.min(pieceBytes, blob.size + 1));
  }

  readonly stream: ByteStream = {
    [Symbol.asyncIterator]: () => ({
      next: () => this.#next(),
      // A reader that has seen enough of its archive: the rest is still part of the blob.
      return: () => Promise.resolve({ done: true, value: undefined }),
    }),
  };

  /** Takes in what is left and commits the blob. */
  async keep(): Promise<void> {
    while (!this.ended) await this.#next();
    await this.#ingest.commit({ digest: this.#blob.digest, size: this.#blob.size });
  }

  /** Lets go of everything; what was not kept is gone. */
  async close(): Promise<void> {
    await this.#turn.catch(() => {});
    await this.#iterator.return?.().catch(() => {});
    await this.#ingest.abort();
    release(this.#room);
  }

  /**
   * Sockets give crumbs: handed on one by one, each would cost a write and a message to another thread. A piece is good
   * until the next one is asked for; whoever takes it across threads copies it before.
   */
  async #gather(): Promise<Uint8Array> {
    let size = 0;
    const room = this.#room;
    while (size < room.length) {
      const rest = this.#rest ?? (await this.#iterator.next());
      this.#rest = undefined;
      if (rest.done) break;
      const taken = Math.min(rest.value.length, room.length - size);
      room.set(taken === rest.value.length ? rest.value : rest.value.subarray(0, taken), size);
      size += taken;
      if (taken < rest.value.length) this.#rest = { done: false, value: rest.value.subarray(taken) };
      else release(rest.value);
    }
    return room.subarray(0, size);
  }

  #next(): Promise<IteratorResult<Uint8Array>> {
    this.#turn = this.#turn.then(() => this.#step());
    return this.#turn;
  }

  async #step(): Promise<IteratorResult<Uint8Array>> {
    if (this.ended) return { done: true, value: undefined };
    try {
      const piece = await this.#gather();
      if (piece.length === 0) {
        this.ended = true;
        this.#tell({ status: 'Verifying Checksum' });
        this.#tell({ status: 'Download complete' });
        return { done: true, value: undefined };
      }
      await this.#ingest.write(piece);
      this.#received += piece.length;
      this.#downloading(this.#received);
      return { done: false, value: piece };
    } catch (error) {
      this.failure = error;
      throw error;
    }
  }
}

/** Tells a moving number, not more often than it can be read. */
function paced(status: string, total: number, tell: (event: LayerEvent) => void): (current: number) => void {
  let last = 0;
  return (current) => {
    const now = Date.now();
    if (now - last < tellEvery) return;
    last = now;
    tell({ status, current, total });
  };
}
