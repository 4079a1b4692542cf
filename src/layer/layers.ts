import { availableParallelism } from 'node:os';
import { Readable } from 'node:stream';
import type { ByteStream } from '../content/index.ts';
import { StrataError } from '../errors/index.ts';
import type { Compression } from '../oci/index.ts';
import type {
  ExtractOptions,
  LayerSource,
  Layers,
  PackedBlob,
  PackOptions,
  Unpacked,
  UnpackLimits,
  UnpackOptions,
} from './types.ts';
import { WorkerPool } from './worker-pool.ts';

export interface LayersOptions {
  /** Most threads that compute at the same time. Default: one for each processor, at most 4. */
  readonly threads?: number;
  /** What archives may expand to where a call does not say. */
  readonly limits?: UnpackLimits;
}

/** The layer service. Threads start with the first job; `close` ends them, failing what still runs. */
export function createLayers(options: LayersOptions = {}): Layers {
  const threads = options.threads ?? Math.min(4, availableParallelism());
  const pool = new WorkerPool(threads);
  return {
    measure: (diffDir, packOptions = {}) =>
      pool.run({ kind: 'measure', ...tree(diffDir, packOptions) }, { signal: packOptions.signal }),
    pack: (diffDir, file, compression, packOptions = {}) => pack(pool, diffDir, file, compression, packOptions),
    stream: (diffDir, packOptions = {}) => stream(pool, diffDir, packOptions),
    unpack: (source, diffDir, unpackOptions) => unpack(pool, source, diffDir, { ...options.limits, ...unpackOptions }),
    extract: (source, root, extractOptions) => extract(pool, source, root, { ...options.limits, ...extractOptions }),
    close: () => pool.close(),
  };
}

function tree(folder: string, { epoch, only }: PackOptions) {
  return { folder, epoch, only };
}

function pack(
  pool: WorkerPool,
  folder: string,
  file: string,
  compression: Compression,
  options: PackOptions,
): Promise<PackedBlob> {
  return pool.run({ kind: 'pack', file, compression, ...tree(folder, options) }, { signal: options.signal });
}

function unpack(
  pool: WorkerPool,
  source: LayerSource,
  folder: string,
  { signal, progress, ...options }: UnpackOptions,
): Promise<Unpacked> {
  if ('file' in source) return pool.run({ kind: 'unpack', folder, options, source }, { progress, signal });
  return pool.run({ kind: 'unpack', folder, options }, { source, progress, signal });
}

function extract(
  pool: WorkerPool,
  source: ByteStream,
  root: string,
  { signal, ...options }: ExtractOptions,
): Promise<{ readonly entries: number }> {
  return pool.run({ kind: 'extract', root, options }, { source, signal });
}

function stream(pool: WorkerPool, folder: string, options: PackOptions): Readable {
  const stopped = new AbortController();
  let waiting: (() => void)[] = [];
  const release = () => {
    const ready = waiting;
    waiting = [];
    for (const go of ready) go();
  };
  const readable = new Readable({
    highWaterMark: 1 << 20,
    read: release,
    destroy(error, callback) {
      stopped.abort(new StrataError('cancelled', 'cancelled'));
      release();
      callback(error);
    },
  });
  const signal = options.signal === undefined ? stopped.signal : AbortSignal.any([stopped.signal, options.signal]);
  const output = async (bytes: Uint8Array) => {
    if (readable.destroyed || readable.push(bytes)) return;
    await new Promise<void>((resolve) => waiting.push(resolve));
  };
  pool.run({ kind: 'stream', ...tree(folder, options) }, { output, signal }).then(
    () => readable.push(null),
    (error) => readable.destroy(error),
  );
  return readable;
}
