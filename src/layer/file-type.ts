import type { TarType } from './tar-header.ts';

const typeMask = 0o170000;

/** Bits of S_IFMT, by what a tar calls the type. */
export const typeBits = {
  fifo: 0o010000,
  char: 0o020000,
  dir: 0o040000,
  block: 0o060000,
  file: 0o100000,
  symlink: 0o120000,
} as const satisfies Partial<Record<TarType, number>>;

const names = new Map<number, Exclude<TarType, 'hardlink'>>(
  Object.entries(typeBits).map(([name, bits]) => [bits, name as Exclude<TarType, 'hardlink'>]),
);

/** Undefined for a socket, which no archive can hold. */
export function fileType(mode: number): Exclude<TarType, 'hardlink'> | undefined {
  return names.get(mode & typeMask);
}
