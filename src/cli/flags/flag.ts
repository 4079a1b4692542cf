import { parseBool, parseBytes, parseDecimal, parseDuration, parseFilter, parseInteger } from './values.ts';

/**
 * One option of a command, as the people of docker know options: `--name value`, `--name=value`, `-n value`,
 * `-nvalue`; options without a value in clusters (`-it`), and with `=false`.
 */
export interface Flag<V> {
  /** One letter. */
  readonly short: string;
  readonly usage: string;
  /** What the help calls the value; empty for an option without one. */
  readonly type: string;
  readonly initial: V;
  /** The default as the help shows it; empty for none. */
  readonly shown: string;
  /** What a bare `--name` means; absent where a value is required. */
  readonly bare?: string;
  /** What a value other than the initial one is told with: it has no effect. */
  readonly warning?: string;
  /** Accepted, and not shown in the help. */
  readonly hidden: boolean;
  /** The value after `text`; throws an Error with the reason only. */
  take(previous: V, text: string): V;
}

export type Flags = Readonly<Record<string, Flag<unknown>>>;

/** The values of all flags by their long names. */
export type FlagValues<F extends Flags> = { readonly [K in keyof F]: F[K] extends Flag<infer V> ? V : never };

interface Details {
  /** Name of the value in the help. */
  readonly type?: string;
  readonly shown?: string;
  readonly hidden?: boolean;
}

interface ListDetails extends Details {
  /** The value to keep; throws an Error with the reason why it cannot be one. */
  readonly check?: (text: string) => string;
}

export function bool(short: string, usage: string, initial = false): Flag<boolean> {
  const shown = initial ? 'true' : '';
  return { short, usage, type: '', initial, shown, bare: 'true', hidden: false, take: (_, text) => parseBool(text) };
}

export function text(short: string, usage: string, initial = '', details: Details = {}): Flag<string> {
  const shown = details.shown ?? (initial === '' ? '' : JSON.stringify(initial));
  return {
    short,
    usage,
    type: details.type ?? 'string',
    initial,
    shown,
    hidden: details.hidden ?? false,
    take: (_, given) => given,
  };
}

export function list(short: string, usage: string, details: ListDetails = {}): Flag<readonly string[]> {
  const { check = (text: string) => text } = details;
  return {
    short,
    usage,
    type: details.type ?? 'list',
    initial: [],
    shown: details.shown ?? '',
    hidden: details.hidden ?? false,
    take: (previous, given) => [...previous, check(given)],
  };
}

export function integer(short: string, usage: string, initial = 0, details: Details = {}): Flag<number> {
  const shown = details.shown ?? (initial === 0 ? '' : String(initial));
  const base = { short, usage, type: details.type ?? 'int', initial, shown, hidden: details.hidden ?? false };
  return { ...base, take: (_, given) => parseInteger(given) };
}

/** A size in bytes, with a unit: `512m`, `1g`. */
export function bytes(short: string, usage: string): Flag<number> {
  const base = { short, usage, type: 'bytes', initial: 0, shown: '', hidden: false };
  return { ...base, take: (_, given) => parseBytes(given) };
}

/** The same, where -1 means without a limit. */
export function swapBytes(short: string, usage: string): Flag<number> {
  return { ...bytes(short, usage), take: (_, given) => (given === '-1' ? -1 : parseBytes(given)) };
}

/** Nanoseconds, written as `1m30s`. */
export function duration(short: string, usage: string): Flag<number> {
  const base = { short, usage, type: 'duration', initial: 0, shown: '0s', hidden: false };
  return { ...base, take: (_, given) => parseDuration(given) };
}

/** Billionths, written as `1.5`. */
export function decimal(short: string, usage: string): Flag<number> {
  const base = { short, usage, type: 'decimal', initial: 0, shown: '', hidden: false };
  return { ...base, take: (_, given) => parseDecimal(given) };
}

/** `name=value` conditions of a listing, by name. */
export function filter(short: string, usage: string): Flag<Readonly<Record<string, readonly string[]>>> {
  return {
    short,
    usage,
    type: 'filter',
    initial: {},
    shown: '',
    hidden: false,
    take(previous, given) {
      const condition = parseFilter(given);
      if (!condition) return previous;
      const [name, value] = condition;
      return { ...previous, [name]: [...(previous[name] ?? []), value] };
    },
  };
}

/** Accepted for the sake of scripts written for docker; hidden from the help. */
export function ignored<V>(flag: Flag<V>, warning?: string): Flag<V> {
  return { ...flag, hidden: true, ...(warning !== undefined && { warning }) };
}

/** `--disable-content-trust`: off means that signatures are to be checked, which nobody does here. */
export function contentTrust(): Flag<boolean> {
  return ignored(bool('', '', true), 'content trust is not checked: signatures of images are not read');
}

/** What the user is told of the options that were given and have no effect. */
export function warningsOf(flags: Flags, values: Readonly<Record<string, unknown>>): readonly string[] {
  return Object.entries(flags).flatMap(([name, { warning, initial }]) =>
    warning !== undefined && values[name] !== initial ? [warning] : [],
  );
}
