import { invalidArchive, readNumber } from './tar-field.ts';
import { blockSize } from './tar-header.ts';

/** A piece of a sparse file that holds data; between pieces there are zeros. */
export interface Segment {
  readonly offset: number;
  readonly length: number;
}

/** Most pieces of one file: a map is kept in memory. */
export const maxSegments = 1 << 20;

/** The map of a file in GNU's old format: 4 pairs in the header, 21 in each further block. */
export class OldSparseMap {
  readonly segments: Segment[] = [];
  /** Size of the whole file. */
  readonly realSize: number;
  /** Whether another block of the map follows. */
  more: boolean;

  constructor(header: Uint8Array) {
    this.realSize = readNumber(header, 483, 12, 'sparse size');
    this.more = header[482] !== 0;
    this.#take(header, 386, 4);
  }

  push(block: Uint8Array): void {
    this.more = block[504] !== 0;
    this.#take(block, 0, 21);
  }

  #take(block: Uint8Array, start: number, count: number): void {
    for (let at = start; at < start + count * 24; at += 24) {
      if (block[at] === 0) return;
      if (this.segments.length >= maxSegments) throw invalidArchive('sparse map too long');
      this.segments.push({
        offset: readNumber(block, at, 12, 'sparse offset'),
        length: readNumber(block, at + 12, 12, 'sparse length'),
      });
    }
  }
}

/** The map of PAX format 0.1: `offset,length,offset,length…`. */
export function parseSparseList(text: string): Segment[] {
  const numbers = text === '' ? [] : text.split(',');
  if (numbers.length % 2 !== 0 || numbers.length / 2 > maxSegments) throw invalidArchive('sparse map is malformed');
  return pairs(numbers);
}

/**
 * The map of PAX format 1.0, which stands before the data: decimal lines, a count and then the pairs, padded to a
 * block. Undefined while `bytes` is too short; `used` is how much of it the map takes.
 */
export function parseSparsePrefix(bytes: Buffer): { readonly segments: Segment[]; readonly used: number } | undefined {
  let at = 0;
  const line = () => {
    const end = bytes.indexOf(0x0a, at);
    if (end < 0) {
      if (bytes.length - at > 24) throw invalidArchive('sparse map is malformed');
      return undefined;
    }
    const text = bytes.toString('latin1', at, end);
    at = end + 1;
    return text;
  };
  const first = line();
  if (first === undefined) return undefined;
  const count = decimal(first);
  if (count > maxSegments) throw invalidArchive('sparse map too long');
  const numbers: string[] = [];
  while (numbers.length < count * 2) {
    const text = line();
    if (text === undefined) return undefined;
    numbers.push(text);
  }
  const used = Math.ceil(at / blockSize) * blockSize;
  return bytes.length < used ? undefined : { segments: pairs(numbers), used };
}

function pairs(numbers: readonly string[]): Segment[] {
  const segments: Segment[] = [];
  for (let at = 0; at < numbers.length; at += 2) {
    segments.push({ offset: decimal(numbers[at]!), length: decimal(numbers[at + 1]!) });
  }
  return segments;
}

function decimal(text: string): number {
  if (!/^\d{1,15}$/.test(text)) throw invalidArchive('sparse map is malformed');
  return Number(text);
}

/** Pieces must be in order, apart, inside the file, and add up to the bytes that the archive holds. */
export function checkSegments(segments: readonly Segment[], stored: number, realSize: number): void {
  let end = 0;
  let sum = 0;
  for (const { offset, length } of segments) {
    if (length < 0 || offset < end || offset + length > realSize) throw invalidArchive('sparse map is malformed');
    end = offset + length;
    sum += length;
  }
  if (sum !== stored) throw invalidArchive('sparse map does not match the size');
}
