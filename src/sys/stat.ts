import { failure } from './errno.ts';
import type { SysPath } from './file-name.ts';
import { cPath, native } from './libc.ts';

/** What statx(2) says, without the objects that `fs.lstat` makes: walking a tree is mostly this. */
export interface FileStat {
  /** Type (S_IFMT) and permission bits. */
  readonly mode: number;
  readonly nlink: number;
  readonly uid: number;
  readonly gid: number;
  readonly size: number;
  /** Allocated, in units of 512 bytes. */
  readonly blocks: number;
  /** With both, a file can be told from all others; inode numbers do not fit a double. */
  readonly ino: bigint;
  readonly device: number;
  readonly mtimeSeconds: number;
  readonly mtimeNanoseconds: number;
  /** Of a device node. */
  readonly major: number;
  readonly minor: number;
}

const statxCall = native('statx', 'int', ['int', 'path', 'int', 'uint', 'pointer']);
const result = Buffer.alloc(256);
const view = new DataView(result.buffer, result.byteOffset, result.length);

/** lstat of an entry of an open folder; an empty `name` means the descriptor itself. */
export function statAt(folder: number, name: SysPath): FileStat {
  const noFollow = 0x100;
  const emptyPath = 0x1000;
  const basicStats = 0x7ff;
  if (statxCall(folder, cPath(name), noFollow | (name.length === 0 ? emptyPath : 0), basicStats, result) !== 0) {
    throw failure('statx', name);
  }
  const wide = (at: number) => view.getUint32(at + 4, true) * 2 ** 32 + view.getUint32(at, true);
  return {
    nlink: view.getUint32(16, true),
    uid: view.getUint32(20, true),
    gid: view.getUint32(24, true),
    mode: view.getUint16(28, true),
    size: wide(40),
    blocks: wide(48),
    mtimeSeconds: view.getInt32(116, true) * 2 ** 32 + view.getUint32(112, true),
    mtimeNanoseconds: view.getUint32(120, true),
    major: view.getUint32(128, true),
    minor: view.getUint32(132, true),
    ino: view.getBigUint64(32, true),
    device: view.getUint32(136, true) * 2 ** 32 + view.getUint32(140, true),
  };
}
