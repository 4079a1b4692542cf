/**
 * Checkers of JSON that clients send, with the rules of Docker's own decoder: `null` is the same as absent, unknown
 * fields are ignored, field names match in any case, and a value of another type is refused with the field's name.
 */
import { StrataError } from '../errors/index.ts';

/** Returns the checked value, or undefined where it is absent. */
export type Shape<T> = (value: unknown, path: string) => T | undefined;

type Fields<S> = { readonly [K in keyof S]?: S[K] extends Shape<infer T> ? T : never };

export function refuse(value: unknown, path: string, expected: string): StrataError {
  const field = path === '' ? 'the body' : `field ${path}`;
  return new StrataError(
    'invalid_argument',
    `invalid JSON: cannot unmarshal ${jsonType(value)} into ${field} of type ${expected}`,
    {
      code: 'invalid_json',
    },
  );
}

function jsonType(value: unknown): string {
  if (Array.isArray(value)) return 'array';
  if (typeof value === 'boolean') return 'bool';
  return typeof value;
}

function primitive<T>(expected: string, is: (value: unknown) => value is T): Shape<T> {
  return (value, path) => {
    if (value === null || value === undefined) return undefined;
    if (!is(value)) throw refuse(value, path, expected);
    return value;
  };
}

export const text = primitive('string', (value): value is string => typeof value === 'string' && !value.includes('\0'));
export const flag = primitive('bool', (value): value is boolean => typeof value === 'boolean');
export const integer = primitive('integer', (value): value is number => Number.isSafeInteger(value));
const unsignedBelow = (limit: number, name: string) =>
  primitive(
    name,
    (value): value is number => Number.isSafeInteger(value) && (value as number) >= 0 && (value as number) < limit,
  );
export const unsigned16 = unsignedBelow(2 ** 16, 'uint16');
export const unsigned32 = unsignedBelow(2 ** 32, 'uint32');
export const unsigned = unsignedBelow(2 ** 53, 'uint64');
export const anything: Shape<unknown> = (value) => value ?? undefined;

/** An integer that some clients send as a string of digits. */
export const looseInteger: Shape<number> = (value, path) =>
  integer(typeof value === 'string' && /^-?\d{1,15}$/.test(value) ? Number(value) : value, path);

export function list<T>(item: Shape<T>): Shape<readonly T[]> {
  return (value, path) => {
    if (value === null || value === undefined) return undefined;
    if (!Array.isArray(value)) throw refuse(value, path, 'array');
    return value.map((entry, index) => {
      const checked = item(entry, `${path}[${index}]`);
      if (checked === undefined) throw refuse(entry, `${path}[${index}]`, 'element');
      return checked;
    });
  };
}

const ownProperty = { configurable: true, enumerable: true, writable: true };

/** A map with free keys. With `absent`, a `null` value becomes that in place of being dropped. */
export function map<T>(item: Shape<T>, absent?: () => T): Shape<Readonly<Record<string, T>>> {
  return (value, path) => {
    if (value === null || value === undefined) return undefined;
    if (typeof value !== 'object' || Array.isArray(value)) throw refuse(value, path, 'object');
    const out: Record<string, T> = {};
    for (const [key, entry] of Object.entries(value)) {
      const checked = item(entry, `${path}.${key}`) ?? absent?.();
      if (checked === undefined) continue;
      if (key === '__proto__') Object.defineProperty(out, key, { ...ownProperty, value: checked });
      else out[key] = checked;
    }
    return out;
  };
}

/** A set written as an object with empty objects as values, as Docker writes ports and volumes. */
export const set: Shape<Readonly<Record<string, Record<string, never>>>> = map<Record<string, never>>((value, path) => {
  if (value !== null && (typeof value !== 'object' || Array.isArray(value))) throw refuse(value, path, 'object');
  return {};
});

/** A command: a list of words, or one word alone. */
export const words: Shape<readonly string[]> = (value, path) =>
  typeof value === 'string' ? [text(value, path) ?? ''] : list(text)(value, path);

export function object<S extends Readonly<Record<string, Shape<unknown>>>>(shape: S): Shape<Fields<S>> {
  const byLowerCase = new Map(Object.keys(shape).map((name) => [name.toLowerCase(), name]));
  return (value, path) => {
    if (value === null || value === undefined) return undefined;
    if (typeof value !== 'object' || Array.isArray(value)) throw refuse(value, path, 'object');
    const out: Record<string, unknown> = {};
    for (const [key, entry] of Object.entries(value)) {
      const name = Object.hasOwn(shape, key) ? key : byLowerCase.get(key.toLowerCase());
      if (name === undefined) continue;
      const checked = shape[name]!(entry, path === '' ? name : `${path}.${name}`);
      if (checked !== undefined) out[name] = checked;
    }
    return out as Fields<S>;
  };
}
