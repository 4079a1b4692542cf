import type { Compression } from '../oci/index.ts';
import type { ExtractOptions, LayerFile, LayerMeasure, PackedBlob, Unpacked, UnpackOptions } from './types.ts';

interface PackPart {
  readonly folder: string;
  readonly only?: { readonly entry: string; readonly as: string } | undefined;
  readonly epoch?: number | undefined;
}

/** What a worker thread is asked to do; plain data. */
export type Job =
  | ({ readonly kind: 'measure' } & PackPart)
  | ({ readonly kind: 'pack'; readonly file: string; readonly compression: Compression } & PackPart)
  | ({ readonly kind: 'stream' } & PackPart)
  | {
      readonly kind: 'unpack';
      readonly folder: string;
      /** Read this in place of what is handed over. */
      readonly source?: LayerFile | undefined;
      readonly options: Omit<UnpackOptions, 'signal' | 'progress'>;
    }
  | { readonly kind: 'extract'; readonly root: string; readonly options: Omit<ExtractOptions, 'signal'> };

export interface JobResults {
  measure: LayerMeasure;
  pack: PackedBlob;
  stream: LayerMeasure;
  unpack: Unpacked;
  extract: { readonly entries: number };
}

/** The side of a job that the worker sees: input to pull, output to push, a flag that says stop. */
export interface JobContext {
  /** Bytes of the source, in order, each chunk good until the next is asked for. Throws when the source failed or the job was cancelled. */
  readonly source: AsyncIterable<Uint8Array>;
  /** Tells that so many bytes of a source of the job's own were read. */
  tell(bytes: number): void;
  /** Hands a buffer (whole, it is gone afterwards) to the consumer; resolves when there is room for more. */
  output(bytes: Uint8Array): Promise<void>;
  /** Throws `cancelled` once the job is to stop. */
  check(): void;
}
