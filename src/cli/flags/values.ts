/** Values of options as Go's flag packages read them, errors in their words. */
import { noBool, parseBool as parse } from '../../oci/index.ts';

export function parseBool(text: string): boolean {
  const value = parse(text);
  if (value !== undefined) return value;
  throw new Error(noBool(text));
}

export function parseInteger(text: string): number {
  if (!/^[+-]?(0[xX][0-9a-fA-F]+|0[bB][01]+|0[oO]?[0-7]+|\d+)$/.test(text)) {
    throw new Error(`strconv.ParseInt: parsing ${JSON.stringify(text)}: invalid syntax`);
  }
  const digits = text.replace(/^[+-]/, '');
  const value = Number(/^0[0-7]+$/.test(digits) ? `0o${digits}` : digits);
  if (!Number.isSafeInteger(value)) {
    throw new Error(`strconv.ParseInt: parsing ${JSON.stringify(text)}: value out of range`);
  }
  return text.startsWith('-') ? -value : value;
}

const powers: Readonly<Record<string, number>> = { '': 0, k: 1, m: 2, g: 3, t: 4, p: 5 };

/** `512m`, `1.5g`, `64KiB`: powers of 1024. */
export function parseBytes(text: string): number {
  const match = /^(\d+(?:\.\d+)*) ?([kmgtp]?)(?:i?b)?$/i.exec(text);
  const number = Number(match?.[1]);
  if (!match || Number.isNaN(number)) throw new Error(`invalid size: '${text}'`);
  return Math.trunc(number * 1024 ** powers[match[2]!.toLowerCase()]!);
}

const units: Readonly<Record<string, number>> = {
  ns: 1,
  us: 1e3,
  µs: 1e3,
  μs: 1e3,
  ms: 1e6,
  s: 1e9,
  m: 60e9,
  h: 3600e9,
};

/** Nanoseconds of `1h2m3.5s`. */
export function parseDuration(text: string): number {
  const match = /^([+-]?)((?:(?:\d+\.?\d*|\.\d+)(?:ns|us|µs|μs|ms|s|m|h))+|0)$/.exec(text);
  if (!match) {
    const missing = /^[+-]?(\d+\.?\d*|\.\d+)$/.test(text);
    throw new Error(`time: ${missing ? 'missing unit in' : 'invalid'} duration ${JSON.stringify(text)}`);
  }
  let total = 0;
  for (const [, number, unit] of match[2]!.matchAll(/(\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h)/g)) {
    total += Number(number) * units[unit!]!;
  }
  return Math.round(match[1] === '-' ? -total : total);
}

/** Billionths of a decimal number or a fraction. */
export function parseDecimal(text: string): number {
  const match = /^([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)(?:\/(\d+))?$/.exec(text);
  if (!match || match[2] === '0') throw new Error(`failed to parse ${text} as a rational number`);
  const billionths = (Number(match[1]) / Number(match[2] ?? 1)) * 1e9;
  const rounded = Math.round(billionths);
  if (Math.abs(billionths - rounded) > 1e-3) throw new Error('value is too precise');
  return rounded;
}

/** `name=value`; undefined for an empty condition. */
export function parseFilter(text: string): readonly [string, string] | undefined {
  if (text === '') return undefined;
  const at = text.indexOf('=');
  if (at === -1) throw new Error('bad format of filter (expected name=value)');
  return [text.slice(0, at).trim().toLowerCase(), text.slice(at + 1).trim()];
}
