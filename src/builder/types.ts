/**
 * Building: a request becomes a graph (frontend), the graph becomes results (solver, cache, operations), results become
 * images, archives or folders (exporters).
 */

import type { Descriptor, Digest } from '../oci/index.ts';
import type { BuildEvent, Progress } from '../progress/index.ts';
import type { Credentials } from '../registry/index.ts';
import type { BuildRequest, BuildResult } from '../wire/index.ts';
import type { KeptFolders } from './cache/kept-folders.ts';

export interface CacheRecord {
  readonly id: string;
  readonly parents: readonly string[];
  readonly type: 'source.local' | 'exec.cachemount' | 'source.git.checkout' | 'regular' | 'internal' | 'frontend';
  readonly description: string;
  readonly inUse: boolean;
  readonly shared: boolean;
  /** Bytes. */
  readonly size: number;
  /** RFC 3339. */
  readonly createdAt: string;
  readonly lastUsedAt: string | null;
  readonly usageCount: number;
}

/** Blobs of an OCI image layout that lies with a client, who serves them while its build runs. */
export interface ClientBlobs {
  /** The bytes, not verified; `not_found` for a blob that is not there. */
  read(digest: Digest): AsyncIterable<Uint8Array>;
  /** Stores a blob, unless it is there. */
  write(blob: Pick<Descriptor, 'digest' | 'size'>, source: AsyncIterable<Uint8Array>): Promise<void>;
}

export interface BuildOptions {
  readonly progress: Progress<BuildEvent>;
  readonly signal: AbortSignal;
  /** Until this ends, other builds can have what this one makes as a named context. */
  readonly keepResult?: AbortSignal;
  /** What the client would log in to a registry with; asked where the request's `auth` has nothing for it. */
  readonly credentialsOf?: (domain: string) => Promise<Credentials | undefined>;
  /** A secret of the client's; asked where the request's `secrets` have none of this id. */
  readonly secretOf?: (id: string) => Promise<Uint8Array | undefined>;
  /** The folder of a layout (of `cacheFrom`, `cacheTo`, a named context, an output) that is no folder of this machine. */
  readonly blobsOf?: (folder: string) => ClientBlobs | undefined;
  /**
   * Makes the folder of a `local` context hold what the client has below `paths` (which may hold wildcards), or all of it.
   * Asked before any file of the folder is read, and not at all where none is.
   */
  readonly bring?: (
    folder: string,
    paths: readonly string[] | undefined,
    progress: (bytes: number, done: boolean) => void,
  ) => Promise<void>;
}

export interface Builder {
  /** Rejects with a StrataError; `location` is set where a line of the Dockerfile is to blame. */
  build(request: BuildRequest, options: BuildOptions): Promise<BuildResult>;
  /** What clients have sent of their folders, for the next build of the same; it counts as cache. */
  readonly sent: Pick<KeptFolders, 'take'>;
  cache: {
    list(): Promise<readonly CacheRecord[]>;
    prune(options: {
      /** Also what images share. */
      readonly all: boolean;
      /** Bytes that the cache may always take, may never exceed, and that the disk is to have free. */
      readonly reservedSpace?: number;
      readonly maxUsedSpace?: number;
      readonly minFreeSpace?: number;
      /** Seconds. */
      readonly unusedFor?: number;
      readonly filters?: Readonly<Record<string, readonly string[]>>;
    }): Promise<{ readonly deleted: readonly string[]; readonly reclaimed: number }>;
  };
}
