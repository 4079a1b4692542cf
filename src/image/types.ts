/**
 * Images: names, configurations, manifests, history, and the archives they travel in.
 *
 * An *image ID* is the digest of the image's configuration. A *name* (canonical reference with a tag) points at one
 * image; an image without names is *dangling*. An image keeps the manifest that it was pulled or loaded with, so that
 * pushing it again sends the same bytes; a built image gets its manifest when it is first pushed. The store's OCI layout
 * lists an image as soon as each of its layers is there as a blob, packed or plain.
 */
import type { ByteStream } from '../content/index.ts';
import type { LayerSource } from '../layer/index.ts';
import type {
  Compression,
  Descriptor,
  DiffID,
  Digest,
  ImageConfig,
  Platform,
  Reference,
  RuntimeConfig,
} from '../oci/index.ts';
import type { Progress, TransferEvent } from '../progress/index.ts';
import type { SnapshotName } from '../snapshot/index.ts';

export interface Image {
  readonly id: Digest;
  readonly config: ImageConfig;
  /** Bytes of the configuration exactly as digested. */
  readonly rawConfig: Uint8Array;
  /** Canonical names with tags, sorted. */
  readonly names: readonly string[];
  /** Canonical `repository@sha256:…`, for each repository it was pulled from or pushed to. */
  readonly repoDigests: readonly string[];
  /** The top of its layers; null for an image without layers. */
  readonly snapshot: SnapshotName | null;
  /** Sum of its layers' content sizes, bytes. */
  readonly size: number;
  /** Unix milliseconds. */
  readonly createdAt: number;
  /** When a name was last given. */
  readonly taggedAt: number;
  readonly usedAt: number;
  readonly parent: Digest | null;
  /** Why it cannot be used, where the store has lost a part of it: then `config` is an empty one. It can be removed. */
  readonly broken?: string;
}

export interface HistoryRow {
  /** Image ID where an image of this store ends with this row, else null (`<missing>`). */
  readonly id: Digest | null;
  /** Unix seconds. */
  readonly created: number;
  readonly createdBy: string;
  readonly comment: string;
  readonly tags: readonly string[];
  /** Bytes. */
  readonly size: number;
}

export interface RemovedImage {
  /** Exactly one of the two. */
  readonly untagged?: string;
  /** What was deleted is a layer of an image. */
  readonly isLayer?: boolean;
  readonly deleted?: string;
}

/** Who uses an image: asked before one is removed. */
export interface ImageUse {
  readonly container: string;
  readonly running: boolean;
}

export interface NewImage {
  readonly config: ImageConfig;
  /** Top snapshot; its stack must match `config.rootfs.diff_ids`. */
  readonly snapshot: SnapshotName | null;
  readonly names?: readonly Reference[];
  /** Manifest bytes as received, for images that were pulled or loaded. */
  readonly manifest?: { readonly bytes: Uint8Array; readonly mediaType: string };
  /** Config bytes as received; made from `config` where absent. */
  readonly rawConfig?: Uint8Array;
  readonly repoDigest?: string;
  readonly parent?: Digest;
}

export interface ImageFilter {
  readonly dangling?: boolean;
  /** Leaves out *intermediate* images: those without a name that others are built on. Default false. */
  readonly hideIntermediate?: boolean;
  /** Only images whose labels pass. */
  readonly labels?: (labels: Readonly<Record<string, string>>) => boolean;
  readonly references?: readonly string[];
  readonly before?: string;
  readonly since?: string;
  /** Unix milliseconds: only images created (prune: last used) before it. */
  readonly until?: number;
}

/** One name that a load gave, or an image that came without names. */
export interface LoadedImage {
  readonly id: Digest;
  /** Canonical, with its tag. */
  readonly name?: string;
  /** The image that had this name until then. */
  readonly replaced?: Digest;
}

