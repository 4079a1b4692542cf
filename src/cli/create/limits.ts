import { parseBytes } from '../flags/values.ts';
import { UsageError } from '../usage-error.ts';
import { invalid } from './invalid.ts';

const limitNames = [
  'as',
  'core',
  'cpu',
  'data',
  'fsize',
  'locks',
  'memlock',
  'msgqueue',
  'nice',
  'nofile',
  'nproc',
  'rss',
  'rtprio',
  'rttime',
  'sigpending',
  'stack',
];

export interface Ulimit {
  readonly Name: string;
  readonly Soft: number;
  readonly Hard: number;
}

/** Reads `--ulimit`: `nofile=1024:2048`; of two for one resource the last counts. */
export function parseUlimits(specs: readonly string[]): Ulimit[] {
  const limits = new Map<string, Ulimit>();
  for (const spec of specs) {
    try {
      const limit = parseUlimit(spec);
      limits.set(limit.Name, limit);
    } catch (error) {
      throw new UsageError(`invalid argument ${JSON.stringify(spec)} for "--ulimit" flag: ${(error as Error).message}`);
    }
  }
  return [...limits.values()].sort((a, b) => (a.Name < b.Name ? -1 : 1));
}

function parseUlimit(spec: string): Ulimit {
  const [Name = '', value] = spec.split('=');
  if (value === undefined) throw new Error(`invalid ulimit argument: ${spec}`);
  if (!limitNames.includes(Name)) throw new Error(`invalid ulimit type: ${Name}`);
  const [soft = '', hard, more] = value.split(':');
  if (more !== undefined)
    throw new Error(`too many limit value arguments - ${value}, can only have up to two, \`soft[:hard]\``);
  const Soft = integer(soft);
  const Hard = hard === undefined ? Soft : integer(hard);
  if (Hard !== -1 && (Soft === -1 || Soft > Hard)) {
    throw new Error(`ulimit soft limit must be less than or equal to hard limit: ${Soft} > ${Hard}`);
  }
  return { Name, Soft, Hard };
}

function integer(text: string): number {
  if (text === 'unlimited') return -1;
  if (!/^-?\d+$/.test(text)) throw new Error(`strconv.ParseInt: parsing ${JSON.stringify(text)}: invalid syntax`);
  return Number(text);
}

/** Reads `--restart`: `no`, `always`, `unless-stopped`, `on-failure[:count]`. */
export function parseRestart(text: string): { readonly Name: string; readonly MaximumRetryCount: number } {
  if (text === '') return { Name: 'no', MaximumRetryCount: 0 };
  const [Name = '', count, more] = text.split(':');
  if (Name === '') throw invalid('invalid restart policy format: no policy provided before colon');
  if (more !== undefined) throw invalid('invalid restart policy format');
  if (count !== undefined && !/^-?\d+$/.test(count))
    throw invalid('invalid restart policy format: maximum retry count must be an integer');
  return { Name, MaximumRetryCount: Number(count ?? 0) };
}

/** Reads `--device`: `/dev/a[:/dev/b[:rwm]]`. */
export function parseDevice(spec: string): object {
  const parts = spec.split(':');
  const [source = '', second, third] = parts;
  if (parts.length > 3 || source === '') throw invalid(`bad format for path: ${spec}`);
  const isMode = (text: string | undefined) => text !== undefined && /^[rwm]{1,3}$/.test(text);
  if (parts.length === 2 && isMode(second)) {
    return { PathOnHost: source, PathInContainer: source, CgroupPermissions: second };
  }
  return { PathOnHost: source, PathInContainer: second ?? source, CgroupPermissions: third ?? 'rwm' };
}

/** Reads `--device-read-bps` and its like: `/dev/sda:1mb`. */
export function parseRates(specs: readonly string[], unit: 'bytes' | 'operations'): { Path: string; Rate: number }[] {
  return specs.map((spec) => {
    const at = spec.indexOf(':');
    const [Path, rate] = [spec.slice(0, at), spec.slice(at + 1)];
    if (at <= 0 || rate === '') throw invalid(`bad format: ${spec}`);
    if (!Path.startsWith('/dev/')) throw invalid(`bad format for device path: ${spec}`);
    const Rate = unit === 'bytes' ? parseBytes(rate) : Number(rate);
    if (!Number.isInteger(Rate) || Rate < 0) throw invalid(`invalid rate for device: ${spec}`);
    return { Path, Rate };
  });
}

/** Reads `--blkio-weight-device`: `/dev/sda:300`. */
export function parseWeights(specs: readonly string[]): { Path: string; Weight: number }[] {
  return specs.map((spec) => {
    const at = spec.indexOf(':');
    const [Path, weight] = [spec.slice(0, at), Number(spec.slice(at + 1))];
    if (at <= 0) throw invalid(`bad format: ${spec}`);
    if (!Path.startsWith('/dev/')) throw invalid(`bad format for device path: ${spec}`);
    if (!Number.isInteger(weight) || (weight > 0 && (weight < 10 || weight > 1000)))
      throw invalid(`invalid weight for device: ${spec}`);
    return { Path, Weight: weight };
  });
}
