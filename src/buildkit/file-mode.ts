import type { TarType } from '../layer/index.ts';

/** Bits of Go's fs.FileMode, which is how BuildKit's clients send modes. */
const goMode = {
  dir: 1 << 31,
  symlink: 1 << 27,
  device: 1 << 26,
  pipe: 1 << 25,
  socket: 1 << 24,
  setuid: 1 << 23,
  setgid: 1 << 22,
  charDevice: 1 << 21,
  sticky: 1 << 20,
} as const;

/** The kind of file; undefined for sockets, which no archive holds. */
export function typeOfMode(mode: number): TarType | undefined {
  const has = (bit: number) => (mode & bit) !== 0;
  if (has(goMode.dir)) return 'dir';
  if (has(goMode.symlink)) return 'symlink';
  if (has(goMode.pipe)) return 'fifo';
  if (has(goMode.socket)) return undefined;
  if (has(goMode.device)) return has(goMode.charDevice) ? 'char' : 'block';
  return 'file';
}

/** Permissions with setuid, setgid and sticky in their places of stat(2). */
export function permissionsOfMode(mode: number): number {
  const bit = (from: number, to: number) => ((mode & from) === 0 ? 0 : to);
  return (mode & 0o777) | bit(goMode.setuid, 0o4000) | bit(goMode.setgid, 0o2000) | bit(goMode.sticky, 0o1000);
}

/** stat(2)'s mode in Go's bits. */
export function goModeOf(mode: number): number {
  const types = new Map<number, number>([
    [0o040000, goMode.dir],
    [0o120000, goMode.symlink],
    [0o010000, goMode.pipe],
    [0o140000, goMode.socket],
    [0o060000, goMode.device],
    [0o020000, goMode.device | goMode.charDevice],
  ]);
  const bit = (from: number, to: number) => ((mode & from) === 0 ? 0 : to);
  const special = bit(0o4000, goMode.setuid) | bit(0o2000, goMode.setgid) | bit(0o1000, goMode.sticky);
  return ((types.get(mode & 0o170000) ?? 0) | special | (mode & 0o777)) >>> 0;
}
