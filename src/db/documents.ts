import { hash } from 'node:crypto';
import { StrataError } from '../errors/index.ts';

/** Most bytes of what is kept as one document of a row: it is read and written as a whole, on the main loop. */
export const documentLimit = 1024 * 1024;

/** The document's text; `invalid_argument` where it is larger than {@link documentLimit}. `what` begins the message. */
export function documentText(what: string, document: unknown): string {
  const text = JSON.stringify(document);
  const bytes = Buffer.byteLength(text);
  if (bytes <= documentLimit) return text;
  const biggest = largestPart(document);
  throw new StrataError(
    'invalid_argument',
    `${what} is too large: ${bytes} bytes, at most ${documentLimit} are taken${biggest}`,
    { code: 'document_too_large', hint: 'keep large data in files, and mount them' },
  );
}

/** Of a row's columns as they are written: damage to one of them, by a disk or a hand, shows. */
export function sealOf(...columns: readonly string[]): string {
  return hash('sha256', JSON.stringify(columns));
}

/**
 * The document of a row; nothing where it cannot be read, or where the row is no longer what `seal` was made of: `text` and
 * the other columns, in that order. Rows that an earlier Strata wrote have no seal (`null`).
 */
export function readDocument<T extends object>(
  text: string,
  seal: string | null,
  ...others: readonly string[]
): Partial<T> | undefined {
  if (seal !== null && seal !== sealOf(text, ...others)) return undefined;
  return readJson<T>(text);
}

/** An object that a column holds as JSON; nothing where it does not. */
export function readJson<T extends object>(text: string): Partial<T> | undefined {
  try {
    const value = JSON.parse(text) as T | null;
    return typeof value === 'object' && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}

/** RFC 3339 of a column with Unix milliseconds, whatever number is there. */
export function dateText(milliseconds: number): string {
  const date = new Date(milliseconds);
  return (Number.isNaN(date.getTime()) ? new Date(0) : date).toISOString();
}

function largestPart(document: unknown): string {
  const sizes = Object.entries(flat(document)).map(([name, value]) => ({ name, bytes: JSON.stringify(value).length }));
  const [largest] = sizes.sort((a, b) => b.bytes - a.bytes);
  return largest ? ` (${largest.name} alone: ${largest.bytes})` : '';
}

/** The parts of the parts: who reads of them knows them by these names. */
function flat(document: unknown): Record<string, unknown> {
  const out: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(document ?? {})) {
    if (value === undefined) continue;
    out[name] = value;
    const isGroup = ['config', 'host'].includes(name) && typeof value === 'object';
    if (!isGroup) continue;
    delete out[name];
    for (const [inner, part] of Object.entries(value ?? {})) if (part !== undefined) out[inner] = part;
  }
  return out;
}
