/** Checks of what a request says of the container itself, in Docker's words and order. */
import { isAbsolute } from 'node:path';
import { StrataError } from '../../errors/index.ts';
import { parseSignal } from '../../oci/index.ts';
import type { ContainerConfig } from '../types.ts';

/** Throws `invalid_argument` for the first thing that cannot be. What the image says is taken as it is. */
export function checkConfig({
  WorkingDir: cwd,
  StopSignal: signal,
  Env: env,
  Healthcheck: check,
}: ContainerConfig): void {
  if (cwd && !isAbsolute(cwd)) refuse(`the working directory '${cwd}' is invalid, it needs to be an absolute path`);
  if (signal) parseSignal(signal);
  const unnamed = env?.find((entry) => entry === '' || entry.startsWith('='));
  if (unnamed !== undefined) refuse(`invalid environment variable: ${unnamed}`);
  if (check) checkHealth(check);
}

/** Nanoseconds. */
const shortest = 1_000_000;

function checkHealth(check: NonNullable<ContainerConfig['Healthcheck']>): void {
  const tooShort = (['Interval', 'Timeout'] as const).find((name) => isTooShort(check[name]));
  if (tooShort) refuse(`${tooShort} in Healthcheck cannot be less than 1ms`);
  if ((check.Retries ?? 0) < 0) refuse('Retries in Healthcheck cannot be negative');
  const start = (['StartPeriod', 'StartInterval'] as const).find((name) => isTooShort(check[name]));
  if (start) refuse(`${start} in Healthcheck cannot be less than 1ms`);
}

const isTooShort = (time = 0) => time !== 0 && time < shortest;

function refuse(message: string): never {
  throw new StrataError('invalid_argument', message, { code: 'invalid_config' });
}
