import { StrataError } from '../errors/index.ts';
import { checksumHolds, invalidArchive, readNumber, readString, truncatedArchive } from './tar-field.ts';
import { blockSize, paddingOf, type TarHeader, type TarType } from './tar-header.ts';
import { integer, type PaxRecords, parsePax } from './tar-pax.ts';
import { checkSegments, OldSparseMap, parseSparseList, parseSparsePrefix, type Segment } from './tar-sparse.ts';

/** Receives an archive, entry by entry. Names in headers are byte strings. */
export interface TarHandler {
  entry(header: TarHeader): void;
  /** Content of the entry, in order. The bytes are only valid during the call. */
  data(chunk: Uint8Array): void;
  /** Zeros of a sparse file, in place of data. */
  hole(length: number): void;
  end(): void;
}

/** Most bytes of an extended header, a long name or a sparse map: these are kept in memory. As Go's archive/tar. */
const maxMeta = 1 << 20;
const largestOctal = 0o77777777777;

const types: Readonly<Record<string, TarType>> = {
  '\0': 'file',
  '0': 'file',
  '7': 'file',
  S: 'file',
  '1': 'hardlink',
  '2': 'symlink',
  '3': 'char',
  '4': 'block',
  '5': 'dir',
  '6': 'fifo',
};

type State = 'header' | 'meta' | 'sparse-header' | 'sparse-prefix' | 'data' | 'skip' | 'over';

/**
 * A tar reader that is fed: ustar, PAX, GNU (long names, binary numbers, all sparse formats), old V7. It reads as Go's
 * archive/tar does, so that no archive means one thing here and another to the tools around; an archive whose size in
 * the PAX header contradicts the one in the ustar header (readers disagree on what follows) is refused.
 */
export class TarParser {
  readonly #handler: TarHandler;
  #state: State = 'header';
  /** Bytes of a header or extended header that came in an earlier chunk. */
  #held: Buffer[] = [];
  #heldBytes = 0;
  /** Bytes to come in this state; in `meta` and `sparse-prefix`, those that it needs at once. */
  #left = 0;
  #metaFlag = '';
  #metaSize = 0;
  #zeroBlock = false;
  #pax: PaxRecords | undefined;
  #longName: string | undefined;
  #longLink: string | undefined;
  #header: TarHeader | undefined;
  #oldMap: OldSparseMap | undefined;
  /** Bytes of the present entry that are stored in the archive. */
  #stored = 0;
  #segments: readonly Segment[] | undefined;
  #segment = 0;
  #position = 0;
  #offset = 0;

  constructor(handler: TarHandler) {
    this.#handler = handler;
  }

  /** Whether the end mark has been read; what follows is ignored. */
  get over(): boolean {
    return this.#state === 'over';
  }

  push(input: Uint8Array): void {
    const chunk = Buffer.from(input.buffer, input.byteOffset, input.byteLength);
    let at = 0;
    while (at < chunk.length && this.#state !== 'over') {
      const before = at;
      at += this.#step(chunk, at);
      this.#offset += at - before;
    }
  }

