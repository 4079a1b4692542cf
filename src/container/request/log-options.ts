/** Options of the logging drivers, in Docker's words where one is none. */
import { StrataError } from '../../errors/index.ts';
import { noBool, parseBool } from '../../oci/index.ts';
import type { HostConfig } from '../types.ts';

type Options = Readonly<Record<string, string>>;

const known: Readonly<Record<string, readonly string[]>> = {
  'json-file': ['max-file', 'max-size', 'compress', 'labels', 'labels-regex', 'env', 'env-regex', 'tag'],
  local: ['max-file', 'max-size', 'compress'],
  none: [],
};

/** Throws `invalid_argument` for what a container cannot be made with. */
export function checkLogConfig({ LogConfig: log }: HostConfig): void {
  const driver = log?.Type || 'json-file';
  const problem = driver === 'none' ? undefined : createProblem(driver, log?.Config ?? {});
  if (problem !== undefined) throw new StrataError('invalid_argument', problem, { code: 'invalid_log_option' });
}

function createProblem(driver: string, { mode = '', 'max-buffer-size': buffer, ...options }: Options) {
  if (!['', 'blocking', 'non-blocking'].includes(mode)) return `logger: logging mode not supported: ${mode}`;
  if (buffer !== undefined && mode !== 'non-blocking')
    return "logger: max-buffer-size option is only supported with 'mode=non-blocking'";
  const size = parseSize(buffer ?? '0', 1024);
  if (typeof size === 'string') return `error parsing option max-buffer-size: ${size}`;
  if (!Object.hasOwn(known, driver)) return `error looking up logging plugin ${driver}: plugin "${driver}" not found`;
  const unknown = Object.keys(options).find((name) => !known[driver]!.includes(name));
  if (unknown === undefined) return undefined;
  return driver === 'local'
    ? `unknown log opt '${unknown}' for log driver local`
    : `unknown log opt '${unknown}' for ${driver} log driver`;
}

/** The size in bytes at which the log is begun anew, where one is asked for; `invalid_argument` for what a container cannot start with. */
export function logSizeLimit({ LogConfig: log }: HostConfig): number | undefined {
  const { Type: driver, Config: options = {} } = log ?? {};
  if (driver === 'none') return undefined;
  const { 'max-size': text } = options;
  const size = text === undefined ? undefined : parseSize(text, 1000);
  const problem = startProblem(options, size, driver === 'local');
  if (problem === undefined) return size as number | undefined;
  throw new StrataError(
    'invalid_argument',
    `failed to create task for container: failed to initialize logging driver: ${problem}`,
    { code: 'invalid_log_option' },
  );
}

function startProblem(options: Options, size: number | string | undefined, isLocal: boolean): string | undefined {
  const { 'max-size': sizeText, 'max-file': filesText = '', compress } = options;
  if (typeof size === 'string') return isLocal ? `invalid value for max-size: ${sizeText}: ${size}` : size;
  if (size !== undefined && size <= 0) return 'max-size must be a positive number';
  const files = filesText === '' ? undefined : /^[+-]?\d+$/.test(filesText) ? Number(filesText) : Number.NaN;
  if (Number.isNaN(files) || (files === undefined && 'max-file' in options)) {
    const why = `strconv.Atoi: parsing ${JSON.stringify(filesText)}: invalid syntax`;
    return isLocal ? `invalid value for max-file: ${filesText}: ${why}` : why;
  }
  if (isLocal && files !== undefined && files < 0) return 'max file count cannot be less than 0';
  if (!isLocal && files !== undefined && files < 1) return 'max-file cannot be less than 1';
  if (compress === undefined) return undefined;
  const packed = parseBool(compress);
  if (packed === undefined) {
    const why = noBool(compress);
    return isLocal ? `error reading compress log option: ${why}` : why;
  }
  if (packed && !isLocal && ((files ?? 1) === 1 || size === undefined))
    return 'compress cannot be true when max-file is less than 2 or max-size is not set';
  return undefined;
}

/** Bytes of `10m`, `1.5 kB` or `1GiB`, a kilobyte being `kilo` of them; what is wrong with it otherwise. */
function parseSize(text: string, kilo: 1000 | 1024): number | string {
  const [, number = '', suffix = ''] = /^(.*[\d. ])(\D*)$/s.exec(text) ?? [];
  if (number === '') return `invalid size: '${text}'`;
  const value = number.replace(/ $/, '');
  if (!/^[+-]?(\d+\.?\d*|\.\d+)$/.test(value))
    return `strconv.ParseFloat: parsing ${JSON.stringify(value)}: invalid syntax`;
  if (Number(value) < 0) return `invalid size: '${text}'`;
  const unit = suffix.toLowerCase();
  const power = 'kmgtp'.indexOf(unit[0] ?? '');
  if (unit === '' || unit === 'b') return Math.trunc(Number(value));
  if (power < 0 || !/^.(b|ib)?$/.test(unit)) return `invalid suffix: '${unit}'`;
  return Math.trunc(Number(value) * kilo ** (power + 1));
}
