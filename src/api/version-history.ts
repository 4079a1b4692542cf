/**
 * What of the Engine API depends on its version (docs/api/version-history.md of moby, and Docker 28.5 itself), as data:
 * parameters and fields that a version does not know are as if they had not been sent.
 */
import { compareVersions } from './version.ts';

/** A part of a request that is known from a version on, or before one. */
interface Span {
  readonly since?: string;
  readonly until?: string;
}

interface Parameter extends Span {
  readonly method: string;
  readonly path: RegExp;
  readonly names: readonly string[];
}

export const parameters: readonly Parameter[] = [
  { method: 'POST', path: /^\/containers\/[^/]+\/wait$/, names: ['condition'], since: '1.30' },
  { method: 'POST', path: /^\/images\/create$/, names: ['platform'], since: '1.32' },
  { method: 'POST', path: /^\/build$/, names: ['platform'], since: '1.32' },
  { method: 'POST', path: /^\/build$/, names: ['outputs'], since: '1.40' },
  { method: 'POST', path: /^\/containers\/create$/, names: ['platform'], since: '1.41' },
  { method: 'GET', path: /^\/containers\/[^/]+\/stats$/, names: ['one-shot'], since: '1.41' },
  { method: 'GET', path: /^\/images\/json$/, names: ['filter'], until: '1.41' },
  { method: 'POST', path: /^\/containers\/[^/]+\/(stop|restart)$/, names: ['signal'], since: '1.42' },
  { method: 'GET', path: /^\/images\/json$/, names: ['shared-size'], since: '1.42' },
  { method: 'GET', path: /^\/system\/df$/, names: ['type'], since: '1.42' },
  { method: 'POST', path: /^\/images\/.+\/push$/, names: ['platform'], since: '1.46' },
  { method: 'GET', path: /^\/images\/(.+\/)?get$/, names: ['platform'], since: '1.48' },
  { method: 'GET', path: /^\/images\/.+\/json$/, names: ['manifests'], since: '1.48' },
  { method: 'GET', path: /^\/images\/.+\/history$/, names: ['platform'], since: '1.48' },
  { method: 'POST', path: /^\/images\/load$/, names: ['platform'], since: '1.48' },
  {
    method: 'POST',
    path: /^\/build\/prune$/,
    names: ['reserved-space', 'max-used-space', 'min-free-space'],
    since: '1.48',
  },
  { method: 'GET', path: /^\/images\/.+\/json$/, names: ['platform'], since: '1.49' },
  { method: 'DELETE', path: /^\/images\/.+$/, names: ['platforms'], since: '1.50' },
];

interface Field extends Span {
  /** Names from the body down; `*` stands for every element of a list or every value of a map. */
  readonly path: string;
}

/** Of the body of `POST /containers/create`. */
export const createFields: readonly Field[] = [
  { path: 'HostConfig.AutoRemove', since: '1.25' },
  { path: 'HostConfig.KernelMemoryTCP', since: '1.40' },
  { path: 'HostConfig.Mounts.*.BindOptions.NonRecursive', since: '1.40' },
  { path: 'HostConfig.KernelMemory', until: '1.42' },
  { path: 'HostConfig.ConsoleSize', since: '1.42' },
  { path: 'HostConfig.Mounts.*.BindOptions.CreateMountpoint', since: '1.42' },
  { path: 'HostConfig.Annotations', since: '1.43' },
  { path: 'Healthcheck.StartInterval', since: '1.44' },
  { path: 'NetworkingConfig.EndpointsConfig.*.GwPriority', since: '1.48' },
];

/** Of the body of `POST /containers/{id}/update`. */
export const updateFields: readonly Field[] = [
  { path: 'PidsLimit', since: '1.40' },
  { path: 'KernelMemory', until: '1.42' },
];

/** Of the bodies of `POST /containers/{id}/exec` and `POST /exec/{id}/start`. */
export const execFields: readonly Field[] = [{ path: 'ConsoleSize', since: '1.42' }];

/** Of the body of `POST /networks/create`. */
export const networkFields: readonly Field[] = [{ path: 'EnableIPv4', since: '1.48' }];

/** Fields of the body of `POST /networks/{id}/connect`. */
export const connectFields: readonly Field[] = [{ path: 'EndpointConfig.GwPriority', since: '1.48' }];

export function isKnown(version: string, { since, until }: Span): boolean {
  return (
    (since === undefined || compareVersions(version, since) >= 0) &&
    (until === undefined || compareVersions(version, until) < 0)
  );
}

/** The parameters that a request of this version cannot mean. */
export function unknownParameters(method: string, path: string, version: string): ReadonlySet<string> {
  const rows = parameters.filter((row) => row.method === method && !isKnown(version, row) && row.path.test(path));
  return new Set(rows.flatMap(({ names }) => names));
}

/** The body without the fields that its version does not know. */
export function withKnownFields<T>(body: T, fields: readonly Field[], version: string): T {
  return fields
    .filter((field) => !isKnown(version, field))
    .reduce((rest, { path }) => without(rest, path.split('.')) as T, body);
}

function without(value: unknown, path: readonly string[]): unknown {
  const [name = '', ...rest] = path;
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return name === '*' ? value.map((item) => without(item, rest)) : value;
  const entries = Object.entries(value);
  if (rest.length === 0) return Object.fromEntries(entries.filter(([key]) => key !== name));
  return Object.fromEntries(
    entries.map(([key, item]) => [key, name === '*' || key === name ? without(item, rest) : item]),
  );
}