  /**
   * Says that nothing follows. An archive may end without its end mark, and without what fills the last block (the
   * docker client sends such contexts), but not inside an entry.
   */
  finish(): void {
    const unfilled = this.#state === 'skip' && this.#left === paddingOf(this.#stored);
    const between = unfilled || (this.#state === 'header' && this.#heldBytes === 0);
    const dangling = this.#pax !== undefined || this.#longName !== undefined || this.#longLink !== undefined;
    if (this.#state === 'over' || (between && !dangling)) return;
    throw truncatedArchive();
  }

  #step(chunk: Buffer, at: number): number {
    switch (this.#state) {
      case 'header':
        return this.#collect(chunk, at, blockSize, (block) => this.#takeBlock(block));
      case 'meta':
        return this.#collect(chunk, at, this.#left, (bytes) => this.#takeMeta(bytes.subarray(0, this.#metaSize)));
      case 'sparse-header':
        return this.#collect(chunk, at, blockSize, (block) => {
          this.#oldMap!.push(block);
          this.#state = 'header';
          this.#openOldSparse();
        });
      case 'sparse-prefix':
        return this.#collect(chunk, at, this.#left, (bytes) => this.#takeSparsePrefix(bytes));
      case 'data':
        return this.#takeData(chunk, at);
      case 'skip': {
        const count = Math.min(this.#left, chunk.length - at);
        this.#left -= count;
        if (this.#left === 0) this.#state = 'header';
        return count;
      }
      case 'over':
        return chunk.length - at;
    }
  }

  /** Gives `use` exactly `length` bytes once they are there, without copying when one chunk holds them. */
  #collect(chunk: Buffer, at: number, length: number, use: (bytes: Buffer) => void): number {
    const wanted = length - this.#heldBytes;
    const available = Math.min(wanted, chunk.length - at);
    if (available === wanted && this.#heldBytes === 0) {
      use(chunk.subarray(at, at + wanted));
      return wanted;
    }
    this.#held.push(Buffer.from(chunk.subarray(at, at + available)));
    this.#heldBytes += available;
    if (available === wanted) {
      const bytes = Buffer.concat(this.#held);
      this.#held = [];
      this.#heldBytes = 0;
      use(bytes);
    }
    return available;
  }

  #takeBlock(block: Buffer): void {
    if (isZero(block)) {
      if (this.#pax || this.#longName !== undefined || this.#longLink !== undefined) throw truncatedArchive();
      if (this.#zeroBlock) this.#state = 'over';
      this.#zeroBlock = true;
      return;
    }
    if (this.#zeroBlock) throw invalidArchive(`data after an empty block at byte ${this.#offset}`);
    if (!checksumHolds(block)) throw invalidArchive(`wrong checksum at byte ${this.#offset}`);
    const flag = block.toString('latin1', 156, 157);
    const size = readNumber(block, 124, 12, 'size');
    if (size < 0) throw invalidArchive('negative size');
    if (flag === 'x' || flag === 'g' || flag === 'L' || flag === 'K') this.#openMeta(flag, size);
    else this.#openEntry(block, flag, size);
  }

  #openMeta(flag: string, size: number): void {
    if (size > maxMeta) throw invalidArchive(`an extended header of ${size} bytes`);
    this.#metaFlag = flag;
    this.#metaSize = size;
    this.#left = size + paddingOf(size);
    if (size === 0) this.#takeMeta(Buffer.alloc(0));
    else this.#state = 'meta';
  }

  #takeMeta(bytes: Buffer): void {
    this.#state = 'header';
    switch (this.#metaFlag) {
      case 'x':
        this.#pax = parsePax(bytes);
        break;
      // Global records are ignored, as Docker does: they would let one entry change the meaning of all that follow.
      case 'g':
        parsePax(bytes);
        break;
      case 'L':
        this.#longName = readString(bytes, 0, bytes.length);
        break;
      case 'K':
        this.#longLink = readString(bytes, 0, bytes.length);
        break;
    }
  }

  #openEntry(block: Buffer, flag: string, ustarSize: number): void {
    const pax = this.#pax ?? {};
    const path = pax.sparse?.get('name') || (pax.path ?? this.#longName ?? ustarName(block));
    const link = pax.link ?? this.#longLink ?? readString(block, 157, 100);
    const stored = pax.size ?? ustarSize;
    this.#pax = this.#longName = this.#longLink = undefined;
    let type = types[flag];
    if (type === undefined) throw unhandled(flag, path);
    if (flag === '\0' && path.endsWith('/')) type = 'dir';
    if (pax.size !== undefined && stored !== ustarSize && type === 'file' && stored <= largestOctal) {
      throw invalidArchive(`${JSON.stringify(path)} has two sizes, ${stored} and ${ustarSize}`);
    }
    this.#stored = type === 'file' ? stored : 0;
    this.#segments = undefined;
    this.#oldMap = undefined;
    this.#header = {
      path,
      type,
      mode: readNumber(block, 100, 8, 'mode') & 0o7777,
      uid: ownerId(pax.uid ?? readNumber(block, 108, 8, 'uid')),
      gid: ownerId(pax.gid ?? readNumber(block, 116, 8, 'gid')),
      size: this.#stored,
      mtimeSeconds: pax.mtime?.seconds ?? readNumber(block, 136, 12, 'mtime'),
      mtimeNanoseconds: pax.mtime?.nanoseconds ?? 0,
      link,
      major: readDevice(block, 329, type, 'major'),
      minor: readDevice(block, 337, type, 'minor'),
      xattrs: pax.xattrs ?? noXattrs,
    };
    if (flag === 'S') {
      this.#oldMap = new OldSparseMap(block);
      this.#openOldSparse();
    } else if (type === 'file' && pax.sparse !== undefined) this.#openPaxSparse(pax);
    else this.#begin();
  }

