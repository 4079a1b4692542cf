/**
 * `node scripts/conformance/pack.ts DIR`: writes `conformance/*.json` anew from the recorded cases of the project in
 * DIR/cases (a folder each: `case.json`, `expected.json`, the files).
 */
import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import {
  type Case,
  defaults,
  type Expected,
  fileOf,
  filesBelow,
  modes,
  ownFolder,
  type PackedFile,
  readCaseFolder,
} from './case.ts';

/** A topic's file: what is usual is left out, and what fits on a line is on one. */
export function packTopic(cases: readonly Case[]): string {
  const packed = Object.fromEntries(cases.map((one) => [one.name, packCase(one)]));
  return `${layOut(packed, { depth: 0, taken: 0 })}\n`;
}

function packCase(one: Case): Readonly<Record<string, unknown>> {
  const { name: _name, topic: _topic, files, expected, ...spec } = one;
  const paths = files instanceof Map ? [...files.keys()] : filesBelow((files as { folder: string }).folder);
  const unusual = Object.entries(spec).filter(
    ([field, value]) => JSON.stringify(defaults[field]) !== JSON.stringify(value) && value !== null,
  );
  return {
    ...Object.fromEntries(unusual),
    files: Object.fromEntries(paths.map((path) => [path, packFile(fileOf(one, path)!)])),
    expected: packExpected(expected),
  };
}

function packFile(bytes: Buffer): PackedFile {
  const text = bytes.toString('utf8');
  const isText = Buffer.from(text).equals(bytes) && !/[\0\x1b]/.test(text);
  return isText ? text.split('\n') : { gzip: gzipSync(bytes, { level: 9 }).toString('base64') };
}

function packExpected(expected: Expected): Expected {
  if (expected.exit === 'error') return expected;
  const entries = Object.entries(expected.fs).map(([path, { mtime_checked: _, ...entry }]) => {
    const usual: Record<string, unknown> = { mode: modes[entry.type], uid: 0, gid: 0 };
    return [path, Object.fromEntries(Object.entries(entry).filter(([field, value]) => usual[field] !== value))];
  });
  return { ...expected, fs: Object.fromEntries(entries) };
}

const width = 140;

/** JSON; cases and their fields have lines of their own, deeper values only where one line does not hold them. */
function layOut(value: unknown, { depth, taken }: { readonly depth: number; readonly taken: number }): string {
  const line = inLine(value);
  const fits = depth + taken + line.length < width;
  if (value === null || typeof value !== 'object' || (depth > 1 && fits)) return line;
  const inner = ' '.repeat(depth + 1);
  const isList = Array.isArray(value);
  const parts = Object.entries(value).map(([key, part]) => {
    const name = isList ? '' : `${JSON.stringify(key)}: `;
    return `${inner}${name}${layOut(part, { depth: depth + 1, taken: name.length })}`;
  });
  const [open, close] = isList ? '[]' : '{}';
  return `${open}\n${parts.join(',\n')}\n${' '.repeat(depth)}${close}`;
}

function inLine(value: unknown): string {
  if (value === null || typeof value !== 'object') return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map(inLine).join(', ')}]`;
  const fields = Object.entries(value).map(([key, part]) => `${JSON.stringify(key)}: ${inLine(part)}`);
  return fields.length > 0 ? `{ ${fields.join(', ')} }` : '{}';
}

if (import.meta.main) {
  const root = join(process.argv[2]!, 'cases');
  const names = readdirSync(root).sort();
  const cases = names.map((name) => readCaseFolder(join(root, name))).filter(({ source }) => source === 'own');
  for (const [topic, of] of Map.groupBy(cases, (one) => one.topic))
    writeFileSync(join(ownFolder, `${topic}.json`), packTopic(of));
}
