import { readlinkSync } from 'node:fs';

/** Unix seconds of the year 1, which is what Go has for a time that is not set. */
export const goZeroTime = -62135596800;

/** `2 weeks`, as docker says how long something takes or has been. */
export function humanDuration(milliseconds: number): string {
  const seconds = Math.trunc(milliseconds / 1000);
  if (seconds < 1) return 'Less than a second';
  if (seconds === 1) return '1 second';
  if (seconds < 60) return `${seconds} seconds`;
  const minutes = Math.trunc(seconds / 60);
  if (minutes === 1) return 'About a minute';
  if (minutes < 60) return `${minutes} minutes`;
  const hours = Math.trunc(milliseconds / 3_600_000 + 0.5);
  if (hours === 1) return 'About an hour';
  if (hours < 48) return `${hours} hours`;
  if (hours < 24 * 7 * 2) return `${Math.trunc(hours / 24)} days`;
  if (hours < 24 * 30 * 2) return `${Math.trunc(hours / 24 / 7)} weeks`;
  if (hours < 24 * 365 * 2) return `${Math.trunc(hours / 24 / 30)} months`;
  return `${Math.trunc(milliseconds / 3_600_000 / 24 / 365)} years`;
}

/** `2 weeks ago`, for Unix seconds. */
export function humanAgo(seconds: number, now: number = Date.now()): string {
  return `${humanDuration(now - seconds * 1000)} ago`;
}

/** A moment as Go prints it, in the local zone: `2024-05-01 12:00:00 +0000 UTC`. */
export function goTime(seconds: number): string {
  const date = new Date(seconds * 1000);
  return `${localDate(date)} ${localClock(date)} ${offsetOf(date).replace(':', '')} ${zoneName(date)}`;
}

/** A moment of the local zone with its offset and no fraction: `2024-05-01T12:00:00Z`. */
export function localRfc3339(seconds: number): string {
  const date = new Date(seconds * 1000);
  const offset = offsetOf(date);
  return `${localDate(date)}T${localClock(date)}${offset === '+00:00' ? 'Z' : offset}`;
}

/** The same with nanoseconds, all nine digits: as `docker events` prints moments. */
export function localRfc3339Nano(nanoseconds: bigint): string {
  const seconds = Number(nanoseconds / 1_000_000_000n);
  const date = new Date(seconds * 1000);
  const fraction = String(nanoseconds % 1_000_000_000n).padStart(9, '0');
  const offset = offsetOf(date);
  return `${localDate(date)}T${localClock(date)}.${fraction}${offset === '+00:00' ? 'Z' : offset}`;
}

function localDate(date: Date): string {
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
}

function localClock(date: Date): string {
  return `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
}

/** Distance of the local zone from UTC: `+01:00`. */
function offsetOf(date: Date): string {
  const minutes = -date.getTimezoneOffset();
  return `${minutes < 0 ? '-' : '+'}${two(Math.trunc(Math.abs(minutes) / 60))}:${two(Math.abs(minutes) % 60)}`;
}

/** Short name of the local zone, as Go has it: `CET`; the offset where it has none. */
function zoneName(date: Date): string {
  const offset = offsetOf(date);
  // Most servers: the tables of Intl take longer to load than all the rest of a short command.
  if (offset === '+00:00' && isUtc()) return 'UTC';
  const names = ['en-US', 'en-GB'].map((locale) => shortName(date, locale));
  return names.find((name) => !/[+-]/.test(name)) ?? offset.replace(/:00$/, '').replace(':', '');
}

function isUtc(): boolean {
  const zone = process.env['TZ'];
  return /(^|\/)(UTC|UCT|Etc\/Universal|Universal|Zulu)?$/.test(
    zone === undefined ? systemZone() : zone.replace(/^:/, ''),
  );
}

/** The file that says which zone this machine is in; empty where there is none, which means UTC. */
function systemZone(): string {
  try {
    return readlinkSync('/etc/localtime');
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT' ? '' : 'unknown';
  }
}

function shortName(date: Date, locale: string): string {
  const parts = new Intl.DateTimeFormat(locale, { timeZoneName: 'short' }).formatToParts(date);
  return parts.find((part) => part.type === 'timeZoneName')?.value ?? '+';
}

function two(value: number): string {
  return String(value).padStart(2, '0');
}

/** An RFC 3339 moment as Go prints it, with its own fraction: `2024-05-01 12:00:00.5 +0000 UTC`. */
export function goStamp(rfc3339: string): string {
  const match = /^(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d)(\.\d+)?(Z|[+-]\d\d:\d\d)$/.exec(rfc3339);
  if (!match) return rfc3339;
  const [, date, clock, fraction = '', zone] = match;
  const offset = zone === 'Z' ? '+0000 UTC' : `${zone!.replace(':', '')} ${zone!.replace(':', '')}`;
  return `${date} ${clock}${fraction.replace(/\.?0+$/, '')} ${offset}`;
}
