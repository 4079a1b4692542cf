import { StrataError } from '../errors/index.ts';
import type { BuildRequest, ContextSource, OutputSpec } from '../wire/index.ts';
import type { Policy } from './wire/policy_pb.ts';

/** What buildx asks of the Dockerfile frontend, and of the exporters. */
export interface Asked {
  readonly options: Readonly<Record<string, string>>;
  readonly exporters: readonly { readonly type: string; readonly attrs: Readonly<Record<string, string>> }[];
  readonly cacheImports: readonly { readonly type: string; readonly attrs: Readonly<Record<string, string>> }[];
  readonly cacheExports: readonly { readonly type: string; readonly attrs: Readonly<Record<string, string>> }[];
  readonly entitlements: readonly string[];
  readonly policies: readonly Policy[];
  /** Results of other builds, by the names that `input:` contexts give them. */
  readonly inputs?: Readonly<Record<string, string>>;
}

/** What a client wants of its build, in the words of this engine. */
export interface Task extends Pick<Asked, 'options' | 'inputs'> {
  readonly wanted: Omit<BuildRequest, 'context'>;
  readonly destinations: readonly Destination[];
  /** The context, where it is here already: it came with the request. */
  readonly context?: ContextSource;
}

export function taskOf(asked: Asked): Task {
  const { options, inputs } = asked;
  return { options, ...(inputs && { inputs }), wanted: requestOf(asked), destinations: destinationsOf(asked) };
}

/** Subrequests of the frontend by the name that clients ask for them with. */
const calls: Readonly<Record<string, NonNullable<BuildRequest['call']>>> = {
  'frontend.lint': 'check',
  'frontend.outline': 'outline',
  'frontend.targets': 'targets',
};

/** The request without its contexts: options of the frontend in the words of this engine. */
function requestOf(asked: Asked): Omit<BuildRequest, 'context'> {
  const { options } = asked;
  const pick = (prefix: string) => prefixed(options, prefix);
  const text = (name: string) => options[name] || undefined;
  const noCache = options['no-cache'];
  const call = callOf(text('requestid'));
  return {
    ...some('buildArgs', pick('build-arg:')),
    ...some('labels', pick('label:')),
    ...some('annotations', annotations(asked)),
    ...one('target', text('target')),
    ...one('network', text('force-network-mode')),
    ...one('cgroupParent', text('cgroup-parent')),
    ...one('shmSize', text('shm-size') === undefined ? undefined : Number(text('shm-size'))),
    ...many('platforms', list(text('platform'))),
    ...many('extraHosts', list(text('add-hosts'))),
    ...many('ulimits', list(text('ulimit')).map(readUlimit)),
    ...(noCache === '' && { noCache: true }),
    ...many('noCacheFilter', list(noCache)),
    ...(text('image-resolve-mode') === 'pull' && { pull: true }),
    ...many('allow', asked.entitlements),
    ...some('attests', attestations(pick('attest:'))),
    ...many('ignored', unread(options)),
    ...many('sourcePolicies', asked.policies.map(policyOf)),
    ...many('cacheFrom', asked.cacheImports.map(flat).map(withClientFolder)),
    ...many('cacheTo', asked.cacheExports.map(flat).map(withClientFolder)),
    ...many(
      'tags',
      asked.exporters.filter(({ type }) => isImage(type)).flatMap(({ attrs }) => list(attrs['name'])),
    ),
    ...one('call', call),
  };
}

/** Where an exporter's result goes; `toClient` for what is sent over the session. */
export interface Destination {
  readonly output: OutputSpec;
  readonly toClient: boolean;
}

export function destinationsOf({ exporters }: Pick<Asked, 'exporters'>): readonly Destination[] {
  if (exporters.length === 0) return [{ output: { type: 'cacheonly', attributes: {} }, toClient: false }];
  return exporters.map(({ type, attrs }) => {
    if (isImage(type)) {
      const { name: _, ...attributes } = attrs;
      return { output: { type: 'image', attributes }, toClient: false };
    }
    if (type === 'local' || type === 'tar' || type === 'oci' || type === 'docker')
      return { output: { type, attributes: attrs }, toClient: true };
    throw new StrataError('unsupported', `exporter ${JSON.stringify(type)} could not be found`);
  });
}

/** `moby` is what clients call the engine's own image store. */
function isImage(type: string): boolean {
  return type === 'moby' || type === 'image';
}

/** Clients ask for a little provenance by themselves, inline where there is an image: nobody misses that. */
function attestations(asked: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(asked).filter(([, attributes]) => !attributes.includes('inline-only=true')));
}

