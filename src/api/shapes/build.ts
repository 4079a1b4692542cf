import { StrataError } from '../../errors/index.ts';
import { flag, integer, list, map, object, type Shape, text } from '../shape.ts';

const nullableTexts: Shape<Readonly<Record<string, string | null>>> = map<string | null>(text, () => null);

const ulimits = list(object({ Name: text, Soft: integer, Hard: integer }));

/** JSON parameters of the classic `POST /build`. */
export const classicBuildArgs = nullableTexts;
export const classicLabels = map(text, () => '');
export const classicUlimits = ulimits;
export const classicCacheFrom = list(text);
export const buildOutputs = list(object({ Type: text, Attrs: map(text) }));

const contextFields = { kind: text, dir: text, path: text, remove: flag, url: text, subdir: text } as const;

const context: Shape<Record<string, unknown>> = variant(object(contextFields), {
  local: ['dir'],
  file: ['path'],
  url: ['url'],
  empty: [],
});

const namedContext: Shape<Record<string, unknown>> = variant(
  object({ ...contextFields, name: text, reference: text }),
  {
    local: ['dir'],
    file: ['path'],
    url: ['url'],
    empty: [],
    image: ['name'],
    'oci-layout': ['dir'],
    target: ['name'],
  },
);

/** An object whose `kind` says which other fields it must have. */
function variant<T extends { readonly kind?: string }>(
  shape: Shape<T>,
  kinds: Readonly<Record<string, readonly string[]>>,
): Shape<Record<string, unknown>> {
  return (value, path) => {
    const given = shape(value, path) as (T & Record<string, unknown>) | undefined;
    if (given === undefined) return undefined;
    const needed = given.kind === undefined || !Object.hasOwn(kinds, given.kind) ? undefined : kinds[given.kind];
    if (!needed || needed.some((name) => given[name] === undefined)) {
      throw new StrataError('invalid_argument', `invalid JSON: ${path} is not a known kind of context`, {
        code: 'invalid_json',
      });
    }
    return given;
  };
}

const credentials = object({ username: text, password: text, identitytoken: text });

const oneOf =
  <T extends string>(...words: readonly T[]): Shape<T> =>
  (value, path) => {
    const given = text(value, path);
    if (given === undefined || (words as readonly string[]).includes(given)) return given as T | undefined;
    throw new StrataError('invalid_argument', `invalid JSON: ${path} is none of ${words.join(', ')}`);
  };

const policy = object({
  rules: list(
    object({
      action: oneOf('ALLOW', 'DENY', 'CONVERT'),
      selector: object({ identifier: text, matchType: oneOf('WILDCARD', 'EXACT', 'REGEX'), constraints: list(text) }),
      updates: object({ identifier: text, attrs: map(text) }),
    }),
  ),
});

/** `BuildRequest`, the body of `POST /strata/v1/build`. */
export const buildRequest = object({
  context,
  dockerfile: object({ path: text, text, name: text }),
  namedContexts: map(namedContext),
  tags: list(text),
  buildArgs: nullableTexts,
  target: text,
  noCache: flag,
  noCacheFilter: list(text),
  pull: flag,
  labels: map(text),
  annotations: map(text),
  network: text,
  platforms: list(text),
  secrets: list(object({ id: text, value: text })),
  ssh: list(object({ id: text, socket: text, keyFiles: list(text) })),
  extraHosts: list(text),
  shmSize: integer,
  ulimits,
  cgroupParent: text,
  limits: object({
    Memory: integer,
    MemorySwap: integer,
    CpuShares: integer,
    CpuPeriod: integer,
    CpuQuota: integer,
    CpusetCpus: text,
    CpusetMems: text,
  }),
  outputs: list(object({ type: text, dest: text, attributes: map(text) })),
  cacheFrom: list(map(text)),
  cacheTo: list(map(text)),
  allow: list(text),
  attests: map(text),
  ignored: list(text),
  sourcePolicies: list(policy),
  call: text,
  explain: flag,
  keepFailed: flag,
  stepImages: flag,
  shownName: text,
  auth: map(credentials),
});
