import { StrataError } from '../errors/index.ts';
import { nameOf } from '../sys/index.ts';

/** The query string of one request, each value checked as it is read. */
export interface Query {
  has(name: string): boolean;
  /** The first value; '' where absent. */
  text(name: string): string;
  all(name: string): readonly string[];
  /** Docker's rule: absent, empty, `0`, `no`, `false` and `none` are false, anything else is true. */
  flag(name: string, otherwise?: boolean): boolean;
  /** A whole number; undefined where absent or empty. */
  int(name: string): number | undefined;
  /** A JSON document; undefined where absent or empty. */
  json(name: string, what: string): unknown;
}

const notTrue = new Set(['', '0', 'no', 'false', 'none']);

/** What a query string says of each name. */
export type QueryValues = Pick<URLSearchParams, 'has' | 'get' | 'getAll'>;

/** As forms are encoded (`+` is a blank), but paths may be of any bytes: they become names, as those of files. */
export function parseQuery(text: string): QueryValues {
  const values = new Map<string, string[]>();
  for (const pair of text.split('&')) {
    if (pair === '') continue;
    const equals = pair.indexOf('=');
    const name = decode(equals < 0 ? pair : pair.slice(0, equals));
    const value = equals < 0 ? '' : decode(pair.slice(equals + 1));
    values.set(name, [...(values.get(name) ?? []), value]);
  }
  return {
    has: (name) => values.has(name),
    get: (name) => values.get(name)?.[0] ?? null,
    getAll: (name) => values.get(name) ?? [],
  };
}

function decode(encoded: string): string {
  const text = encoded.replaceAll('+', ' ');
  if (!text.includes('%')) return text;
  const bytes = Buffer.from(text).toString('latin1');
  const decoded = bytes.replace(/%([0-9a-f]{2})/gi, (_, byte: string) =>
    String.fromCharCode(Number.parseInt(byte, 16)),
  );
  return nameOf(Buffer.from(decoded, 'latin1'));
}

export function createQuery(values: QueryValues): Query {
  const text = (name: string) => values.get(name) ?? '';
  return {
    has: (name) => values.has(name),
    text,
    all: (name) => values.getAll(name),
    flag: (name, otherwise = false) => (values.has(name) ? !notTrue.has(text(name).trim().toLowerCase()) : otherwise),
    int: (name) => parseInteger(text(name)),
    json: (name, what) => parseJsonParam(text(name), what),
  };
}

function parseInteger(text: string): number | undefined {
  if (text === '') return undefined;
  const value = /^[+-]?\d{1,19}$/.test(text) ? Number(text) : Number.NaN;
  if (!Number.isSafeInteger(value)) {
    throw new StrataError('invalid_argument', `invalid number: ${JSON.stringify(text)}`, { code: 'invalid_number' });
  }
  return value;
}

function parseJsonParam(text: string, what: string): unknown {
  if (text === '') return undefined;
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new StrataError('invalid_argument', `error reading ${what}: ${(cause as Error).message}`, { cause });
  }
}
