import type { ContentStore } from '../content/index.ts';
import type { Database } from '../db/index.ts';
import type { Images } from '../image/index.ts';
import type { Layers, UnpackLimits } from '../layer/index.ts';
import type { Digest, Platform, Reference } from '../oci/index.ts';
import type { Progress, TransferEvent } from '../progress/index.ts';
import type { Credentials, Registry } from '../registry/index.ts';
import type { Snapshots } from '../snapshot/index.ts';

export interface Transfers {
  /** Pulls a tag or a digest; with `allTags` every tag of the repository, and answers for the last one. */
  pull(
    ref: Reference,
    options: {
      readonly auth?: Credentials;
      readonly platform?: Platform;
      readonly allTags?: boolean;
      /** The image gets no name of its own, and takes none from another: for who needs what is in it. */
      readonly nameless?: boolean;
      readonly signal?: AbortSignal;
      readonly progress?: Progress<TransferEvent>;
    },
  ): Promise<{ readonly id: Digest; readonly digest: Digest; readonly upToDate: boolean }>;
  /** Pushes the image that has the name. */
  push(
    ref: Reference,
    options: {
      readonly auth?: Credentials;
      readonly platform?: Platform;
      readonly signal?: AbortSignal;
      readonly progress?: Progress<TransferEvent>;
    },
  ): Promise<{ readonly digest: Digest; readonly size: number }>;
  /**
   * Pushes images of the store by their digests, and under the name the index whose entries are their manifests, or the
   * manifest of the only one.
   */
  pushIndex(
    ref: Reference,
    index: { readonly images: readonly Digest[]; readonly bytes: Uint8Array; readonly mediaType?: string },
    options: {
      readonly auth?: Credentials;
      /** Nothing takes a name: `ref` is a repository without a tag. */
      readonly byDigest?: boolean;
      readonly signal?: AbortSignal;
      readonly progress?: Progress<TransferEvent>;
    },
  ): Promise<{ readonly digest: Digest; readonly size: number; readonly repository: string }>;
}

export interface TransferParts {
  readonly client: Registry;
  readonly content: ContentStore;
  readonly images: Images;
  readonly snapshots: Snapshots;
  readonly layers: Layers;
  /** With the tables of `transferMigrations`. */
  readonly db: Database;
  /**
   * Layers that are transferred at the same time, for all pulls together and for all pushes together. Default for pulls
   * one for each processor, at least 2 and at most 4; for pushes 5.
   */
  readonly parallel?: number;
  /** What a pulled layer may expand to; the defaults of `Layers.unpack` where absent. */
  readonly limits?: UnpackLimits;
}