  #openOldSparse(): void {
    const map = this.#oldMap!;
    if (map.more) this.#state = 'sparse-header';
    else this.#beginSparse(map.segments, map.realSize);
  }

  #openPaxSparse(pax: PaxRecords): void {
    const sparse = pax.sparse!;
    const realSize = sparse.get('realsize') ?? sparse.get('size');
    const version = `${sparse.get('major') ?? '0'}.${sparse.get('minor') ?? '0'}`;
    if (realSize === undefined) this.#begin();
    else if (version === '1.0') {
      this.#header = { ...this.#header!, size: integer('GNU.sparse.realsize', realSize) };
      this.#state = 'sparse-prefix';
      this.#left = blockSize;
      if (this.#stored === 0) throw invalidArchive('sparse map is missing');
    } else {
      const map = sparse.get('map');
      const segments = map === undefined ? (pax.sparseMap ?? []) : parseSparseList(map);
      this.#beginSparse(segments, integer('GNU.sparse.size', realSize));
    }
  }

  /** The map's length is only known from the map: it is tried with more and more of the entry. */
  #takeSparsePrefix(bytes: Buffer): void {
    const whole = this.#stored + paddingOf(this.#stored);
    const found = parseSparsePrefix(bytes);
    if (found === undefined) {
      if (bytes.length >= Math.min(whole, maxMeta)) throw invalidArchive('sparse map is malformed');
      this.#held = [Buffer.from(bytes)];
      this.#heldBytes = bytes.length;
      this.#left = Math.min(whole, maxMeta, bytes.length * 2);
      return;
    }
    this.#stored -= found.used;
    if (this.#stored < 0) throw invalidArchive('sparse map is malformed');
    this.#beginSparse(found.segments, this.#header!.size);
    for (let at = found.used; at < bytes.length; ) at += this.#step(bytes, at);
  }

  #beginSparse(segments: readonly Segment[], realSize: number): void {
    if (realSize < 0) throw invalidArchive('negative size');
    checkSegments(segments, this.#stored, realSize);
    this.#segments = segments;
    this.#header = { ...this.#header!, size: realSize };
    this.#begin();
  }

  #begin(): void {
    this.#position = 0;
    this.#segment = 0;
    this.#left = this.#stored;
    this.#state = 'data';
    this.#handler.entry(this.#header!);
    if (this.#left === 0) this.#close();
  }

  #takeData(chunk: Buffer, at: number): number {
    const count = Math.min(this.#left, chunk.length - at);
    const bytes = chunk.subarray(at, at + count);
    if (this.#segments === undefined) this.#handler.data(bytes);
    else this.#spread(bytes, this.#segments);
    this.#left -= count;
    if (this.#left === 0) this.#close();
    return count;
  }

  /** Puts the stored bytes of a sparse file where its map says. */
  #spread(bytes: Buffer, segments: readonly Segment[]): void {
    for (let at = 0; at < bytes.length; ) {
      const { offset, length } = segments[this.#segment]!;
      if (this.#position < offset) this.#skipTo(offset);
      const count = Math.min(bytes.length - at, offset + length - this.#position);
      if (count > 0) this.#handler.data(bytes.subarray(at, at + count));
      at += count;
      this.#position += count;
      if (this.#position >= offset + length) this.#segment++;
    }
  }

  #skipTo(offset: number): void {
    this.#handler.hole(offset - this.#position);
    this.#position = offset;
  }

  #close(): void {
    if (this.#segments !== undefined && this.#position < this.#header!.size) this.#skipTo(this.#header!.size);
    this.#handler.end();
    // Of a sparse file in format 1.0, map and data are padded each for itself; both are whole blocks before this.
    this.#left = paddingOf(this.#stored);
    this.#state = this.#left === 0 ? 'header' : 'skip';
  }
}

const noXattrs: ReadonlyMap<string, Uint8Array> = new Map();

function isZero(block: Buffer): boolean {
  if (block[0] !== 0) return false;
  for (let at = 0; at < blockSize; at++) if (block[at] !== 0) return false;
  return true;
}

/** GNU and V7 headers have other things where POSIX has the prefix. */
function ustarName(block: Buffer): string {
  const name = readString(block, 0, 100);
  if (block.toString('latin1', 257, 263) !== 'ustar\0') return name;
  const prefix = readString(block, 345, 155);
  return prefix === '' ? name : `${prefix}/${name}`;
}

function readDevice(block: Buffer, start: number, type: TarType, name: string): number {
  return type === 'char' || type === 'block' ? readNumber(block, start, 8, name) : 0;
}

/** -1 (4294967295) would mean "leave as it is" to chown(2). */
function ownerId(id: number): number {
  if (id < 0 || id >= 0xffffffff) throw invalidArchive(`owner ${id} is out of range`);
  return id;
}

function unhandled(flag: string, path: string): StrataError {
  return new StrataError('invalid_argument', `unhandled tar header type ${flag.charCodeAt(0)} of ${path}`, {
    code: 'invalid_archive',
  });
}
