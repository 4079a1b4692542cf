/** Checks of a volume that is to be made, in Docker's words. */
import { join } from 'node:path';
import { StrataError } from '../errors/index.ts';

/** `not_found` for a driver that is not ours. */
export function checkDriver(name: string, driver: string): void {
  if (driver === '' || driver === 'local') return;
  throw new StrataError(
    'not_found',
    `create ${name}: error looking up volume plugin ${driver}: plugin "${driver}" not found`,
    { code: 'plugin_not_found' },
  );
}

/** `invalid_argument` for what cannot be a name, which is that of a folder of `root`, too. */
export function checkName(name: string, root: string): void {
  const problem = nameProblem(name, root);
  if (problem !== undefined)
    throw new StrataError('invalid_argument', `create ${name}: ${problem}`, { code: 'invalid_volume_name' });
}

/** Whether a volume of that name can be. */
export const isName = (name: string, root: string) => nameProblem(name, root) === undefined;

/** Bytes (NAME_MAX of limits.h). */
const longestName = 255;

function nameProblem(name: string, root: string): string | undefined {
  if (name.length === 1) return 'volume name is too short, names should be at least two alphanumeric characters';
  if (!/^[a-zA-Z0-9][a-zA-Z0-9_.-]+$/.test(name))
    return `${JSON.stringify(name)} includes invalid characters for a local volume name, only "[a-zA-Z0-9][a-zA-Z0-9_.-]" are allowed. If you intended to pass a host directory, use absolute path`;
  const path = join(root, name);
  if (name.length > longestName)
    return `error while creating volume root path '${path}': mkdir ${path}: file name too long`;
  return undefined;
}

/** Options of Docker's local driver, and which others each needs. */
const optionNeeds: Readonly<Record<string, readonly string[]>> = {
  type: ['device'],
  device: ['type'],
  o: ['device', 'type'],
  size: [],
};

/** `invalid_argument` for what is no option, and `unsupported` for what is one of Docker's. */
export function checkOptions(name: string, options: Readonly<Record<string, string>>): void {
  const names = Object.keys(options);
  if (names.length === 0) return;
  const unknown = names.find((option) => !Object.hasOwn(optionNeeds, option));
  const missing = names.flatMap((option) => optionNeeds[option] ?? []).find((option) => !names.includes(option));
  const problem =
    unknown !== undefined
      ? `invalid option: ${JSON.stringify(unknown)}`
      : missing !== undefined
        ? `missing required option: ${JSON.stringify(missing)}`
        : undefined;
  if (problem !== undefined)
    throw new StrataError('invalid_argument', `create ${name}: ${problem}`, { code: 'invalid_volume_option' });
  const { size } = options;
  if (size !== undefined) {
    const why = isSize(size) ? 'quota size requested but no quota support' : `invalid size: '${size}'`;
    throw new StrataError('invalid_argument', `create ${name}: ${why}`, { code: 'invalid_volume_option' });
  }
  throw new StrataError('unsupported', `driver options of volumes are not supported: ${names.join(', ')}`);
}

const isSize = (text: string) => /^\d+(\.\d+)? ?([kmgtp]i?b?|b)?$/i.test(text);
