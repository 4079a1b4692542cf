/**
 * Layers as directories and as tar streams.
 *
 * A *diff directory* is an overlayfs `upper`: files as they are, deletions as character devices 0:0, opaque
 * directories as `trusted.overlay.opaque=y`. In a layer tar these are `.wh.<name>` and `.wh..wh..opq` (OCI image-spec
 * v1.1 layer.md). Packing is deterministic: entries sorted by path, PAX only where ustar cannot say it, no user and
 * group names, so equal directories give equal bytes. All heavy work runs in worker threads.
 */
import type { Readable } from 'node:stream';
import type { ByteStream } from '../content/index.ts';
import type { Compression, DiffID, Digest } from '../oci/index.ts';

export interface LayerMeasure {
  readonly diffID: DiffID;
  /** Bytes of the uncompressed tar. */
  readonly tarSize: number;
  /** Sizes of regular files and lengths of symbolic links, hard links once: what `image ls` and `history` show. */
  readonly contentSize: number;
  /** Number of entries, whiteouts included. */
  readonly entries: number;
}

export interface PackOptions {
  readonly signal?: AbortSignal;
  /** Clamps modification times to this Unix time in seconds: SOURCE_DATE_EPOCH. */
  readonly epoch?: number;
  /**
   * Packs only the entry `entry` of the directory (a file, or a folder with all in it), named `as` in the archive, and
   * whiteout names as the ordinary names they then are: for `docker cp` out of a tree.
   */
  readonly only?: { readonly entry: string; readonly as: string };
}

export interface PackedBlob extends LayerMeasure {
  /** Digest and size of the (compressed) bytes written to `file`. */
  readonly digest: Digest;
  readonly size: number;
}

export interface UnpackLimits {
  /** Most bytes that the layer may expand to. Default 64 GiB. */
  readonly maxBytes?: number;
  /** Most entries. Default 4,000,000. */
  readonly maxEntries?: number;
  /** Most bytes out for each byte of a compressed layer in, beyond `ratioFree`. Default 200: gzip makes 1030 of zeros. */
  readonly maxRatio?: number;
  /** So many bytes may come out of however few: zeros compress very well. Default 1 GiB. */
  readonly ratioFree?: number;
}

export interface UnpackOptions extends UnpackLimits {
  readonly compression: Compression | 'detect';
  readonly signal?: AbortSignal;
  readonly progress?: (compressedBytesRead: number) => void;
  /** Refuse (`data_loss`) when the uncompressed tar has another digest. */
  readonly expect?: DiffID;
  /**
   * Layer directories below this one, topmost first. A folder that the layer has no entry for, only things inside it,
   * then takes mode, owner and time from the folder that it covers; else it is 0755 of root.
   */
  readonly parents?: readonly string[];
}

/** What an unpacking found out. */
export interface Unpacked extends LayerMeasure {
  /**
   * `parents` were not given, and folders had to be made that the layer has no entry for: on other layers these would
   * look like what they cover.
   */
  readonly hasImplied: boolean;
}

/** A layer in a file that nobody changes: the thread that unpacks it reads it as well. */
export interface LayerFile {
  readonly file: string;
  /** Bytes. */
  readonly size: number;
}

export type LayerSource = ByteStream | LayerFile;

export interface Layers {
  /** Computes the diffID of what {@link pack} would write, without writing it. */
  measure(diffDir: string, options?: PackOptions): Promise<LayerMeasure>;
  /** Writes the layer tar, compressed, to `file` (created). gzip is made in parallel blocks, parameters fixed. */
  pack(diffDir: string, file: string, compression: Compression, options?: PackOptions): Promise<PackedBlob>;
  /** The uncompressed layer tar as a stream, for `save` and `export`. */
  stream(diffDir: string, options?: PackOptions): Readable;
  /** Decompresses, verifies and extracts into `diffDir` (exists, empty) as one stream; whiteouts become overlay's. */
  unpack(source: LayerSource, diffDir: string, options: UnpackOptions): Promise<Unpacked>;
  /**
   * Extracts an ordinary archive (ADD, import, `docker cp`) below `root`, an existing tree: every path is resolved
   * inside `root` by the kernel (openat2 RESOLVE_IN_ROOT), existing files are replaced, whiteouts are ordinary names.
   */
  extract(source: ByteStream, root: string, options: ExtractOptions): Promise<{ readonly entries: number }>;
  close(): Promise<void>;
}

export interface ExtractOptions extends UnpackLimits {
  readonly compression: Compression | 'bzip2' | 'xz' | 'detect';
  /** Folder inside `root` that the archive's paths are relative to; made (0755) where absent. */
  readonly target: string;
  /** Gives every entry this owner in place of its own. */
  readonly chown?: { readonly uid: number; readonly gid: number };
  /** Refuses that a folder and something else replace each other, as `docker cp` asks for. Default false. */
  readonly noOverwriteDirNonDir?: boolean;
  /** Also restores `user.*` attributes, not only file capabilities. Default false, which is what ADD leaves. */
  readonly userXattrs?: boolean;
  readonly signal?: AbortSignal;
}
