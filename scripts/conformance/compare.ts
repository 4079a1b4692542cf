/** What a build made, in the words of the recorded outcomes, and where the two differ. */
import { dirname } from 'node:path';
import { isDeepStrictEqual, stripVTControlCharacters } from 'node:util';
import type { Case, Entry, Expected, HistoryEntry } from './case.ts';
import { byBytes, flatten, type ImageConfig, type SavedImage, type Tree } from './image.ts';

export interface Base {
  readonly name: string;
  readonly diffIDs: readonly string[];
  readonly tree: Tree;
}

export interface Made {
  readonly exit: 'ok';
  readonly output: string;
  readonly base: string;
  readonly config: Readonly<Record<string, unknown>>;
  readonly created: string | undefined;
  readonly layersAdded: number;
  readonly history: readonly HistoryEntry[];
  /** `onlyMtime`: nothing but the time differs from the base. */
  readonly fs: Readonly<Record<string, Entry & { readonly onlyMtime?: boolean }>>;
  readonly deleted: readonly string[];
}

export type Outcome =
  | Made
  | { readonly exit: 'error'; readonly output: string }
  /** Not the build failed, but what it needs. */
  | { readonly exit: 'broken'; readonly output: string };

const configFields = [
  ...['Env', 'Cmd', 'Entrypoint', 'WorkingDir', 'User', 'ExposedPorts', 'Volumes', 'Labels', 'StopSignal'],
  ...['StopTimeout', 'Healthcheck', 'Shell', 'OnBuild', 'ArgsEscaped'],
];

export function observe({ config, layers }: SavedImage, bases: readonly Base[], output: string): Made {
  const ids = config.rootfs.diff_ids;
  const base = bases
    .filter(({ diffIDs }) => diffIDs.every((id, i) => ids[i] === id))
    .sort((a, b) => b.diffIDs.length - a.diffIDs.length)[0];
  const tree = flatten(layers);
  const history = (config.history ?? []).map(({ created_by, empty_layer, comment, author, created }) =>
    withoutEmpty({ created_by, empty_layer, comment, author, created }),
  );
  return {
    exit: 'ok',
    output,
    base: base?.name ?? 'scratch',
    config: normalConfig(config),
    created: config.created,
    layersAdded: ids.length - (base?.diffIDs.length ?? 0),
    history: history.slice(base ? 1 : 0),
    fs: changes(tree, base?.tree ?? new Map()),
    deleted: [...(base?.tree.keys() ?? [])]
      .filter((path) => !tree.has(path) && (dirname(path) === '.' || tree.has(dirname(path))))
      .sort(byBytes)
      .map((path) => `/${path}`),
  };
}

function normalConfig(image: ImageConfig): Record<string, unknown> {
  const inner = Object.fromEntries(
    configFields.map((field) => {
      const value = image.config?.[field];
      const isSet = (field === 'ExposedPorts' || field === 'Volumes') && value;
      return [field, isSet ? Object.keys(value).sort(byBytes) : value];
    }),
  );
  const { architecture, os, variant, author, 'os.version': version } = image;
  return withoutEmpty({ ...inner, architecture, os, variant, author, 'os.version': version });
}

function withoutEmpty(fields: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const isEmpty = (value: unknown) =>
    !value || (typeof value === 'object' && (Array.isArray(value) ? value : Object.keys(value)).length === 0);
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => !isEmpty(value)));
}

function changes(tree: Tree, below: Tree): Made['fs'] {
  const changed: Record<string, Entry & { onlyMtime?: boolean }> = {};
  for (const [path, entry] of tree) {
    const old = below.get(path);
    const same = old && isDeepStrictEqual({ ...entry, mtime: 0 }, { ...old, mtime: 0 });
    if (!same) changed[`/${path}`] = entry;
    else if (entry.mtime !== old.mtime) changed[`/${path}`] = { ...entry, onlyMtime: true };
  }
  return changed;
}

/** Differences, as text; none where the case passes. */
export function compare(spec: Case, got: Outcome, options: { readonly warnings: boolean }): readonly string[] {
  const { expected } = spec;
  if (got.exit === 'broken') return [`cannot run: ${got.output.trim().slice(-300)}`];
  if (expected.exit !== got.exit) {
    const tail = got.exit === 'error' ? ` (${got.output.trim().split('\n').slice(-3).join(' | ').slice(-300)})` : '';
    return [`exit: expected ${expected.exit}, got ${got.exit}${tail}`];
  }
  if (expected.exit === 'error')
    return (spec.expectError ?? [])
      .filter((phrase) => !got.output.toLowerCase().includes(phrase.toLowerCase()))
      .map(
        (phrase) => `error text: ${JSON.stringify(phrase)} is not in ${JSON.stringify(got.output.trim().slice(-200))}`,
      );
  const made = got as Made;
  return [
    ...(options.warnings ? compareWarnings(expected.warnings ?? [], made.output) : []),
    ...compareConfig(expected, made),
    ...compareHistory(expected, made),
    ...compareFiles(spec, expected, made),
  ];
}

