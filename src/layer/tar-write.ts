import { StrataError } from '../errors/index.ts';
import { bytesOf, compareNames } from '../sys/index.ts';
import { writeOctal } from './tar-field.ts';
import { blockSize, type NewTarHeader, paddingOf, type TarType } from './tar-header.ts';
import { paxRecord, xattrKey } from './tar-pax.ts';

const typeFlags: Readonly<Record<TarType, string>> = {
  file: '0',
  hardlink: '1',
  symlink: '2',
  char: '3',
  block: '4',
  dir: '5',
  fifo: '6',
};

const largestId = 0o7777777;
const largestNumber = 0o77777777777;

/** Most bytes that {@link writeHeader} can need beside the long name, link and attributes themselves. */
export const headerRoom = 4 * blockSize;

/**
 * Writes the header (and, only where ustar cannot say it, a PAX header before it) at the start of `target`; returns
 * the bytes written. Paths are byte strings. Undefined when `target` is too short.
 */
export function writeHeader(target: Buffer, header: NewTarHeader): number | undefined {
  const name = splitName(header.path);
  const link = header.link ?? '';
  const records: Buffer[] = [];
  const add = (key: string, value: string) => records.push(paxRecord(key, Buffer.from(value, 'latin1')));
  const size = header.type === 'file' ? (header.size ?? 0) : 0;
  const seconds = header.mtimeSeconds ?? 0;
  const fraction = header.mtimeNanoseconds ?? 0;
  if (name === undefined) add('path', header.path);
  if (link.length > 100) add('linkpath', link);
  if (size > largestNumber) add('size', String(size));
  if ((header.uid ?? 0) > largestId) add('uid', String(header.uid));
  if ((header.gid ?? 0) > largestId) add('gid', String(header.gid));
  if (seconds < 0 || seconds > largestNumber || fraction !== 0) add('mtime', paxTime(seconds, fraction));
  for (const [key, value] of [...(header.xattrs ?? [])].sort(([a], [b]) => compareNames(a, b))) {
    records.push(paxRecord(xattrKey(key), value));
  }
  let at = 0;
  if (records.length > 0) {
    const body = Buffer.concat(records);
    const room = blockSize + body.length + paddingOf(body.length);
    if (target.length < room + blockSize) return undefined;
    writeBlock(target, 'x', { path: 'PaxHeaders.0/entry', type: 'file', mode: 0o644 }, body.length, '', '');
    body.copy(target, blockSize);
    target.fill(0, blockSize + body.length, room);
    at = room;
  }
  if (target.length < at + blockSize) return undefined;
  const { prefix, rest } = name ?? { prefix: '', rest: header.path.slice(0, 100) };
  writeBlock(target.subarray(at, at + blockSize), typeFlags[header.type], header, size, prefix, rest);
  return at + blockSize;
}

function writeBlock(
  block: Buffer,
  flag: string,
  header: NewTarHeader,
  size: number,
  prefix: string,
  name: string,
): void {
  const fits = (value: number | undefined, largest: number) =>
    value !== undefined && value >= 0 && value <= largest ? value : 0;
  block.fill(0, 0, blockSize);
  block.write(name === '' ? header.path : name, 0, 100, 'latin1');
  writeOctal(block, 100, 7, header.mode ?? (header.type === 'dir' ? 0o755 : 0o644));
  writeOctal(block, 108, 7, fits(header.uid, largestId));
  writeOctal(block, 116, 7, fits(header.gid, largestId));
  writeOctal(block, 124, 11, fits(size, largestNumber));
  writeOctal(block, 136, 11, fits(header.mtimeSeconds, largestNumber));
  block.write(flag, 156, 1, 'latin1');
  block.write((header.link ?? '').slice(0, 100), 157, 100, 'latin1');
  block.write('ustar\x0000', 257, 8, 'latin1');
  writeOctal(block, 329, 7, fits(header.major, largestId));
  writeOctal(block, 337, 7, fits(header.minor, largestId));
  block.write(prefix, 345, 155, 'latin1');
  let sum = 8 * 0x20;
  for (let at = 0; at < blockSize; at++) sum += block[at]!;
  writeOctal(block, 148, 6, sum);
  block[155] = 0x20;
}

/** A name of up to 100 bytes, or a directory part of up to 155 before it; undefined when ustar cannot hold the path. */
function splitName(path: string): { readonly prefix: string; readonly rest: string } | undefined {
  if (path.length <= 100) return { prefix: '', rest: path };
  if (path.length > 256) return undefined;
  const slash = path.lastIndexOf('/', Math.min(155, path.length - 2));
  if (slash <= 0 || path.length - slash - 1 > 100) return undefined;
  return { prefix: path.slice(0, slash), rest: path.slice(slash + 1) };
}

function paxTime(seconds: number, nanoseconds: number): string {
  const total = BigInt(seconds) * 1_000_000_000n + BigInt(nanoseconds);
  const size = total < 0n ? -total : total;
  const fraction = String(size % 1_000_000_000n)
    .padStart(9, '0')
    .replace(/0+$/, '');
  return `${total < 0n ? '-' : ''}${size / 1_000_000_000n}${fraction === '' ? '' : `.${fraction}`}`;
}

/** The header of one entry, paths as text. After it come `size` bytes of content and {@link tarPadding}. */
export function tarHeader(header: NewTarHeader): Uint8Array {
  const bytes = { ...header, path: bytesOf(header.path), link: bytesOf(header.link ?? '') };
  for (let room = headerRoom; ; room *= 4) {
    const target = Buffer.allocUnsafe(room);
    const length = writeHeader(target, bytes);
    if (length !== undefined) return target.subarray(0, length);
  }
}

/** The zeros that fill the last block of `size` bytes of content. */
export function tarPadding(size: number): Uint8Array {
  return new Uint8Array(paddingOf(size));
}

/** The two empty blocks that end an archive. */
export function tarEnd(): Uint8Array {
  return new Uint8Array(2 * blockSize);
}

export interface NewTarEntry {
  /** `size` may be left out when `body` is bytes. */
  readonly header: NewTarHeader;
  readonly body?: Uint8Array | AsyncIterable<Uint8Array>;
}

/** An archive of the entries, in their order. Throws `data_loss` when a body is not as long as its header says. */
export async function* writeTar(
  entries: Iterable<NewTarEntry> | AsyncIterable<NewTarEntry>,
): AsyncGenerator<Uint8Array, void, undefined> {
  for await (const { header, body } of entries) {
    const size = header.size ?? (body instanceof Uint8Array ? body.length : 0);
    yield tarHeader({ ...header, size });
    let written = 0;
    if (body !== undefined && header.type === 'file') {
      for await (const chunk of body instanceof Uint8Array ? [body] : body) {
        written += chunk.length;
        if (written > size) break;
        yield chunk;
      }
    }
    if (header.type === 'file' && written !== size) {
      throw new StrataError('data_loss', `${header.path}: got ${written} bytes, expected ${size}`);
    }
    if (size % blockSize !== 0) yield tarPadding(size);
  }
  yield tarEnd();
}
