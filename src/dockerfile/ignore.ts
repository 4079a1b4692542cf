/** .dockerignore, and the same kind of patterns elsewhere (`--exclude`, named contexts). */

import { posix } from 'node:path';
import { StrataError } from '../errors/index.ts';
import { trimSpace } from './go-text.ts';
import { compileIgnorePattern } from './ignore-pattern.ts';

/**
 * Patterns in their order; the last one that matches a path or one of its parents decides. Paths are relative to the
 * root of the context, with slashes, without `./`.
 */
export interface Ignore {
  /** True where the path is ignored. `isDirectory` is not needed by the rules and accepted for symmetry. */
  (path: string, isDirectory?: boolean): boolean;
  /** True where the directory is ignored and nothing below it can be wanted again, so that it need not be read. */
  readonly skipsDirectory: (path: string) => boolean;
  /** True where some pattern begins with `!`. */
  readonly hasExceptions: boolean;
  /** The patterns in use, cleaned. */
  readonly patterns: readonly string[];
  /** The pattern that decided about a path, for saying why a file is missing; undefined where none did. */
  readonly decidedBy: (path: string) => string | undefined;
}

interface Pattern {
  readonly text: string;
  readonly exception: boolean;
  readonly matches: (path: string) => boolean;
}

/**
 * The patterns of a .dockerignore's text: comment lines and blanks dropped, paths cleaned, a slash in front removed.
 */
export function readIgnoreFile(text: string): string[] {
  const lines = text.replace(/^\ufeff/, '').split('\n');
  return lines.flatMap((line) => {
    if (line.startsWith('#')) return [];
    const pattern = trimSpace(line);
    if (pattern === '') return [];
    const exception = pattern.startsWith('!');
    const path = exception ? trimSpace(pattern.slice(1)) : pattern;
    return [(exception ? '!' : '') + cleanRelative(path)];
  });
}

function cleanRelative(path: string): string {
  if (path === '') return '';
  const clean = cleanPath(path);
  return clean.length > 1 && clean.startsWith('/') ? clean.slice(1) : clean;
}

/** Go's path cleaning: like normalize, without a slash at the end. */
function cleanPath(path: string): string {
  const normal = posix.normalize(path);
  return normal.length > 1 && normal.endsWith('/') ? normal.slice(0, -1) : normal;
}

/**
 * Makes a matcher from a .dockerignore's text or from patterns.
 *
 * @throws StrataError invalid_argument, `syntax error in pattern` or `illegal exclusion pattern: "!"`
 */
export function createIgnore(source: string | readonly string[]): Ignore {
  const patterns = (typeof source === 'string' ? readIgnoreFile(source) : source).flatMap(parsePattern);
  const memory = new Map<string, readonly boolean[]>();
  const hitsOf = (directory: string): readonly boolean[] => {
    const known = memory.get(directory);
    if (known) return known;
    const hits = hitsFor(directory);
    if (memory.size >= maxRemembered) memory.clear();
    memory.set(directory, hits);
    return hits;
  };
  /** Which patterns match the path or a parent, as far as they were asked: see `decide`. */
  const hitsFor = (path: string): readonly boolean[] => {
    const cut = path.lastIndexOf('/');
    return decide(patterns, path, cut < 0 ? undefined : hitsOf(path.slice(0, cut)));
  };
  const ignores = (path: string): boolean => verdict(patterns, hitsFor(path));
  return Object.assign(ignores, {
    skipsDirectory: (path: string) => verdict(patterns, hitsOf(path)) && !mayHoldExceptions(patterns, path),
    hasExceptions: patterns.some((pattern) => pattern.exception),
    patterns: patterns.map((pattern) => (pattern.exception ? '!' : '') + pattern.text),
    decidedBy: (path: string) => {
      const hits = hitsFor(path);
      const last = patterns.findLast((_, index) => hits[index]);
      return last && (last.exception ? '!' : '') + last.text;
    },
  });
}

/** Directories whose result is kept; each costs a few bytes a pattern. */
const maxRemembered = 50_000;

function parsePattern(raw: string): Pattern[] {
  const trimmed = trimSpace(raw);
  if (trimmed === '') return [];
  const clean = cleanPath(trimmed);
  const exception = clean.startsWith('!');
  if (clean === '!') throw new StrataError('invalid_argument', 'illegal exclusion pattern: "!"');
  const text = exception ? clean.slice(1) : clean;
  return [{ text, exception, matches: compileIgnorePattern(text) }];
}

/**
 * A pattern that matched the parent matches the path. Otherwise it is only asked where it could change the verdict so
 * far, and what it was not asked counts as no match for the paths below: the reference works so, and it shows.
 */
function decide(
  patterns: readonly Pattern[],
  path: string,
  parent: readonly boolean[] | undefined,
): readonly boolean[] {
  let ignored = false;
  return patterns.map((pattern, index) => {
    const hit = parent?.[index] === true || (pattern.exception === ignored && pattern.matches(path));
    if (hit) ignored = !pattern.exception;
    return hit;
  });
}

function verdict(patterns: readonly Pattern[], hits: readonly boolean[]): boolean {
  const last = patterns.findLastIndex((_, index) => hits[index]);
  return last >= 0 && !patterns[last]!.exception;
}

/** Exceptions without wildcards name what they want, so directories off their way can be skipped. */
function mayHoldExceptions(patterns: readonly Pattern[], directory: string): boolean {
  return patterns.some(({ exception, text }) => {
    if (!exception) return false;
    const front = text.replace(/\/\*\*$/, '').replace(/\/\*$/, '');
    return /[*[\]?^]/.test(front) || `${front}/`.startsWith(`${directory}/`);
  });
}
