/**
 * One pattern of a .dockerignore. The reference turns it into a regular expression, whose quirks people's files rely on;
 * here the same expression is read into a small machine that runs in pattern x path steps, since both are hostile.
 */

import { badPattern } from './file-match.ts';
import { checkPatternSyntax } from './pattern-syntax.ts';

type Test = (char: string) => boolean;
type Part =
  | { readonly kind: 'one' | 'many'; readonly test: Test }
  /** Nothing, or anything that ends in a slash: a `**` in front of more. */
  | { readonly kind: 'directories' }
  /** Takes no character and looks at those around: `^`, and the word boundaries `\\b` and `\\B`. */
  | { readonly kind: 'assert'; readonly test: (before: string, after: string) => boolean };

const notSlash: Test = (char) => char !== '/';
const notNewline: Test = (char) => char !== '\n';
const exactly =
  (wanted: string): Test =>
  (char) =>
    char === wanted;

/**
 * Compiles a cleaned pattern without its `!`.
 *
 * @returns a test of whole paths, which throws as well: some mistakes only count once a path is compared
 * @throws StrataError invalid_argument, `syntax error in pattern`
 */
export function compileIgnorePattern(pattern: string): (path: string) => boolean {
  checkPatternSyntax(pattern);
  let compiled: ((path: string) => boolean) | undefined;
  return (path) => {
    compiled ??= compile(pattern);
    return compiled(path);
  };
}

function compile(pattern: string): (path: string) => boolean {
  if (!hasMagic(pattern)) return (path) => path === pattern;
  if (pattern.startsWith('**') && !hasMagic(pattern.slice(2))) return suffixMatcher(pattern.slice(2));
  if (pattern.endsWith('**') && !hasMagic(pattern.slice(0, -2))) return (path) => path.startsWith(pattern.slice(0, -2));
  const parts = readParts([...pattern]);
  return (path) => runParts(parts, [...path]);
}

function hasMagic(text: string): boolean {
  return /[*?[\]\\]/.test(text);
}

/** Two stars alone match all; in front of `/name` they match any path that ends so, and the name itself. */
function suffixMatcher(suffix: string): (path: string) => boolean {
  return (path) => path.endsWith(suffix) || (suffix.startsWith('/') && path === suffix.slice(1));
}

function readParts(chars: readonly string[]): Part[] {
  const parts: Part[] = [];
  for (let at = 0; at < chars.length; ) {
    const char = chars[at++]!;
    if (char === '*' && chars[at] === '*') {
      at++;
      if (chars[at] === '/') at++;
      parts.push(at === chars.length ? { kind: 'many', test: notNewline } : { kind: 'directories' });
    } else if (char === '*') parts.push({ kind: 'many', test: notSlash });
    else if (char === '?') parts.push({ kind: 'one', test: notSlash });
    else if (char === '^') parts.push({ kind: 'assert', test: (before) => before === '' });
    else if (char === '\\') parts.push(...escapedParts(chars[at++]));
    else if (char === '[') at = readClass(chars, at, parts);
    else parts.push({ kind: 'one', test: exactly(char) });
  }
  return parts;
}

const classEscapes: Readonly<Record<string, Test>> = {
  d: (char) => /[0-9]/.test(char),
  D: (char) => !/[0-9]/.test(char),
  s: (char) => /[\t\n\f\r ]/.test(char),
  S: (char) => !/[\t\n\f\r ]/.test(char),
  w: (char) => /[0-9A-Za-z_]/.test(char),
  W: (char) => !/[0-9A-Za-z_]/.test(char),
};
const charEscapes: Readonly<Record<string, string>> = {
  a: '\x07',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
};

