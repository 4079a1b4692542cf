/** Trees of names that are hard to carry, and what a tree holds, byte for byte: nothing here knows how the engine reads names. */
import { execFileSync } from 'node:child_process';
import {
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import fc from 'fast-check';

const bytes = (...parts: readonly (string | readonly number[])[]) =>
  Buffer.concat(parts.map((part) => Buffer.from(part as string)));

/** Each is there for a way in which programs lose names. */
export const hardNames: readonly Buffer[] = [
  bytes('plain'),
  bytes('café'),
  bytes('caf', [0xe9]),
  bytes('caf', [0xe8]),
  // U+FFFD itself, and what is read as it.
  bytes('caf\ufffd'),
  bytes('caf', [0xff]),
  // Names that begin alike, also in the middle of a character.
  bytes('caf'),
  bytes([0xc3]),
  bytes([0xc3, 0xa9]),
  bytes([0xc3, 0xa9, 0xc3]),
  // Overlong, beyond Unicode, surrogates as UTF-8 has them in WTF-8 and CESU-8.
  bytes([0xc0, 0xaf]),
  bytes([0xf4, 0x90, 0x80, 0x80]),
  bytes([0xed, 0xa0, 0x80]),
  bytes([0xed, 0xb3, 0xa9]),
  bytes([0xed, 0xa0, 0xbd, 0xed, 0xb8, 0x80]),
  // Sorted otherwise by UTF-16 than by bytes.
  bytes('\uff5e'),
  bytes('\u{1f600}'),
  bytes('\u{1f600}', [0xff]),
  bytes([0xef, 0xbb, 0xbf], 'bom'),
  bytes('line\nfeed'),
  bytes([1, 27, 127], '[31m'),
  bytes('back\\slash'),
  bytes('oct\\351'),
  bytes('%e9'),
  bytes('-n'),
  bytes(' blank '),
  bytes('"quote\''),
  bytes('n'.repeat(255)),
  bytes([0xe9], 'n'.repeat(252), [0xe9, 0xe8]),
  bytes(Array.from({ length: 255 }, () => 0x80)),
];

/** Names of 1 to 255 bytes: anything but `/`, NUL, `.` and `..`. */
export function anyName(maxLength = 255): fc.Arbitrary<Buffer> {
  const byte = fc.integer({ min: 1, max: 255 }).map((value) => (value === 0x2f ? 0x2e : value));
  const pieces = fc.array(
    fc.oneof(fc.array(byte, { maxLength: 4 }), fc.constantFrom(...hardNames.map((name) => [...name.subarray(0, 8)]))),
    { minLength: 1, maxLength: 12 },
  );
  return fc
    .oneof(
      pieces.map((list) => list.flat()),
      fc.array(byte, { minLength: 1, maxLength }),
    )
    .map((list) => Buffer.from(list.slice(0, maxLength)))
    .filter((name) => name.length > 0 && !['.', '..'].includes(name.toString('latin1')));
}

const at = (root: string, ...names: readonly Uint8Array[]) =>
  Buffer.concat([Buffer.from(root), ...names.flatMap((name) => [Buffer.from('/'), name])]);

/** Fills a folder: each name as a file; a folder of each with a link and a second name in it. */
export function fillHardTree(root: string, names: readonly Buffer[] = hardNames): void {
  for (const part of ['files', 'folders', 'links', 'seconds']) mkdirSync(`${root}/${part}`, { recursive: true });
  for (const [i, name] of names.entries()) {
    writeFileSync(at(`${root}/files`, name), `content ${i}`);
    mkdirSync(at(`${root}/folders`, name));
    writeFileSync(at(`${root}/folders`, name, name), `inner ${i}`);
    symlinkSync(name, at(`${root}/links`, name));
    linkSync(at(`${root}/files`, name), at(`${root}/seconds`, name));
  }
}

/** What is below a folder: path (one character a byte) to what is there. Files of several names have the same number. */
export function treeOf(root: string): ReadonlyMap<string, string> {
  const out = new Map<string, string>();
  const inodes = new Map<bigint, number>();
  const visit = (folder: string) => {
    for (const name of readdirSync(Buffer.from(root + folder, 'latin1'), { encoding: 'latin1' })) {
      const path = `${folder}/${name}`;
      const full = Buffer.from(root + path, 'latin1');
      const stat = lstatSync(full, { bigint: true });
      if (stat.isDirectory()) {
        out.set(path, 'folder');
        visit(path);
      } else if (stat.isSymbolicLink()) out.set(path, `-> ${readlinkSync(full, { encoding: 'latin1' })}`);
      else out.set(path, stat.isFile() ? readFileSync(full, 'latin1') : 'special');
      if (stat.isFile() && stat.nlink > 1n) inodes.set(stat.ino, 0);
    }
  };
  visit('');
  const sorted = new Map([...out].sort(([a], [b]) => (a < b ? -1 : 1)));
  for (const [path, what] of sorted) {
    const stat = lstatSync(Buffer.from(root + path, 'latin1'), { bigint: true });
    if (!stat.isFile() || stat.nlink < 2n) continue;
    if (inodes.get(stat.ino) === 0) inodes.set(stat.ino, [...inodes.values()].filter(Boolean).length + 1);
    sorted.set(path, `${what} (${inodes.get(stat.ino)})`);
  }
  return sorted;
}

/** As {@link treeOf}, of an archive, as GNU tar unpacks it into `folder` (made). */
export function gnuTreeOf(archive: string, folder: string): ReadonlyMap<string, string> {
  mkdirSync(folder);
  execFileSync('tar', ['-C', folder, '-xf', archive], { stdio: ['ignore', 'ignore', 'pipe'] });
  return treeOf(folder);
}
