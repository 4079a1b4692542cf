import { significant } from '../human-size.ts';
import { formatValue, typeName } from './values.ts';

/** Go gives up at a width or precision whose digits but the last are more than this. */
const widest = 1e6;

/** Go's Sprintf, for the verbs that formats use. */
export function sprintf(format: string, args: readonly unknown[]): string {
  let used = 0;
  const tooWide = [...format.matchAll(/%[-+# 0]*(\d+)?(?:\.(\d+))?/g)].find(
    ([, width = '', precision = '']) => Number(width.slice(0, -1)) > widest || Number(precision.slice(0, -1)) > widest,
  );
  const read = format
    .slice(0, tooWide?.index)
    .replace(/%([-+# 0]*)(\d+)?(?:\.(\d+))?([a-zA-Z%!])/g, (_, flags: string, width, precision, verb: string) => {
      if (verb === '%') return '%';
      if (used >= args.length) return `%!${verb}(MISSING)`;
      const digits = precision === undefined ? undefined : Number(precision);
      return padded(convert(verb, args[used++], flags, digits), flags, Number(width ?? 0));
    });
  const text = tooWide ? `${read}%!(NOVERB)` : read;
  if (used >= args.length) return text;
  const extra = args.slice(used).map((one) => `${typeName(one)}=${formatValue(one)}`);
  return `${text}%!(EXTRA ${extra.join(', ')})`;
}

function convert(verb: string, value: unknown, flags: string, precision: number | undefined): string {
  const number = typeof value === 'number' || typeof value === 'bigint' ? Number(value) : undefined;
  const sign = flags.includes('+') && (number ?? -1) >= 0 ? '+' : '';
  switch (verb) {
    case 'v':
    case 's': {
      if (verb === 's' && (number !== undefined || typeof value === 'boolean')) break;
      const text = formatValue(value);
      return precision === undefined ? text : [...text].slice(0, precision).join('');
    }
    case 'q':
      return typeof value === 'string' ? JSON.stringify(value) : formatValue(value);
    case 'd':
      if (number === undefined || !Number.isInteger(number)) break;
      return sign + String(value);
    case 't':
      if (typeof value !== 'boolean') break;
      return String(value);
    case 'f':
    case 'F':
      if (number === undefined) break;
      return sign + fixed(number, precision ?? 6);
    case 'g':
      if (number === undefined) break;
      return sign + (precision === undefined ? formatValue(number) : significant(number, precision));
    case 'x':
    case 'X': {
      const hex = typeof value === 'string' ? Buffer.from(value).toString('hex') : number?.toString(16);
      if (hex === undefined) break;
      return verb === 'X' ? hex.toUpperCase() : hex;
    }
    case 'c':
      if (number === undefined) break;
      return String.fromCodePoint(number);
    case 'T':
      return typeName(value);
  }
  return `%!${verb}(${typeName(value)}=${formatValue(value)})`;
}

/** JavaScript itself gives at most 100 digits. */
function fixed(number: number, digits: number): string {
  return number.toFixed(Math.min(digits, 100)) + '0'.repeat(Math.max(0, digits - 100));
}

function padded(text: string, flags: string, width: number): string {
  const missing = width - [...text].length;
  if (missing <= 0) return text;
  if (flags.includes('-')) return text + ' '.repeat(missing);
  if (flags.includes('0') && /^[+-]?\d/.test(text)) {
    const sign = /^[+-]/.test(text) ? text[0]! : '';
    return sign + '0'.repeat(missing) + text.slice(sign.length);
  }
  return ' '.repeat(missing) + text;
}