/** The reference adds its end anchor behind a backslash at the end, which makes a dollar sign of it and drops the anchor. */
function escapedParts(char: string | undefined): Part[] {
  if (char === undefined) {
    return [
      { kind: 'one', test: exactly('$') },
      { kind: 'many', test: () => true },
    ];
  }
  if (char === 'b' || char === 'B') {
    const wanted = char === 'b';
    return [{ kind: 'assert', test: (before, after) => (isWord(before) !== isWord(after)) === wanted }];
  }
  return [{ kind: 'one', test: escapedTest(char) }];
}

function isWord(char: string): boolean {
  return /^[0-9A-Za-z_]$/.test(char);
}

/** An escaped letter means to the expression what it means to any regular expression; other characters themselves. */
function escapedTest(char: string): Test {
  if (Object.hasOwn(classEscapes, char)) return classEscapes[char]!;
  return exactly(escapedChar(char));
}

function escapedChar(char: string): string {
  if (Object.hasOwn(charEscapes, char)) return charEscapes[char]!;
  if (!/^[\x00-/:-@[-`{-\x7f]$/.test(char)) throw badPattern();
  return char;
}

/** Wildcards are rewritten inside classes too, so a class that holds one is not what it seems. */
function readClass(chars: readonly string[], start: number, parts: Part[]): number {
  const negated = chars[start] === '^';
  const tests: Test[] = [];
  let at = negated ? start + 1 : start;
  for (let first = true; first || chars[at] !== ']'; first = false) {
    const char = chars[at++];
    if (char === undefined) throw badPattern();
    if (char === '*' || char === '?') {
      // `[a*b]` reads `[a[^/]*b]`: a class of `a`, `[`, `^` and `/`, repeated for `*`, and then ordinary characters.
      const broken = anyOf([...tests, exactly('['), exactly('^'), exactly('/')], negated);
      parts.push({ kind: char === '*' ? 'many' : 'one', test: broken });
      return at;
    }
    const low = char === '\\' ? chars[at++]! : char;
    if (char === '\\' && Object.hasOwn(classEscapes, low)) {
      tests.push(classEscapes[low]!);
      continue;
    }
    const from = char === '\\' ? escapedChar(low) : low;
    if (chars[at] !== '-' || chars[at + 1] === ']' || at + 1 >= chars.length) {
      tests.push(exactly(from));
      continue;
    }
    at++;
    const high = chars[at] === '\\' ? escapedChar(chars[++at]!) : chars[at]!;
    at++;
    tests.push(rangeTest(from, high));
  }
  parts.push({ kind: 'one', test: anyOf(tests, negated) });
  return at + 1;
}

function anyOf(tests: readonly Test[], negated: boolean): Test {
  return (char) => tests.some((test) => test(char)) !== negated;
}

function rangeTest(low: string, high: string): Test {
  const from = low.codePointAt(0)!;
  const to = high.codePointAt(0)!;
  if (to < from) throw badPattern();
  return (char) => {
    const code = char.codePointAt(0)!;
    return from <= code && code <= to;
  };
}

function runParts(parts: readonly Part[], chars: readonly string[]): boolean {
  const size = chars.length;
  let reached = new Uint8Array(size + 1);
  reached[0] = 1;
  for (const part of parts) {
    const next = new Uint8Array(size + 1);
    let open = false;
    for (let at = 0; at <= size; at++) {
      const before = at > 0 ? chars[at - 1]! : '';
      switch (part.kind) {
        case 'assert':
          next[at] = reached[at] && part.test(before, chars[at] ?? '') ? 1 : 0;
          break;
        case 'one':
          next[at] = at > 0 && reached[at - 1] && part.test(before) ? 1 : 0;
          break;
        case 'many':
          next[at] = reached[at] || (at > 0 && next[at - 1] && part.test(before)) ? 1 : 0;
          break;
        case 'directories':
          if (before === '\n') open = false;
          next[at] = reached[at] || (open && before === '/') ? 1 : 0;
          open ||= reached[at] === 1;
          break;
      }
    }
    reached = next;
  }
  return reached[size] === 1;
}
