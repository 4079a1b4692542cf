import type { ByteStream, ContentStore } from '../content/index.ts';
import { detectCompression, type Layers, type Unpacked } from '../layer/index.ts';
import type { DiffID, Digest } from '../oci/index.ts';
import type { ActiveSnapshot, Snapshots } from '../snapshot/index.ts';
import { release } from '../sys/index.ts';
import type { LayerBlobs } from './layer-blobs.ts';

/** A layer that was unpacked before anybody knew on what. */
export interface EarlyLayer {
  readonly active: ActiveSnapshot;
  readonly measure: Unpacked;
}

/**
 * Unpacks the files of an archive that look like layers while the archive is still coming: what a file is, and on which
 * layer it goes, is only known at its end. What was not a layer, or is not wanted, is thrown away.
 */
export interface EarlyLayers {
  /** Whether it is worth while for the file of this name and size. */
  suits(path: string, size: number): Promise<boolean>;
  /** Passes the file on, unpacking it meanwhile. */
  watch(body: ByteStream): ByteStream;
  /** The file that was watched last is the blob of this digest. */
  name(digest: Digest): void;
  /** The blob's layer, if it is this one: the caller commits it. */
  claim(digest: Digest, diffID: DiffID): Promise<EarlyLayer | undefined>;
  /** Throws away what nobody has claimed. */
  discard(): Promise<void>;
}

/** Smaller ones are unpacked as quickly afterwards. */
const least = 4 * 2 ** 20;
const pieceBytes = 2 ** 20;
/** So many pieces the unpacking may lag behind. */
const mostUnread = 2;

export function createEarlyLayers(
  parts: {
    readonly content: ContentStore;
    readonly snapshots: Snapshots;
    readonly layers: Layers;
    readonly blobs: LayerBlobs;
  },
  signal: AbortSignal | undefined,
): EarlyLayers {
  const { content, snapshots, layers, blobs } = parts;
  const named = new Map<Digest, Promise<EarlyLayer | undefined>>();
  const unclaimed = new Set<ActiveSnapshot>();
  /** One at a time: there are not more processors than that. */
  let latest: Promise<EarlyLayer | undefined> | undefined;

  async function unpack(source: ByteStream): Promise<EarlyLayer | undefined> {
    const active = await snapshots.prepare(null);
    unclaimed.add(active);
    try {
      const measure = await layers.unpack(source, active.diffDir, { compression: 'detect', ...(signal && { signal }) });
      return { active, measure };
    } catch {
      // No layer after all, or one that must not be: who wants it unpacks it again and says what is wrong.
      return undefined;
    }
  }

  return {
    async suits(path, size) {
      const hex = size < least ? undefined : (/[0-9a-f]{64}/.exec(path)?.[0] ?? '');
      if (hex === undefined) return false;
      const digest = `sha256:${hex}` as Digest;
      // Archives name layers by their digest: what is here already needs no unpacking.
      return hex === '' || (blobs.known(digest as DiffID).length === 0 && !(await content.stat(digest)));
    },
    async *watch(body) {
      await latest;
      latest = undefined;
      const queue = new Queue();
      try {
        for await (const chunk of body) {
          if (latest === undefined) {
            if (!looksLikeLayer(chunk)) {
              yield chunk;
              yield* body;
              return;
            }
            latest = unpack(queue).finally(() => queue.close());
          }
          await queue.push(chunk);
          yield chunk;
        }
        queue.end();
      } finally {
        queue.fail();
      }
    },
    name(digest) {
      if (latest) named.set(digest, latest);
    },
    async claim(digest, diffID) {
      const layer = await named.get(digest);
      if (layer?.measure.diffID !== diffID || !unclaimed.delete(layer.active)) return undefined;
      return layer;
    },
    async discard() {
      await latest;
      for (const { key } of unclaimed) await snapshots.discard(key);
      unclaimed.clear();
    },
  };
}

/** A tar's first header, or the first bytes of a compression that layers may have. */
function looksLikeLayer(chunk: Uint8Array): boolean {
  const isTar = Buffer.from(chunk.subarray(257, 262)).toString('latin1') === 'ustar';
  return isTar || detectCompression(chunk) === 'gzip' || detectCompression(chunk) === 'zstd';
}

/**
 * What one side writes and the other reads, some pieces ahead: every message to another thread costs, so small chunks go
 * together. Chunks are copied; a piece is good until the next is asked for.
 */
class Queue implements AsyncIterable<Uint8Array> {
  readonly #unread: Buffer[] = [];
  readonly #free: Buffer[] = [];
  #piece: Buffer = Buffer.allocUnsafeSlow(pieceBytes);
  #used = 0;
  #state: 'open' | 'ended' | 'failed' | 'closed' = 'open';
  #waiting: (() => void)[] = [];

  /** Waits while there is too much that was not read. */
  async push(chunk: Uint8Array): Promise<void> {
    for (let at = 0; at < chunk.length && this.#state === 'open'; ) {
      const part = chunk.subarray(at, at + pieceBytes - this.#used);
      this.#piece.set(part, this.#used);
      this.#used += part.length;
      at += part.length;
      if (this.#used === pieceBytes) await this.#next();
    }
  }

  end(): void {
    // A reader that went before gave the pieces back.
    if (this.#state !== 'open') return;
    if (this.#used > 0) this.#unread.push(this.#piece.subarray(0, this.#used));
    this.#become('ended');
  }

  /** The writer has gone without an end. */
  fail(): void {
    this.#become('failed');
  }

  /** The reader has gone. */
  close(): void {
    this.#state = 'closed';
    for (const piece of [this.#piece, ...this.#unread, ...this.#free]) release(piece);
    this.#wake();
  }

  async #next(): Promise<void> {
    this.#unread.push(this.#piece);
    this.#wake();
    while (this.#unread.length > mostUnread && this.#state === 'open') await this.#news();
    if (this.#state === 'open') this.#piece = this.#free.pop() ?? Buffer.allocUnsafeSlow(pieceBytes);
    this.#used = 0;
  }

  #become(state: 'ended' | 'failed'): void {
    if (this.#state === 'open') this.#state = state;
    this.#wake();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void, undefined> {
    for (;;) {
      const piece = this.#unread.shift();
      if (piece !== undefined) {
        this.#wake();
        yield piece;
        this.#free.push(piece);
      } else if (this.#state === 'failed') throw new Error('the archive ended');
      else if (this.#state !== 'open') return;
      else await this.#news();
    }
  }

  #wake(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const go of waiting) go();
  }

  #news(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve));
  }
}