type ExpectedImage = Extract<Expected, { exit: 'ok' }>;

const differs = (what: string, expected: unknown, got: unknown) =>
  isDeepStrictEqual(expected, got) ? [] : [`${what}: expected ${show(expected)}, got ${show(got)}`];

/** By the rules' names: of two warnings of one rule, the reference prints either. */
function compareWarnings(expected: readonly string[], output: string): readonly string[] {
  const rules = (all: readonly string[]) => [...new Set(all.map((one) => one.split(':')[0]!))].sort(byBytes);
  return differs('warnings', rules(expected), rules(findWarnings(output)));
}

function findWarnings(output: string): readonly string[] {
  return [...stripVTControlCharacters(output).matchAll(/^ - ([A-Z][A-Za-z]+: .*)$/gm)].map(([, text]) => text!);
}

function compareConfig(expected: ExpectedImage, got: Made): readonly string[] {
  const fields = [...new Set([...Object.keys(expected.config), ...Object.keys(got.config)])].sort(byBytes);
  return [
    ...fields.flatMap((field) => differs(`config.${field}`, expected.config[field], got.config[field])),
    ...(expected.created ? differs('created', expected.created, got.created) : []),
  ];
}

function compareHistory(expected: ExpectedImage, { history, layersAdded }: Made): readonly string[] {
  const entries = expected.history ?? [];
  return [
    ...(expected.history && entries.length !== history.length
      ? [`history: expected ${entries.length} entries, got ${history.length}`]
      : []),
    ...entries
      .slice(0, history.length)
      .flatMap((entry, i) => [
        ...Object.entries(entry).flatMap(([field, value]) =>
          differs(`history[${i}].${field}`, value, history[i]![field as keyof HistoryEntry]),
        ),
        ...(history[i]!.empty_layer && !entry.empty_layer
          ? [`history[${i}].empty_layer: expected a layer, got none`]
          : []),
      ]),
    ...(typeof expected.layers_added === 'number' ? differs('layers added', expected.layers_added, layersAdded) : []),
  ];
}

const fileFields = ['type', 'mode', 'uid', 'gid', 'size', 'sha256', 'link', 'dev', 'xattrs', 'hardlinks'] as const;

function compareFiles({ fsIgnore = [] }: Case, expected: ExpectedImage, got: Made): readonly string[] {
  const ignored = fsIgnore.map(globPattern);
  const counts = (path: string) => !ignored.some((pattern) => pattern.test(path));
  const paths = [...new Set([...Object.keys(expected.fs), ...Object.keys(got.fs)])].filter(counts).sort(byBytes);
  return [
    ...differs('base', expected.base, got.base),
    ...paths.flatMap((path) => compareEntry(path, expected.fs[path], got.fs[path])),
    ...differs('deleted', expected.deleted.filter(counts), got.deleted.filter(counts)),
  ];
}

function compareEntry(path: string, expected: Entry | undefined, got: Made['fs'][string] | undefined) {
  if (!expected) return got?.onlyMtime ? [] : [`${path}: not expected, got ${show(got)}`];
  if (!got) return [`${path}: expected ${show(expected)}, got nothing (or no change from the base)`];
  return [
    ...fileFields
      .filter((field) => !expected.unchecked?.includes(field))
      .flatMap((field) => differs(`${path}: ${field}`, expected[field], got[field])),
    ...(expected.mtime_checked ? differs(`${path}: mtime`, expected.mtime, got.mtime) : []),
  ];
}

/** As a shell's pattern, but `*` takes slashes, too. */
export function globPattern(glob: string): RegExp {
  const parts = glob.match(/\[[^\]]+\]|[\s\S]/g) ?? [];
  const source = parts.map((part) => {
    if (part === '*') return '[\\s\\S]*';
    if (part === '?') return '[\\s\\S]';
    return part.length > 1 ? part.replace(/^\[!/, '[^') : part.replace(/[^\w\s/]/, '\\$&');
  });
  return new RegExp(`^${source.join('')}$`);
}

function show(value: unknown): string {
  const text = JSON.stringify(value) ?? 'nothing';
  return text.length < 160 ? text : `${text.slice(0, 157)}...`;
}
