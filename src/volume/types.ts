export interface Volume {
  readonly name: string;
  readonly driver: 'local';
  /** Absolute path of the data. */
  readonly mountpoint: string;
  readonly createdAt: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly options: Readonly<Record<string, string>>;
  /** Made by a container that did not name it. */
  readonly anonymous: boolean;
}

export interface Volumes {
  create(options: {
    readonly name?: string;
    /** There is none but `local`. */
    readonly driver?: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly options?: Readonly<Record<string, string>>;
    readonly anonymous?: boolean;
  }): Promise<Volume>;
  get(name: string): Volume;
  list(): readonly Volume[];
  /** Copies what the image has at `target` into the volume when the volume is still empty (Docker's behaviour). */
  populate(name: string, root: string, target: string): Promise<void>;
  remove(name: string, options: { readonly inUse: ReadonlySet<string>; readonly force: boolean }): Promise<void>;
  prune(options: {
    readonly inUse: ReadonlySet<string>;
    readonly all: boolean;
    /** Only volumes whose labels pass. */
    readonly labels?: (labels: Readonly<Record<string, string>>) => boolean;
  }): Promise<{ readonly deleted: readonly string[]; readonly reclaimed: number }>;
  /** Bytes on disk. */
  size(name: string): Promise<number>;
}
