import type { SysPath } from './libc.ts';

/**
 * File names are bytes, not text. A *byte string* is a JavaScript string with one character (0-255) for each byte: it
 * can be compared, split and used as a key like any other, and for ASCII it is the text itself. Its order is the order
 * of the bytes.
 */
export type ByteString = string;

const beyondAscii = /[^\x00-\x7f]/;

/** The UTF-8 bytes of a text. */
export function bytesOf(text: string): ByteString {
  return beyondAscii.test(text) ? Buffer.from(text).toString('latin1') : text;
}

/** The text that the bytes mean as UTF-8; what is not UTF-8 becomes U+FFFD. */
export function textOf(bytes: ByteString): string {
  return beyondAscii.test(bytes) ? Buffer.from(bytes, 'latin1').toString('utf8') : bytes;
}

/** The bytes as a path for the kernel. */
export function pathOf(bytes: ByteString): SysPath {
  return beyondAscii.test(bytes) ? Buffer.from(bytes, 'latin1') : bytes;
}
