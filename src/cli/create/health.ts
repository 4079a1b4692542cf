import { invalid } from './invalid.ts';

export interface HealthFlags {
  readonly 'health-cmd': string;
  readonly 'health-interval': number;
  readonly 'health-retries': number;
  readonly 'health-start-interval': number;
  readonly 'health-start-period': number;
  readonly 'health-timeout': number;
  readonly 'no-healthcheck': boolean;
}

/** The check of a container's health; undefined where the image's own applies. */
export function healthcheckOf(flags: HealthFlags): object | undefined {
  const { 'health-cmd': command, 'health-retries': retries } = flags;
  const times = {
    Interval: flags['health-interval'],
    Timeout: flags['health-timeout'],
    StartPeriod: flags['health-start-period'],
    StartInterval: flags['health-start-interval'],
  };
  const some = command !== '' || retries !== 0 || Object.values(times).some((time) => time !== 0);
  if (flags['no-healthcheck']) {
    if (some) throw invalid('--no-healthcheck conflicts with --health-* options');
    return { Test: ['NONE'] };
  }
  if (!some) return undefined;
  const names = ['interval', 'timeout', 'start-period', 'start-interval'];
  Object.values(times).forEach((time, index) => {
    if (time < 0) throw invalid(`--health-${names[index]} cannot be negative`);
  });
  if (retries < 0) throw invalid('--health-retries cannot be negative');
  return { ...(command !== '' && { Test: ['CMD-SHELL', command] }), ...times, Retries: retries };
}
