import { bytesOfName, textOf } from '../sys/index.ts';
import { invalidArchive } from './tar-field.ts';
import type { Segment } from './tar-sparse.ts';

/** PAX records (POSIX.1-2024, pax, "pax Extended Header") that mean something here. Text is byte strings. */
export interface PaxRecords {
  path?: string;
  link?: string;
  size?: number;
  uid?: number;
  gid?: number;
  mtime?: { readonly seconds: number; readonly nanoseconds: number };
  xattrs?: Map<string, Uint8Array>;
  /** `GNU.sparse.*`, by what follows that. */
  sparse?: Map<string, string>;
  /** The map of sparse format 0.0, whose keys repeat. */
  sparseMap?: Segment[];
}

const newline = 0x0a;
const space = 0x20;
const equals = 0x3d;
const xattrPrefix = 'SCHILY.xattr.';
const sparsePrefix = 'GNU.sparse.';

/** Parses the content of an extended header. Later records of a key win; an empty value takes an earlier one back. */
export function parsePax(bytes: Buffer): PaxRecords {
  const records: PaxRecords = {};
  for (let at = 0; at < bytes.length; ) {
    const gap = bytes.indexOf(space, at);
    const digits = gap < 0 ? '' : bytes.toString('latin1', at, Math.min(gap, at + 12));
    const end = at + Number(digits);
    if (!/^[1-9]\d*$/.test(digits) || end > bytes.length || end < gap + 3 || bytes[end - 1] !== newline) {
      throw invalidArchive('a PAX record has a wrong length');
    }
    const split = bytes.indexOf(equals, gap);
    if (split < gap + 2 || split >= end) throw invalidArchive('a PAX record has no key');
    const key = bytes.toString('latin1', gap + 1, split);
    if (key.includes('\0')) throw invalidArchive('a PAX key holds a null byte');
    takeRecord(records, key, bytes.subarray(split + 1, end - 1));
    at = end;
  }
  return records;
}

function takeRecord(records: PaxRecords, key: string, value: Buffer): void {
  if (key === 'path') setOrUnset(records, 'path', textValue(key, value));
  else if (key === 'linkpath') setOrUnset(records, 'link', textValue(key, value));
  else if (key === 'size' || key === 'uid' || key === 'gid') {
    setOrUnset(records, key, value.length === 0 ? undefined : integer(key, value.toString('latin1')));
  } else if (key === 'mtime') {
    setOrUnset(records, 'mtime', value.length === 0 ? undefined : paxTime(value.toString('latin1')));
  } else if (key.startsWith(xattrPrefix)) {
    records.xattrs ??= new Map();
    records.xattrs.set(textOf(xattrName(key.slice(xattrPrefix.length))), Buffer.from(value));
  } else if (key.startsWith(sparsePrefix)) {
    takeSparse(records, key.slice(sparsePrefix.length), value.toString('latin1'));
  }
}

/** What is written otherwise than as it is: `=`, and what could be taken for such a writing. */
const ambiguous = /=|%(?:25)*3D/;

/**
 * The key of an extended attribute's record. A key cannot hold `=`: names with one are written as GNU tar does, `%3D` for it
 * and `%25` for `%`. Others stay as they are, since Go's reader takes them so.
 */
export function xattrKey(name: string): string {
  const written = ambiguous.test(name) ? name.replaceAll('%', '%25').replaceAll('=', '%3D') : name;
  return `${xattrPrefix}${written}`;
}

function xattrName(written: string): string {
  return ambiguous.test(written) ? written.replaceAll('%3D', '=').replaceAll('%25', '%') : written;
}

function takeSparse(records: PaxRecords, key: string, value: string): void {
  records.sparse ??= new Map();
  records.sparseMap ??= [];
  const map = records.sparseMap;
  if (key === 'offset') map.push({ offset: integer('GNU.sparse.offset', value), length: -1 });
  else if (key === 'numbytes') {
    const last = map.pop();
    if (last?.length !== -1) throw invalidArchive('sparse map out of order');
    map.push({ offset: last.offset, length: integer('GNU.sparse.numbytes', value) });
  } else records.sparse.set(key, value);
}

function setOrUnset<Key extends keyof PaxRecords>(
  records: PaxRecords,
  key: Key,
  value: PaxRecords[Key] | undefined,
): void {
  if (value === undefined || value === '') delete records[key];
  else records[key] = value;
}

function textValue(key: string, value: Buffer): string {
  const text = value.toString('latin1');
  if (text.includes('\0')) throw invalidArchive(`PAX ${key} holds a null byte`);
  return text;
}

export function integer(key: string, text: string): number {
  const value = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
  if (!Number.isSafeInteger(value)) throw invalidArchive(`PAX ${key} is not a number`);
  return value;
}

function paxTime(text: string): { seconds: number; nanoseconds: number } {
  const match = /^(-?)(\d{1,15})(?:\.(\d*))?$/.exec(text);
  if (!match) throw invalidArchive('PAX mtime is not a time');
  const whole = Number(match[2]);
  const nanoseconds = Number((match[3] ?? '').slice(0, 9).padEnd(9, '0'));
  if (match[1] === '') return { seconds: whole, nanoseconds };
  return nanoseconds === 0
    ? { seconds: -whole || 0, nanoseconds: 0 }
    : { seconds: -whole - 1, nanoseconds: 1e9 - nanoseconds };
}

/** One record; the length counts its own digits. */
export function paxRecord(key: string, value: Uint8Array): Buffer {
  const body = Buffer.concat([bytesOfName(` ${key}=`), value, Buffer.from('\n')]);
  let length = body.length + 1;
  while (length !== body.length + String(length).length) length = body.length + String(length).length;
  return Buffer.concat([Buffer.from(String(length)), body]);
}
