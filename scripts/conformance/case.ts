/**
 * A recorded case: a Dockerfile with its context, how it is built, and what the reference engine (Docker 28.5.2 with
 * BuildKit's built-in frontend) made of it. The project's own are in `conformance/`, one file a topic; further ones may
 * lie in a folder with a folder for each (`case.json`, `expected.json`, the files).
 */
import { createHash } from 'node:crypto';
import { existsSync, globSync, readdirSync, readFileSync } from 'node:fs';
import { basename, join, relative, resolve } from 'node:path';
import { gunzipSync } from 'node:zlib';

/** How one image is built. Paths are relative to the case's folder; `{case}` in an option stands for that folder. */
export interface Spec {
  /** Absent: the one in the context. */
  readonly dockerfile?: string | null;
  /** Absent: `context`. */
  readonly context?: string;
  /** null: given by name only, the value is in `env`. */
  readonly buildArgs?: Readonly<Record<string, string | null>>;
  readonly target?: string | null;
  readonly platform?: string | null;
  readonly labels?: Readonly<Record<string, string>>;
  readonly secrets?: readonly string[];
  readonly buildContexts?: Readonly<Record<string, string>>;
  readonly options?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

export interface Case extends Spec {
  readonly name: string;
  readonly topic: string;
  /** `own`, or where the context comes from. */
  readonly source: string;
  /** Images to build first. */
  readonly pre?: readonly (Spec & { readonly tag: string })[];
  /** null: the build succeeds; else phrases that the failing build prints. */
  readonly expectError: readonly string[] | null;
  /** `root`: its setup needs that; `buildkit`: the old builder cannot do it. */
  readonly needs: readonly string[];
  /** `transport`: what it needs cannot travel over the classic API. */
  readonly needsReason?: 'transport' | 'semantics';
  /** Patterns of paths that are not compared. */
  readonly fsIgnore?: readonly string[];
  readonly note?: string;
  readonly expected: Expected;
  /** Its files, by path: the bytes, or the folder that they are copied from. */
  readonly files: ReadonlyMap<string, Buffer> | { readonly folder: string };
}

/** A path of the flattened root that differs from the base. */
export interface Entry {
  readonly type: string;
  readonly mode?: string;
  readonly uid?: number;
  readonly gid?: number;
  readonly size?: number;
  readonly sha256?: string;
  readonly link?: string;
  readonly dev?: readonly number[];
  /** Values in hex. */
  readonly xattrs?: Readonly<Record<string, string>>;
  /** The other names of the same file. */
  readonly hardlinks?: readonly string[];
  readonly mtime?: number;
  /** The time is fixed by the build, and compared. */
  readonly mtime_checked?: boolean;
  /** Names of fields that vary. */
  readonly unchecked?: readonly string[];
}

export interface HistoryEntry {
  readonly created_by?: string;
  readonly empty_layer?: boolean;
  readonly comment?: string;
  readonly author?: string;
  readonly created?: string;
}

export type Expected =
  | { readonly exit: 'error'; readonly error_text?: string }
  | {
      readonly exit: 'ok';
      readonly error_text?: undefined;
      /** The image whose layers the result starts with, or `scratch`. */
      readonly base: string;
      readonly config: Readonly<Record<string, unknown>>;
      readonly created?: string;
      readonly layers_added?: number | null;
      readonly history?: readonly HistoryEntry[];
      readonly fs: Readonly<Record<string, Entry>>;
      /** Paths of the base that are gone, topmost only. */
      readonly deleted: readonly string[];
      readonly warnings?: readonly string[];
    };

export function contextOf({ context = 'context' }: Spec): string {
  return context;
}

export const ownFolder = resolve(import.meta.dirname, '../../conformance');

/** Where further cases are, unless the command line says so. */
export const furtherFolder = process.env['STRATA_CONFORMANCE'] ?? resolve(ownFolder, '../../shared/conformance');

export function readOwnCases(): readonly Case[] {
  return globSync('*.json', { cwd: ownFolder })
    .sort()
    .flatMap((file) => unpackTopic(basename(file, '.json'), JSON.parse(readFileSync(join(ownFolder, file), 'utf8'))));
}

/** Those of other projects; none where the folder is not there. */
export function readFurtherCases(folder = furtherFolder): readonly Case[] {
  const root = join(folder, 'cases');
  if (!existsSync(root)) return [];
  return readdirSync(root)
    .sort()
    .map((name) => readCaseFolder(join(root, name)))
    .filter(({ source }) => source !== 'own');
}

export function readCaseFolder(folder: string): Case {
  const read = (name: string) => JSON.parse(readFileSync(join(folder, name), 'utf8'));
  return { ...read('case.json'), expected: read('expected.json'), files: { folder } };
}

/** The bytes of one of the case's files; undefined where it has none of that name. */
export function fileOf({ files }: Case, path: string): Buffer | undefined {
  if (files instanceof Map) return files.get(path);
  const { folder } = files as { folder: string };
  return existsSync(join(folder, path)) ? readFileSync(join(folder, path)) : undefined;
}

/** Text as its lines; bytes that are no text compressed, in base64. */
export type PackedFile = readonly string[] | { readonly gzip: string };

/** A case in a topic's file: what is usual is left out. */
interface PackedCase {
  readonly files: Readonly<Record<string, PackedFile>>;
  readonly expected: Expected;
}

export const defaults: Readonly<Record<string, unknown>> = {
  source: 'own',
  dockerfile: 'context/Dockerfile',
  context: 'context',
  buildArgs: {},
  target: null,
  platform: null,
  secrets: [],
  options: [],
  expectError: null,
  needs: [],
};
export const modes: Readonly<Record<string, string>> = { file: '0644', dir: '0755', symlink: '0777' };

export function unpackTopic(topic: string, cases: Readonly<Record<string, PackedCase>>): readonly Case[] {
  return Object.entries(cases).map(([name, { files, expected, ...spec }]) => {
    const bytes = Object.entries(files).map(([path, file]) => [path, unpackFile(file)] as const);
    return {
      ...defaults,
      ...spec,
      name,
      topic,
      expected: unpackExpected(expected),
      files: new Map(bytes),
    } as unknown as Case;
  });
}

function unpackFile(file: PackedFile): Buffer {
  return 'gzip' in file ? gunzipSync(Buffer.from(file.gzip, 'base64')) : Buffer.from(file.join('\n'));
}

function unpackExpected(expected: Expected): Expected {
  if (expected.exit === 'error') return expected;
  const entries = Object.entries(expected.fs).map(([path, entry]) => {
    const mode = modes[entry.type];
    const usual = { ...(mode && { mode }), uid: 0, gid: 0, ...entry };
    const known = Object.entries(usual).filter(([field]) => !entry.unchecked?.includes(field));
    return [path, { ...Object.fromEntries(known), ...(entry.mtime !== undefined && { mtime_checked: true }) }];
  });
  return { ...expected, fs: Object.fromEntries(entries) };
}

/** Plain files below a case's folder, without what describes the case, in the order of their folders' names. */
export function filesBelow(folder: string): readonly string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !['case.json', 'expected.json'].includes(entry.name))
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)))
    .sort((a, b) => compareParts(a.split('/'), b.split('/')));
}

function compareParts(a: readonly string[], b: readonly string[]): number {
  const i = a.findIndex((part, at) => part !== b[at]);
  if (i < 0) return a.length - b.length;
  return b[i] === undefined ? 1 : Buffer.compare(Buffer.from(a[i]!), Buffer.from(b[i]));
}

const fixed = 1_700_000_000;

/**
 * The time (Unix, seconds) of everything that the case does not date itself. It is made from the content: BuildKit takes
 * files of equal name, size and time for unchanged ones of an earlier build's context.
 */
export function dateOf(one: Case): number {
  const hash = createHash('sha256').update(one.name);
  const { files } = one;
  const paths = files instanceof Map ? [...files.keys()] : filesBelow((files as { folder: string }).folder);
  for (const path of [...paths].sort((a, b) => compareParts(a.split('/'), b.split('/'))))
    hash.update(`${path}\0`).update(fileOf(one, path)!);
  return fixed + (hash.digest().readUInt32BE(0) % 20_000_000);
}
