import { StrataError } from '../errors/index.ts';

const unit: Readonly<Record<string, number>> = { h: 3600, m: 60, s: 1, ms: 1e-3, us: 1e-6, µs: 1e-6, ns: 1e-9 };

/** Seconds of a Go duration such as `1h30m`; undefined when it is none. */
export function parseDuration(text: string): number | undefined {
  const match = /^([+-]?)((?:\d+(?:\.\d+)?(?:h|ms|us|µs|ns|m|s))+)$/.exec(text);
  if (!match) return undefined;
  let total = 0;
  for (const part of match[2]!.matchAll(/(\d+(?:\.\d+)?)(h|ms|us|µs|ns|m|s)/g))
    total += Number(part[1]) * unit[part[2]!]!;
  return match[1] === '-' ? -total : total;
}

/**
 * Unix seconds of a moment as clients write it: Unix time (with a fraction), RFC 3339, or a duration before `now`.
 * Undefined where the text is empty.
 */
export function parseMoment(text: string, now: number = Date.now() / 1000): number | undefined {
  if (text === '') return undefined;
  if (/^-?\d{1,18}(\.\d{1,18})?$/.test(text)) return Number(text);
  const duration = parseDuration(text);
  if (duration !== undefined) return now - duration;
  const date = /^\d{4}-\d\d-\d\d/.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(date)) {
    throw new StrataError('invalid_argument', `failed to parse value as time or duration: ${JSON.stringify(text)}`, {
      code: 'invalid_time',
    });
  }
  return date / 1000;
}

/** `About an hour`, `3 seconds`…: how Docker tells a duration (go-units `HumanDuration`). */
export function humanDuration(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds));
  if (whole < 1) return 'Less than a second';
  if (whole === 1) return '1 second';
  if (whole < 60) return `${whole} seconds`;
  const minutes = Math.floor(seconds / 60);
  if (minutes === 1) return 'About a minute';
  if (minutes < 60) return `${minutes} minutes`;
  const hours = Math.round(seconds / 3600);
  if (hours === 1) return 'About an hour';
  if (hours < 48) return `${hours} hours`;
  if (hours < 24 * 7 * 2) return `${Math.floor(hours / 24)} days`;
  if (hours < 24 * 30 * 2) return `${Math.floor(hours / 24 / 7)} weeks`;
  if (hours < 24 * 365 * 2) return `${Math.floor(hours / 24 / 30)} months`;
  return `${Math.floor(seconds / 3600 / 24 / 365)} years`;
}

/** Go's zero time: Docker's word for "never". */
export const never = '0001-01-01T00:00:00Z';
