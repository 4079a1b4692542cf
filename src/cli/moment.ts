import { StrataError } from '../errors/index.ts';
import { parseDuration } from './flags/values.ts';

/**
 * A moment as the API takes it (Unix seconds): a time stamp, a date with or without a clock in the local zone, or a
 * duration before now. Undefined for nothing. A complaint names the option, where docker's does.
 */
export function momentText(
  option: 'since' | 'until' | undefined,
  text: string,
  now: number = Date.now(),
): string | undefined {
  if (text === '') return undefined;
  if (/^-?\d+(\.\d+)?$/.test(text)) return text;
  const seconds = dateSeconds(text) ?? durationBefore(text, now);
  if (seconds === undefined) {
    throw new StrataError(
      'invalid_argument',
      `${option === undefined ? '' : `invalid value for "${option}": `}failed to parse value as time or duration: ${JSON.stringify(text)}`,
      {
        code: 'invalid_time',
      },
    );
  }
  return seconds;
}

function dateSeconds(text: string): string | undefined {
  const match = /^(\d{4}-\d\d-\d\d)(?:T(\d\d)(?::(\d\d))?(?::(\d\d)(\.\d{1,9})?)?)?(Z|[+-]\d\d:\d\d)?$/.exec(text);
  if (!match) return undefined;
  const [, date, hour = '00', minute = '00', second = '00', fraction = '', zone = ''] = match;
  const time = Date.parse(`${date}T${hour}:${minute}:${second}${zone}`);
  return Number.isNaN(time) ? undefined : `${time / 1000}.${fraction.slice(1).padEnd(9, '0')}`;
}

function durationBefore(text: string, now: number): string | undefined {
  try {
    return (now / 1000 - parseDuration(text) / 1e9).toFixed(9);
  } catch {
    return undefined;
  }
}