/** Options of the Dockerfile frontend that are read here or elsewhere in this room, or say what holds anyway. */
const readOptions = new Set([
  ...['target', 'force-network-mode', 'cgroup-parent', 'shm-size', 'platform', 'add-hosts', 'ulimit', 'no-cache'],
  ...['image-resolve-mode', 'requestid', 'context', 'dockerfilekey', 'contextkey', 'filename'],
  ...['local-sessionid:context', 'local-sessionid:dockerfile', 'frontend.caps', 'source', 'cmdline', 'hostname'],
  // Of the client's own request: it has them from here.
  ...['cache-imports', 'cache-from', 'multi-platform', 'build-arg-sources', 'locals'],
]);
const readPrefixes = [
  ...['build-arg:', 'label:', 'attest:', 'context:', 'input:', 'vcs:', 'local-sessionid:', 'input-metadata:'],
];

function unread(options: Readonly<Record<string, string>>): string[] {
  const { context = '' } = options;
  // It is a folder of a context that is not the client's own.
  const isRead = (name: string) =>
    readOptions.has(name) || (name === 'contextsubdir' && context !== '' && !context.startsWith('local:'));
  return Object.keys(options)
    .filter((name) => !isRead(name) && !readPrefixes.some((prefix) => name.startsWith(prefix)))
    .map((name) => `option ${name} of the frontend has no effect`);
}

function callOf(id: string | undefined): BuildRequest['call'] {
  if (id === undefined) return undefined;
  const call = calls[id];
  if (call) return call;
  throw new StrataError('unsupported', `unknown subrequest ${id}`);
}

function annotations({ exporters }: Asked): Record<string, string> {
  const all: Record<string, string> = {};
  for (const { attrs } of exporters)
    for (const [key, value] of Object.entries(attrs)) {
      const match = /^annotation(?:-[a-z-]+)?(?:\[.*\])?\.(.+)$/.exec(key);
      if (match) all[match[1]!] = value;
    }
  return all;
}

function readUlimit(text: string): { Name: string; Soft: number; Hard: number } {
  const match = /^([a-z]+)=(-?\d+)(?::(-?\d+))?$/.exec(text);
  if (!match) throw new StrataError('invalid_argument', `invalid ulimit: ${JSON.stringify(text)}`);
  return { Name: match[1]!, Soft: Number(match[2]), Hard: Number(match[3] ?? match[2]) };
}

function prefixed(options: Readonly<Record<string, string>>, prefix: string): Record<string, string> {
  return Object.fromEntries(
    Object.entries(options).flatMap(([key, value]) =>
      key.startsWith(prefix) ? [[key.slice(prefix.length), value]] : [],
    ),
  );
}

function list(text: string | undefined): string[] {
  return text === undefined || text === '' ? [] : text.split(',');
}

/** A local cache lies in a folder of the client, who serves it under this name. */
function withClientFolder(options: Readonly<Record<string, string>>): Record<string, string> {
  const { type, src, dest, ...rest } = options;
  const named = (path: string | undefined) => (type === 'local' && path ? `local:${path}` : path);
  return { type: type ?? '', ...rest, ...one('src', named(src)), ...one('dest', named(dest)) };
}

function flat(entry: { readonly type: string; readonly attrs: Readonly<Record<string, string>> }) {
  return { type: entry.type, ...entry.attrs };
}

function one<K extends string, V>(name: K, value: V | undefined): { readonly [P in K]?: V } {
  return (value === undefined ? {} : { [name]: value }) as { readonly [P in K]?: V };
}

function many<K extends string, V>(name: K, values: readonly V[]): { readonly [P in K]?: readonly V[] } {
  return (values.length > 0 ? { [name]: values } : {}) as { readonly [P in K]?: readonly V[] };
}

function some<K extends string, V extends object>(name: K, values: V): { readonly [P in K]?: V } {
  return (Object.keys(values).length > 0 ? { [name]: values } : {}) as { readonly [P in K]?: V };
}

const actions = ['ALLOW', 'DENY', 'CONVERT'] as const;
const matchTypes = ['WILDCARD', 'EXACT', 'REGEX'] as const;

function policyOf({ version, rules }: Policy): NonNullable<BuildRequest['sourcePolicies']>[number] {
  if (version > 1n) throw new StrataError('unsupported', `source policy version ${version} is not supported`);
  return {
    rules: rules.map(({ action, selector, updates }) => {
      const [does, matchType] = [actions[action], matchTypes[selector?.matchType ?? 0]];
      if (does === undefined) throw new StrataError('invalid_argument', `source policy: rule ${action}: unknown type`);
      if (matchType === undefined)
        throw new StrataError('invalid_argument', `unknown match type: ${selector?.matchType} of the source policy`);
      const { identifier = '', constraints = [] } = selector ?? {};
      return {
        action: does,
        selector: { identifier, matchType, constraints: constraints.map(({ key }) => key) },
        ...(updates && { updates: { identifier: updates.identifier, attrs: updates.attrs } }),
      };
    }),
  };
}
