import { compactJson } from '../json-text.ts';
import type { TemplateFunctions } from './execute.ts';
import { sprintf } from './printf.ts';
import { formatValue, goJson, goType, isMap, isTrue, typeName } from './values.ts';

/** The functions of Go's templates and the ones that docker adds. */
export const templateFunctions: TemplateFunctions = {
  and: (...args) => args.find((one) => !isTrue(one)) ?? args.at(-1),
  or: (...args) => args.find(isTrue) ?? args.at(-1),
  not: (value) => !isTrue(value),
  len: lengthOf,
  index: (value, ...keys) => keys.reduce(elementOf, value),
  slice: (value, from = 0, to = undefined) =>
    (value as string | unknown[]).slice(from as number, to as number | undefined),
  print: (...args) => sprint(args),
  println: (...args) => `${args.map(formatValue).join(' ')}\n`,
  printf: (format, ...args) => sprintf(textOf(format), args),
  eq: (first, ...rest) => rest.some((one) => compare(first, one, 'eq') === 0),
  ne: (a, b) => compare(a, b, 'eq') !== 0,
  lt: (a, b) => compare(a, b, 'lt') < 0,
  le: (a, b) => compare(a, b, 'lt') <= 0,
  gt: (a, b) => compare(a, b, 'lt') > 0,
  ge: (a, b) => compare(a, b, 'lt') >= 0,
  html: (...args) => sprint(args).replace(/[&<>"']/g, (char) => htmlEscapes[char]!),
  js: (...args) => sprint(args).replace(/[\\'"<>&=\u0000-\u001f]/g, jsEscape),
  urlquery: (...args) => encodeURIComponent(sprint(args)).replaceAll('%20', '+'),
  call: (fn, ...args) => (fn as (...given: unknown[]) => unknown)(...args),

  json: jsonOf,
  split: (text, separator) => textOf(text).split(textOf(separator)),
  join: (items, separator) => ((items as readonly unknown[] | null) ?? []).map(textOf).join(textOf(separator)),
  title: (text) =>
    textOf(text).replace(
      /(^|[^\p{L}\p{N}_'])(\p{L})/gu,
      (_, before: string, letter: string) => before + letter.toUpperCase(),
    ),
  lower: (text) => textOf(text).toLowerCase(),
  upper: (text) => textOf(text).toUpperCase(),
  pad: (text, before, after) =>
    textOf(text) === '' ? '' : ' '.repeat(before as number) + textOf(text) + ' '.repeat(after as number),
  truncate: (text, length) => textOf(text).slice(0, length as number),
};

const htmlEscapes: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&#34;',
  "'": '&#39;',
};

function jsEscape(char: string): string {
  if (char === '\\' || char === "'" || char === '"') return `\\${char}`;
  return `\\u${char.charCodeAt(0).toString(16).toUpperCase().padStart(4, '0')}`;
}

/** For the header of a table: what would change a value leaves its heading alone. */
export const headerFunctions: TemplateFunctions = {
  ...templateFunctions,
  json: (value) => value,
  title: (value) => value,
  lower: (value) => value,
  upper: (value) => value,
  truncate: (value) => value,
  join: (value) => value,
  split: (value) => value,
};

/** A whole row has its own JSON, in which Go escapes what could end a script element; single values have not. */
function jsonOf(value: unknown): string {
  if (isMap(value) && goJson in value) return compactJson(value[goJson]);
  const json = compactJson(value);
  if (!isMap(value) || !(goType in value)) return json;
  return json.replace(/[<>&]/g, (char) => `\\u00${char.charCodeAt(0).toString(16)}`);
}

function textOf(value: unknown): string {
  if (typeof value === 'string') return value;
  throw new Error(`wrong type for value; expected string; got ${typeName(value)}`);
}

function lengthOf(value: unknown): number {
  if (typeof value === 'string') return Buffer.byteLength(value);
  if (Array.isArray(value)) return value.length;
  if (isMap(value)) return Object.keys(value).length;
  if (value === null || value === undefined) throw new Error('len of nil pointer');
  throw new Error(`len of type ${typeName(value)}`);
}

function elementOf(value: unknown, key: unknown): unknown {
  if (value === null || value === undefined) throw new Error('index of untyped nil');
  if (Array.isArray(value) || typeof value === 'string') {
    if (typeof key !== 'number') throw new Error(`cannot index slice/array with type ${typeName(key)}`);
    if (key < 0 || key >= value.length)
      throw new Error(`reflect: ${typeof value === 'string' ? 'string' : 'slice'} index out of range`);
    return typeof value === 'string' ? value.charCodeAt(key) : value[key];
  }
  if (!isMap(value)) throw new Error(`can't index item of type ${typeName(value)}`);
  const name = textOf(key);
  return Object.hasOwn(value, name) ? value[name] : '';
}

function compare(a: unknown, b: unknown, what: 'eq' | 'lt'): number {
  const [left, right] = [comparable(a), comparable(b)];
  if (left === null || right === null) {
    if (what === 'lt') throw new Error('incompatible types for comparison');
    return left === right ? 0 : 1;
  }
  if (typeof left !== typeof right) throw new Error('incompatible types for comparison');
  if (what === 'lt' && typeof left === 'boolean') throw new Error('invalid type for comparison');
  return left === right ? 0 : left < right ? -1 : 1;
}

function comparable(value: unknown): string | number | boolean | null {
  if (value === null || value === undefined) return null;
  if (typeof value === 'bigint') return Number(value);
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') return value;
  throw new Error('non-comparable type');
}

/** Go's Sprint: a blank between two operands that are both no strings. */
function sprint(args: readonly unknown[]): string {
  return args.reduce<string>((text, one, index) => {
    const blank = index > 0 && typeof one !== 'string' && typeof args[index - 1] !== 'string';
    return text + (blank ? ' ' : '') + formatValue(one);
  }, '');
}
