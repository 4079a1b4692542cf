import { check, failure, isErrno } from './errno.ts';
import { cPath, native, nativeSyscall } from './libc.ts';

const flagBits = {
  ro: 0x1,
  nosuid: 0x2,
  nodev: 0x4,
  noexec: 0x8,
  sync: 0x10,
  remount: 0x20,
  mandlock: 0x40,
  dirsync: 0x80,
  nosymfollow: 0x100,
  noatime: 0x400,
  nodiratime: 0x800,
  bind: 0x1000,
  move: 0x2000,
  rec: 0x4000,
  silent: 0x8000,
  unbindable: 0x20000,
  private: 0x40000,
  slave: 0x80000,
  shared: 0x100000,
  relatime: 0x200000,
  strictatime: 0x1000000,
  lazytime: 0x2000000,
} as const;

/** mount(2) flags without their `MS_`; `rec` goes with `bind` and with the propagation words. */
export type MountFlag = keyof typeof flagBits;

/** What a bind mount can only be given in a second step, and the bit that mount_setattr(2) calls it. */
const attributeBits: Partial<Record<MountFlag, number>> = {
  ro: 0x1,
  nosuid: 0x2,
  nodev: 0x4,
  noexec: 0x8,
  noatime: 0x10,
  nodiratime: 0x80,
  nosymfollow: 0x200000,
};

const currentFolder = -100;
const mountCall = native('mount', 'int', ['path', 'path', 'path', 'uint64', 'path']);
const umountCall = native('umount2', 'int', ['path', 'int']);
const mountSetattr = nativeSyscall(442, ['int', 'path', 'uint', 'pointer', 'size_t']);
const statxCall = native('statx', 'int', ['int', 'path', 'int', 'uint', 'pointer']);

/**
 * mount(2). A bind mount with further flags (`['bind', 'rec', 'ro', 'nosuid']`) really gets them, below it as well
 * with `rec`: the kernel ignores them in the first call, so they are set in a second one.
 */
export function mount(
  source: string,
  target: string,
  fstype: string | null,
  flags: readonly MountFlag[],
  data = '',
): void {
  const bits = flags.reduce((sum, flag) => sum | flagBits[flag], 0);
  const result = mountCall(cPath(source), cPath(target), fstype, bits, data === '' ? null : data);
  check(result, 'mount', target);
  if (!flags.includes('bind') || flags.includes('remount')) return;
  const attributes = flags.filter((flag) => attributeBits[flag] !== undefined);
  if (attributes.length === 0) return;
  try {
    setAttributes(target, attributes, flags.includes('rec'));
  } catch (error) {
    unmount(target, { detach: true });
    throw error;
  }
}

function setAttributes(target: string, flags: readonly MountFlag[], recursive: boolean): void {
  const attributes = Buffer.alloc(32);
  attributes.writeUInt32LE(flags.reduce((sum, flag) => sum | attributeBits[flag]!, 0) >>> 0, 0);
  // MOUNT_ATTR__ATIME is a field, not a bit: it is cleared before a new value goes in.
  if (flags.includes('noatime')) attributes.writeUInt32LE(0x70, 8);
  const recurse = recursive ? 0x8000 : 0;
  if (mountSetattr(currentFolder, cPath(target), recurse, attributes, attributes.length) === 0) return;
  const error = failure('mount_setattr', target);
  if (!isErrno(error, 'ENOSYS')) throw error;
  const bits = flags.reduce((sum, flag) => sum | flagBits[flag], flagBits.bind | flagBits.remount);
  check(mountCall('none', cPath(target), null, bits, null), 'mount', target);
}

/** umount2(2), never through a symbolic link at `target`. With `detach` it is gone for new users even while in use. */
export function unmount(target: string, options: { readonly detach?: boolean } = {}): void {
  const noFollow = 8;
  check(umountCall(cPath(target), noFollow | (options.detach ? 2 : 0)), 'umount2', target);
}

/** Makes the mount at `target` and all below it private: nothing mounted there shows up elsewhere, nor back. */
export function makePrivate(target: string): void {
  mount('none', target, null, ['rec', 'private']);
}

/** Whether a mount stands at `path` itself (false where it is absent). Does not follow a link. */
export function isMountPoint(path: string): boolean {
  const result = Buffer.alloc(256);
  const noFollow = 0x100;
  const mountRoot = 0x2000;
  if (statxCall(currentFolder, cPath(path), noFollow, 0, result) !== 0) {
    const error = failure('statx', path);
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) return false;
    throw error;
  }
  return (result.readUInt32LE(8) & mountRoot) !== 0;
}
