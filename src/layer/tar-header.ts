/** What a tar entry says of itself, whatever extensions it is spread over. */
export type TarType = 'file' | 'hardlink' | 'symlink' | 'char' | 'block' | 'dir' | 'fifo';

export interface TarHeader {
  /** As in the archive (may be absolute, hold `..`, end in `/`): nobody may use it as a path unchecked. */
  readonly path: string;
  readonly type: TarType;
  /** Permission bits, 0-07777. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Bytes of content, holes included; 0 for all but files. */
  readonly size: number;
  /** Unix time, rounded down. */
  readonly mtimeSeconds: number;
  readonly mtimeNanoseconds: number;
  /** Target of a symbolic link, or path in the archive of a hard link's first name; else empty. */
  readonly link: string;
  /** Of a device. */
  readonly major: number;
  readonly minor: number;
  /** Extended attributes by full name (`user.x`). */
  readonly xattrs: ReadonlyMap<string, Uint8Array>;
}

/** A header to write: what is left out is 0 or empty, the mode 0644 (0755 for a directory). */
export type NewTarHeader = Pick<TarHeader, 'path' | 'type'> & Partial<TarHeader>;

export const blockSize = 512;

/** Bytes from the end of `size` bytes of content to the next block. */
export function paddingOf(size: number): number {
  return -size & (blockSize - 1) || 0;
}