export interface Images {
  /** Stores the image and points `names` at it, in one transaction; `data_loss` for a configuration that is none. */
  create(image: NewImage): Promise<Image>;
  /**
   * Runs work that brings in, or reads, blobs and snapshots that no row may name: nothing is collected meanwhile. What
   * becomes garbage until then goes when the last such work is over. Nests.
   */
  during<Result>(work: () => Promise<Result>): Promise<Result>;
  /** Registers somebody who keeps snapshots (cache records, containers); asked whenever something may go. */
  addHolder(holder: () => Iterable<SnapshotName>): void;
  /** Notes that the repository of `name` (canonical `repository@sha256:…`) has this image. */
  addRepoDigest(id: Digest, name: string): Promise<void>;
  /** Notes that `blob` (in the content store) is the layer `diffID` in some compression. */
  recordLayerBlob(diffID: DiffID, blob: Descriptor): void;
  /** Content sizes: of each image, of what it shares with others, and of all layers counted once. */
  diskUsage(): Promise<{
    readonly images: readonly { readonly id: Digest; readonly size: number; readonly sharedSize: number }[];
    readonly layersSize: number;
  }>;
  /** Removes every snapshot and blob that no image and no holder needs, once nobody is `during` anything. */
  collect(): Promise<void>;
  /** By id, unique id prefix (hex, with or without `sha256:`), name or `name@digest`. */
  find(text: string): Promise<Image | undefined>;
  /** As {@link find}, but `not_found` with Docker's words (`No such image: …`). */
  get(text: string): Promise<Image>;
  /** The same for who removes it: also what is {@link Image.broken}. */
  listed(text: string): Promise<Image>;
  list(filter?: ImageFilter): Promise<readonly Image[]>;
  tag(source: string, target: Reference): Promise<void>;
  /** Removes a name, or the image with `Untagged:`/`Deleted:` rows as Docker; `conflict` where containers use it. */
  remove(
    text: string,
    options: { readonly force: boolean; readonly prune: boolean; readonly uses: readonly ImageUse[] },
  ): Promise<readonly RemovedImage[]>;
  prune(options: {
    readonly all: boolean;
    readonly filter?: ImageFilter;
    readonly inUse: ReadonlySet<Digest>;
  }): Promise<{ readonly removed: readonly RemovedImage[]; readonly reclaimed: number }>;
  history(text: string): Promise<readonly HistoryRow[]>;
  touch(id: Digest): void;

  /**
   * Descriptors of the image's layers in the wanted compression, making and keeping the blobs that are not there. `ready` is
   * told of each layer that has to be looked for or made as soon as it is there, before the answer; `index` counts from the
   * bottom.
   */
  materialize(
    id: Digest,
    options: {
      readonly compression: Compression;
      /** Compress layers again that are there in another compression. */
      readonly force?: boolean;
      /** Of the manifest; absent: those that it has. */
      readonly annotations?: Readonly<Record<string, string>>;
      readonly signal?: AbortSignal;
      readonly progress?: Progress<TransferEvent>;
      readonly ready?: (layer: Descriptor, index: number) => void;
    },
  ): Promise<{
    readonly manifest: Descriptor;
    readonly manifestBytes: Uint8Array;
    readonly config: Descriptor;
    readonly layers: readonly Descriptor[];
  }>;
  /**
   * Packs layers of images that have a name and that the OCI layout does not list yet, until it does. `mayPack` is asked
   * for each image, with the bytes that its layers have unpacked.
   */
  completeLayout(options: {
    readonly mayPack: (bytes: number) => boolean | Promise<boolean>;
    readonly signal?: AbortSignal;
  }): Promise<void>;
  /** Unpacks one layer onto `parent` unless a snapshot with that chain is here. Used by pull and load. */
  unpackLayer(
    source: () => Promise<LayerSource>,
    options: {
      readonly parent: SnapshotName | null;
      readonly diffID: Digest;
      readonly chainID: Digest;
      readonly mediaType: string;
      readonly signal?: AbortSignal;
      readonly progress?: (bytes: number) => void;
    },
  ): Promise<SnapshotName>;

  /** A docker archive that is also an OCI layout, several images at once. */
  save(
    names: readonly string[],
    options?: { readonly format?: 'docker' | 'oci'; readonly platform?: Platform; readonly signal?: AbortSignal },
  ): Promise<ByteStream>;
  /**
   * Docker and OCI archives, plain, gzip, zstd, bzip2 or xz. Returns `Loaded image: …` / `Loaded image ID: …` subjects.
   * `invalid_argument` or `data_loss` for an archive that is none or lies; the store is then as it was.
   */
  load(
    source: ByteStream,
    options?: {
      /** Takes only the images for it. */
      readonly platform?: Platform;
      readonly signal?: AbortSignal;
      readonly progress?: Progress<TransferEvent>;
    },
  ): Promise<readonly LoadedImage[]>;
  /** One layer made from a root file system's tar. */
  import(
    source: ByteStream,
    options: {
      readonly name?: Reference;
      readonly message?: string;
      readonly config?: RuntimeConfig;
      readonly platform?: Platform;
      readonly signal?: AbortSignal;
    },
  ): Promise<Image>;
}
