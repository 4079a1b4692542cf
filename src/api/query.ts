import { StrataError } from '../errors/index.ts';

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

export function createQuery(params: URLSearchParams): Query {
  const text = (name: string) => params.get(name) ?? '';
  return {
    has: (name) => params.has(name),
    text,
    all: (name) => params.getAll(name),
    flag: (name, otherwise = false) => (params.has(name) ? !notTrue.has(text(name).trim().toLowerCase()) : otherwise),
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
