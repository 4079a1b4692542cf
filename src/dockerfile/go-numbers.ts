/** Numbers as the reference reads and prints them: Go's strconv, time.Duration and go-units. */

import { StrataError } from '../errors/index.ts';
import { quote } from './go-text.ts';

function fault(message: string): StrataError {
  return new StrataError('invalid_argument', message);
}

/** @throws StrataError in Go's words unless `text` is a decimal integer of 32 bits. */
export function parseInt32(text: string): number {
  if (!/^[+-]?\d+$/.test(text)) throw fault(`strconv.ParseInt: parsing ${quote(text)}: invalid syntax`);
  const value = Number(text);
  if (value > 0x7fffffff || value < -0x80000000) {
    throw fault(`strconv.ParseInt: parsing ${quote(text)}: value out of range`);
  }
  return value + 0;
}

/** An unsigned number of 32 bits in base 8 or 10; undefined where the text is none. */
export function parseUint32(text: string, base: 8 | 10): number | undefined {
  if (!(base === 8 ? /^[0-7]+$/ : /^\d+$/).test(text)) return undefined;
  const value = Number.parseInt(text, base);
  return value <= 0xffffffff ? value : undefined;
}

const unitNanoseconds: Readonly<Record<string, bigint>> = {
  ns: 1n,
  us: 1_000n,
  µs: 1_000n,
  μs: 1_000n,
  ms: 1_000_000n,
  s: 1_000_000_000n,
  m: 60_000_000_000n,
  h: 3_600_000_000_000n,
};

const maxDuration = (1n << 63n) - 1n;

/**
 * A Go duration (`1h30m`, `1.5s`, `0`) in nanoseconds.
 *
 * @throws StrataError invalid_argument in Go's words.
 */
export function parseDuration(text: string): number {
  const invalid = fault(`time: invalid duration ${quote(text)}`);
  const sign = /^[+-]/.exec(text)?.[0] ?? '';
  let rest = text.slice(sign.length);
  if (rest === '0') return 0;
  if (rest === '') throw invalid;
  let total = 0n;
  while (rest !== '') {
    const number = /^(\d*)(?:\.(\d*))?/.exec(rest)!;
    const digits = number[1]!;
    const fraction = number[2] ?? '';
    if (digits === '' && fraction === '') throw invalid;
    rest = rest.slice(number[0].length);
    const unit = /^[^.\d]+/.exec(rest)?.[0];
    if (!unit) throw fault(`time: missing unit in duration ${quote(text)}`);
    const scale = Object.hasOwn(unitNanoseconds, unit) ? unitNanoseconds[unit] : undefined;
    if (!scale) throw fault(`time: unknown unit ${quote(unit)} in duration ${quote(text)}`);
    rest = rest.slice(unit.length);
    if (digits.length > 20) throw invalid;
    total += BigInt(digits || '0') * scale + fractionOf(fraction, scale);
    if (total > maxDuration) throw invalid;
  }
  return Number(sign === '-' ? -total : total);
}

function fractionOf(digits: string, scale: bigint): bigint {
  const used = digits.slice(0, 18);
  return used === '' ? 0n : (BigInt(used) * scale) / 10n ** BigInt(used.length);
}

/** Nanoseconds as Go prints a duration: `1m30s`, `1.5s`, `250ms`, `0s`. */
export function formatDuration(nanoseconds: number): string {
  const sign = nanoseconds < 0 ? '-' : '';
  const total = BigInt(Math.abs(nanoseconds));
  if (total === 0n) return '0s';
  if (total < 1_000n) return `${sign}${total}ns`;
  if (total < 1_000_000n) return `${sign}${decimal(total, 3)}µs`;
  if (total < 1_000_000_000n) return `${sign}${decimal(total, 6)}ms`;
  const minutes = total / 60_000_000_000n;
  const seconds = `${decimal(total % 60_000_000_000n, 9)}s`;
  if (minutes === 0n) return sign + seconds;
  const hours = minutes / 60n;
  return `${sign}${hours > 0n ? `${hours}h` : ''}${minutes % 60n}m${seconds}`;
}

/** `value` / 10^`places` without trailing zeros. */
function decimal(value: bigint, places: number): string {
  const digits = value.toString().padStart(places + 1, '0');
  const fraction = digits.slice(-places).replace(/0+$/, '');
  return digits.slice(0, -places) + (fraction === '' ? '' : `.${fraction}`);
}

const sizeForm = /^(\d+(?:\.\d+)*) ?([kKmMgGtTpP])?[iI]?[bB]?$/;

/** A size such as `64m` or `1.5GiB` in bytes (powers of 1024); undefined where the text is none. */
export function parseBytes(text: string): number | undefined {
  const match = sizeForm.exec(text);
  if (!match) return undefined;
  const value = Number(match[1]);
  const power = match[2] ? 'kmgtp'.indexOf(match[2].toLowerCase()) + 1 : 0;
  return Number.isNaN(value) ? undefined : Math.trunc(value * 1024 ** power);
}
