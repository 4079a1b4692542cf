import { StrataError } from '../errors/index.ts';

/** An archive that is not one, or lies about itself. `detail` says where and what. */
export function invalidArchive(detail: string, cause?: unknown): StrataError {
  return new StrataError('invalid_argument', `archive/tar: invalid tar header: ${detail}`, {
    code: 'invalid_archive',
    cause,
  });
}

export function truncatedArchive(): StrataError {
  return new StrataError('invalid_argument', 'unexpected EOF', {
    code: 'invalid_archive',
    hint: 'the archive ends in the middle of an entry',
  });
}

/** A number of a header field: octal digits, or binary when the first bit is set (GNU, star). */
export function readNumber(block: Uint8Array, start: number, length: number, name: string): number {
  if (block[start]! & 0x80) return readBinary(block, start, length, name);
  let at = start;
  let end = start + length;
  while (at < end && (block[at] === 0x20 || block[at] === 0)) at++;
  while (end > at && (block[end - 1] === 0x20 || block[end - 1] === 0)) end--;
  let value = 0;
  for (; at < end; at++) {
    const digit = block[at]! - 0x30;
    if (digit < 0 || digit > 7) throw invalidArchive(`${name} is not a number`);
    value = value * 8 + digit;
  }
  return value;
}

function readBinary(block: Uint8Array, start: number, length: number, name: string): number {
  const negative = (block[start]! & 0x40) !== 0;
  let value = 0n;
  for (let at = start; at < start + length; at++) {
    const byte = at === start ? block[at]! & 0x7f : block[at]!;
    value = (value << 8n) | BigInt(byte);
  }
  if (negative) value -= 1n << BigInt(length * 8 - 1);
  const number = Number(value);
  if (!Number.isSafeInteger(number)) throw invalidArchive(`${name} is out of range`);
  return number;
}

/** Text of a header field, up to its end or the first NUL, as a byte string. */
export function readString(block: Buffer, start: number, length: number): string {
  let end = start;
  while (end < start + length && block[end] !== 0) end++;
  return block.toString('latin1', start, end);
}

/** Whether the checksum field matches; old tars summed signed bytes. */
export function checksumHolds(block: Uint8Array): boolean {
  let unsigned = 8 * 0x20;
  let signed = unsigned;
  for (let at = 0; at < 512; at++) {
    if (at === 148) at = 156;
    const byte = block[at]!;
    unsigned += byte;
    signed += byte < 128 ? byte : byte - 256;
  }
  let stored: number;
  try {
    stored = readNumber(block, 148, 8, 'checksum');
  } catch {
    return false;
  }
  return stored === unsigned || stored === signed;
}

/** Writes `digits` octal digits. The caller has made sure that the value fits. */
export function writeOctal(block: Uint8Array, start: number, digits: number, value: number): void {
  let rest = value;
  for (let at = start + digits - 1; at >= start; at--) {
    block[at] = 0x30 + (rest % 8);
    rest = Math.floor(rest / 8);
  }
}
