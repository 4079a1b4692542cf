import type { Container } from '../container/index.ts';
import { StrataError } from '../errors/index.ts';
import { badFilter, type Filters } from './filters.ts';
import type { ApiBackend } from './types.ts';

export const containerFilters = [
  'ancestor',
  'before',
  'exited',
  'expose',
  'health',
  'id',
  'isolation',
  'is-task',
  'label',
  'name',
  'network',
  'publish',
  'since',
  'status',
  'volume',
];

const states = ['created', 'running', 'paused', 'restarting', 'removing', 'exited', 'dead'];
const healths = ['none', 'starting', 'healthy', 'unhealthy'];

type Backend = Pick<ApiBackend, 'containers' | 'images' | 'networks'>;

/** The test that `GET /containers/json` puts its rows to. Values that mean nothing are refused here. */
export async function createContainerFilter(
  filters: Filters,
  backend: Backend,
): Promise<(container: Container) => boolean> {
  assertOneOf(filters, 'status', states, 'state');
  assertOneOf(filters, 'health', healths, 'health');
  const task = filters.values('is-task').find((value) => !['true', 'false', '1', '0'].includes(value));
  if (task !== undefined) throw badFilter(`invalid filter 'is-task=[${task}]'`);
  const names = filters.values('name').map(pattern);
  const ids = filters.values('id').map(pattern);
  const codes = filters.values('exited').map(exitCode);
  const bound = (name: string) => filters.values(name).map((ref) => Date.parse(backend.containers.get(ref).created));
  const beforeTimes = bound('before');
  const sinceTimes = bound('since');
  const ancestors = await ancestorImages(filters, backend);
  const networks = filters.values('network');

  return (container) => {
    const created = Date.parse(container.created);
    const { state } = container;
    return (
      filters.exact('status', state.status) &&
      filters.exact('health', state.health?.status ?? 'none') &&
      (names.length === 0 || names.some((name) => name.test(`/${container.name}`) || name.test(container.name))) &&
      (ids.length === 0 || ids.some((id) => id.test(container.id))) &&
      (codes.length === 0 || (state.status === 'exited' && codes.includes(state.exitCode))) &&
      beforeTimes.every((time) => created < time) &&
      sinceTimes.every((time) => created > time) &&
      filters.labels(container.config.Labels ?? {}) &&
      (ancestors === undefined || (container.imageID !== null && ancestors.has(container.imageID))) &&
      (networks.length === 0 || networks.some((network) => onNetwork(container, network, backend))) &&
      filters.exact('is-task', 'false') &&
      hasVolume(container, filters) &&
      hasPort(container, filters)
    );
  };
}

function assertOneOf(filters: Filters, name: string, allowed: readonly string[], what: string): void {
  const wrong = filters.values(name).find((value) => !allowed.includes(value));
  if (wrong === undefined) return;
  throw badFilter(
    `invalid filter '${name}=${wrong}': invalid value for ${what} (${wrong}): must be one of ${allowed.join(', ')}`,
  );
}

/** Docker takes these as regular expressions; one that could take long here is taken literally. */
function pattern(text: string): RegExp {
  try {
    if (text.length > 256) throw new Error('too long');
    return new RegExp(isQuick(text) ? text : RegExp.escape(text));
  } catch {
    throw badFilter(`invalid filter: ${JSON.stringify(text)} is not a pattern`);
  }
}

/**
 * Node finds a match by trying, where Go's engine takes linear time: each place that can match in several ways multiplies
 * the time by the length of the name, and a group that repeats doubles it with each character.
 */
function isQuick(text: string): boolean {
  const choices = text.match(text.includes('(') ? /[*+?{|]/g : /[*+?{]/g) ?? [];
  return choices.length <= 3 && !/\)[*+?{]/.test(text);
}

function exitCode(text: string): number {
  if (!/^\d{1,3}$/.test(text))
    throw badFilter(`invalid filter 'exited=${text}': strconv.Atoi: parsing ${JSON.stringify(text)}: invalid syntax`);
  return Number(text);
}

async function ancestorImages(filters: Filters, { images }: Backend): Promise<ReadonlySet<string> | undefined> {
  if (!filters.has('ancestor')) return undefined;
  const found = await Promise.all(filters.values('ancestor').map((name) => images.find(name).catch(ignoreBadName)));
  const wanted = new Set(found.flatMap((image) => (image ? [image.id as string] : [])));
  // Images that were built upon the wanted ones count as well.
  const all = await images.list();
  for (let grown = true; grown; ) {
    grown = false;
    for (const image of all) {
      if (image.parent === null || !wanted.has(image.parent) || wanted.has(image.id)) continue;
      wanted.add(image.id);
      grown = true;
    }
  }
  return wanted;
}

function ignoreBadName(error: unknown): undefined {
  if (error instanceof StrataError && error.kind !== 'internal') return undefined;
  throw error;
}

function onNetwork(container: Container, want: string, { networks }: Backend): boolean {
  return Object.entries(container.networks).some(
    ([name, endpoint]) =>
      name === want ||
      (endpoint.NetworkID ?? networks.list().find((one) => one.name === name)?.id ?? '').startsWith(want),
  );
}

function hasVolume(container: Container, filters: Filters): boolean {
  if (!filters.has('volume')) return true;
  const known = container.mounts.flatMap((mount) => [mount.Name ?? mount.Source, mount.Destination]);
  return filters.values('volume').some((want) => known.includes(want));
}

/** By ports inside (`expose`) or on the host (`publish`); where both are asked for, either will do, as in Docker. */
function hasPort(container: Container, filters: Filters): boolean {
  if (!filters.has('expose') && !filters.has('publish')) return true;
  const exposed = filters.values('expose').map((text) => portRange('expose', text));
  const published = filters.values('publish').map((text) => portRange('publish', text));
  return Object.entries(container.ports).some(([key, bindings]) => {
    const [port = '', protocol = 'tcp'] = key.split('/');
    const within = (ranges: readonly PortRange[], number: string) =>
      ranges.some((one) => one.protocol === protocol && Number(number) >= one.first && Number(number) <= one.last);
    return within(exposed, port) || (bindings ?? []).some(({ HostPort }) => within(published, HostPort));
  });
}

interface PortRange {
  readonly first: number;
  readonly last: number;
  readonly protocol: string;
}

/** `80`, `80/udp` or `80-90/tcp`; `invalid_argument` in Docker's words for anything else. */
function portRange(filter: string, text: string): PortRange {
  const refuse = (why: string) =>
    new StrataError('invalid_argument', `error while looking up for ${filter} ${text}: ${why}`, {
      code: 'invalid_filter',
    });
  const [range = '', protocol = 'tcp'] = text.split('/');
  const [first, last] = range.split('-').map((number) => {
    if (!/^\d+$/.test(number)) throw refuse(`strconv.ParseUint: parsing ${JSON.stringify(number)}: invalid syntax`);
    if (Number(number) > 65535)
      throw refuse(`strconv.ParseUint: parsing ${JSON.stringify(number)}: value out of range`);
    return Number(number);
  });
  if (last !== undefined && last < first!) throw refuse(`Invalid range specified for the Port: ${range}`);
  return { first: first!, last: last ?? first!, protocol: protocol.toLowerCase() };
}
