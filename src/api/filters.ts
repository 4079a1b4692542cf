import { StrataError } from '../errors/index.ts';
import { parseBool } from '../oci/index.ts';
import type { Query } from './query.ts';

/** Filters of one request: name -> wanted values. */
export interface Filters {
  has(name: string): boolean;
  values(name: string): readonly string[];
  /** Whether `value` is one of the wanted ones; true where the filter is absent. */
  exact(name: string, value: string): boolean;
  /** As {@link exact}, for any of several names of one thing, by prefix. */
  prefix(name: string, candidates: readonly string[]): boolean;
  /** Every `label` value (`key` or `key=value`) holds, and none of `label!`. */
  labels(labels: Readonly<Record<string, string>>): boolean;
  /** One boolean; undefined where absent. */
  flag(name: string): boolean | undefined;
}

/** Reads `filters`, in the form of today (`{"label":["a"]}`) or of API 1.21 (`{"label":{"a":true}}`). */
export function readFilters(query: Query, known: readonly string[]): Filters {
  const wanted = parseFilters(query.text('filters'));
  for (const name of wanted.keys()) {
    if (!known.includes(name)) throw badFilter(`invalid filter '${name}'`);
  }
  const values = (name: string) => wanted.get(name) ?? [];
  const any = (name: string, test: (value: string) => boolean) => !wanted.has(name) || values(name).some(test);
  return {
    has: (name) => wanted.has(name),
    values,
    exact: (name, value) => any(name, (want) => want === value),
    prefix: (name, candidates) => any(name, (want) => candidates.some((candidate) => candidate.startsWith(want))),
    labels: (labels) =>
      values('label').every((want) => hasLabel(labels, want)) &&
      !values('label!').some((unwanted) => hasLabel(labels, unwanted)),
    flag: (name) => parseFlag(name, values(name)),
  };
}

function hasLabel(labels: Readonly<Record<string, string>>, want: string): boolean {
  const at = want.indexOf('=');
  const key = at < 0 ? want : want.slice(0, at);
  return Object.hasOwn(labels, key) && (at < 0 || labels[key] === want.slice(at + 1));
}

export function badFilter(message: string): StrataError {
  return new StrataError('invalid_argument', message, { code: 'invalid_filter' });
}

function parseFilters(text: string): Map<string, readonly string[]> {
  const out = new Map<string, readonly string[]>();
  if (text === '') return out;
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch {
    throw badFilter('invalid filter');
  }
  if (document === null) return out;
  if (typeof document !== 'object' || Array.isArray(document)) throw badFilter('invalid filter');
  for (const [name, value] of Object.entries(document)) {
    const list = valuesOf(value);
    if (list.length > 0) out.set(name, list);
  }
  return out;
}

function valuesOf(value: unknown): readonly string[] {
  if (value === null) return [];
  if (Array.isArray(value)) {
    if (value.some((item) => typeof item !== 'string')) throw badFilter('invalid filter');
    return value as string[];
  }
  if (typeof value !== 'object') throw badFilter('invalid filter');
  return Object.keys(value);
}

function parseFlag(name: string, values: readonly string[]): boolean | undefined {
  if (values.length === 0) return undefined;
  const flags = values.map((value) => {
    const flag = parseBool(value);
    if (flag !== undefined) return flag;
    throw badFilter(`invalid filter '${name}=[${values.join(' ')}]'`);
  });
  if (flags.some((flag) => flag !== flags[0])) throw badFilter(`invalid filter '${name}=[${values.join(' ')}]'`);
  return flags[0];
}
