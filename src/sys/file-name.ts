/**
 * File names are bytes, not text. A JavaScript string can hold them without loss in two ways:
 *
 * - A *name*, which all rooms use: the text that the bytes mean as UTF-8, and for each byte that is no part of UTF-8 a
 *   lone surrogate, U+DC80 to U+DCFF (Python calls this `surrogateescape`). Patterns match it, JSON and the messages of
 *   worker threads carry it, and for nearly every name it is the text itself. What the kernel gets is made of it here:
 *   whoever passes a name to `node:fs` by itself loses those bytes.
 * - A *byte string*, which the codec of archives uses: one character (0-255) for each byte. Its order is the order of
 *   the bytes.
 */

export type ByteString = string;

const beyondAscii = /[^\x00-\x7f]/;
const escapedByte = /[\udc80-\udcff]/gu;

/** The name that the bytes are. Every sequence of bytes comes back from {@link bytesOfName} as it was. */
export function nameOf(bytes: Uint8Array): string {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const text = buffer.toString('utf8');
  return text.includes('\ufffd') ? escaped(buffer) : text;
}

function escaped(bytes: Buffer): string {
  let name = '';
  let good = 0;
  for (let at = 0; at < bytes.length; ) {
    const length = characterAt(bytes, at);
    if (length > 0) {
      at += length;
      continue;
    }
    name += bytes.toString('utf8', good, at) + String.fromCharCode(0xdc00 + bytes[at]!);
    good = ++at;
  }
  return name + bytes.toString('utf8', good);
}

/** Bytes of the UTF-8 character at `at`; 0 where there is none (Unicode 17, table 3-7). */
function characterAt(bytes: Buffer, at: number): number {
  const lead = bytes[at]!;
  if (lead < 0x80) return 1;
  const length = lead < 0xc2 ? 0 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : lead < 0xf5 ? 4 : 0;
  const second = bytes[at + 1] ?? 0;
  const least = lead === 0xe0 ? 0xa0 : lead === 0xf0 ? 0x90 : 0x80;
  const most = lead === 0xed ? 0x9f : lead === 0xf4 ? 0x8f : 0xbf;
  if (length > 1 && (second < least || second > most)) return 0;
  for (let next = 2; next < length; next++) if (((bytes[at + next] ?? 0) & 0xc0) !== 0x80) return 0;
  return length;
}

/** The bytes of a name. Surrogates that stand for no byte (a client can send such JSON) become U+FFFD. */
export function bytesOfName(name: string): Buffer {
  if (name.isWellFormed()) return Buffer.from(name);
  const parts: Buffer[] = [];
  let done = 0;
  for (const match of name.matchAll(escapedByte)) {
    parts.push(Buffer.from(name.slice(done, match.index)), Buffer.of(match[0].charCodeAt(0) & 0xff));
    done = match.index + 1;
  }
  parts.push(Buffer.from(name.slice(done)));
  return Buffer.concat(parts);
}

/** A name as `node:fs` and the kernel take it: text where that says the same. */
export function kernelPath(name: string): string | Buffer {
  return name.isWellFormed() ? name : bytesOfName(name);
}

/** Order of the bytes: how archives, listings and digests are sorted, and what Go sorts strings by. */
export function compareNames(a: string, b: string): number {
  if (a === b) return 0;
  for (let i = 0; i < a.length && i < b.length; i++) {
    const [x, y] = [a.charCodeAt(i), b.charCodeAt(i)];
    if (x === y) continue;
    // Surrogates do not stand where their bytes do.
    const odd = (x >= 0xd800 && x <= 0xdfff) || (y >= 0xd800 && y <= 0xdfff);
    return odd ? Buffer.compare(bytesOfName(a), bytesOfName(b)) : x - y;
  }
  return a.length - b.length;
}

/** A name for a URL or a header; a slash may stay as it is. */
export function percentEncoded(name: string): string {
  if (name.isWellFormed()) return encodeURIComponent(name);
  return bytesOfName(name)
    .toString('latin1')
    .replace(/[^\w./-]/g, (byte) => `%${byte.charCodeAt(0).toString(16).padStart(2, '0')}`);
}

/** For people and for JSON: text, in which a byte that is not UTF-8 is `\` and three octal digits, as `ls -b` has it. */
export function shownName(name: string): string {
  if (name.isWellFormed()) return name;
  return name.replace(escapedByte, (unit) => `\\${(unit.charCodeAt(0) & 0xff).toString(8)}`).toWellFormed();
}

/** A name in quotes, for messages. */
export function quotedName(name: string): string {
  return name.isWellFormed() ? JSON.stringify(name) : `"${shownName(name)}"`;
}

/** The byte string of a name. */
export function bytesOf(name: string): ByteString {
  return beyondAscii.test(name) ? bytesOfName(name).toString('latin1') : name;
}

/** The name that a byte string is. */
export function textOf(bytes: ByteString): string {
  return beyondAscii.test(bytes) ? nameOf(Buffer.from(bytes, 'latin1')) : bytes;
}

/** A byte string as a path for the kernel. */
export function pathOf(bytes: ByteString): SysPath {
  return beyondAscii.test(bytes) ? Buffer.from(bytes, 'latin1') : bytes;
}

/** A path for the kernel: a name (see file-name.ts), or its exact bytes. */
export type SysPath = string | Uint8Array;
