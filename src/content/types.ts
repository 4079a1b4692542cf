/**
 * Content-addressed blobs, kept as an OCI image layout (`<root>/oci-layout`, `index.json`, `blobs/<algorithm>/<hex>`).
 *
 * Vocabulary. A *blob* is immutable bytes named by their digest. An *ingest* is an unfinished write, invisible to
 * readers: open -> write -> `commit` with the expected digest and size (anything else is refused with `data_loss`), or
 * `abort`. Success of a commit means that the bytes are there, not that this call put them there.
 */
import type { Descriptor, Digest } from '../oci/index.ts';

export type ByteStream = AsyncIterable<Uint8Array>;

/** Reads by descriptor. The stream is verified: it throws `data_loss` at its end when digest or size do not match. */
export interface Fetcher {
  fetch(target: Descriptor, options?: { readonly signal?: AbortSignal; readonly offset?: number }): Promise<ByteStream>;
}

export interface BlobInfo {
  readonly digest: Digest;
  /** Bytes. */
  readonly size: number;
}

export interface Ingest {
  /** Bytes written so far; more than 0 when an earlier ingest of the same ref was interrupted and is resumed. */
  readonly offset: number;
  write(chunk: Uint8Array): Promise<void>;
  commit(expected: { readonly digest?: Digest; readonly size?: number }): Promise<BlobInfo>;
  abort(): Promise<void>;
}

export interface ContentStore extends Fetcher {
  /** Folder of the OCI layout. */
  readonly root: string;
  stat(digest: Digest): Promise<BlobInfo | undefined>;
  /** Absolute path of a committed blob, for readers that want a file; `not_found` when it is absent. */
  path(digest: Digest): Promise<string>;
  /** Whole blob of at most `limit` bytes (default 8 MiB), verified. For manifests and configs only. */
  read(digest: Digest, options?: { readonly limit?: number }): Promise<Uint8Array>;
  /** Stores a small document and returns its descriptor. */
  put(bytes: Uint8Array, mediaType: string): Promise<Descriptor>;
  /** `ref` names the ingest: the same ref resumes an interrupted one when `resume` is true. One writer per ref. */
  ingest(ref: string, options?: { readonly resume?: boolean }): Promise<Ingest>;
  /** Moves a finished file of this file system in under `digest`, which the caller has computed while writing it. */
  adopt(file: string, digest: Digest, size: number): Promise<BlobInfo>;
  delete(digest: Digest): Promise<void>;
  list(): AsyncIterable<BlobInfo>;
  /** Replaces the entries of `index.json` (atomically). */
  writeIndex(manifests: readonly Descriptor[]): Promise<void>;
}
