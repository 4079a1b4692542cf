/**
 * Wildcards of COPY and ADD sources: Go's filepath.Match. `*` and `?` stop at `/`, `[a-z]` and `[^a-z]` are classes,
 * `\` protects. Matched by tables, so no pattern is slow.
 */

import { StrataError } from '../errors/index.ts';

type Token =
  | { readonly kind: 'star' }
  | { readonly kind: 'one' }
  | { readonly kind: 'char'; readonly char: string }
  | { readonly kind: 'class'; readonly negated: boolean; readonly ranges: readonly (readonly [string, string])[] };

export function badPattern(): StrataError {
  return new StrataError('invalid_argument', 'syntax error in pattern', { code: 'bad_pattern' });
}

/**
 * Whether the whole of `path` matches `pattern`.
 *
 * @throws StrataError invalid_argument, `syntax error in pattern`
 */
export function matchPattern(pattern: string, path: string): boolean {
  return compilePattern(pattern)(path);
}

/** Parses a pattern once for many paths. @throws StrataError as `matchPattern` */
export function compilePattern(pattern: string): (path: string) => boolean {
  const tokens = tokenize([...pattern]);
  return (path) => matchTokens(tokens, [...path]);
}

/** True where a path has characters that make it a pattern. */
export function hasWildcards(path: string): boolean {
  return /[*?[\\]/.test(path);
}

function tokenize(chars: readonly string[]): Token[] {
  const tokens: Token[] = [];
  for (let at = 0; at < chars.length; ) {
    const char = chars[at]!;
    if (char === '[') {
      const parsed = readClass(chars, at + 1);
      tokens.push(parsed.token);
      at = parsed.next;
      continue;
    }
    at++;
    if (char === '*') tokens.push({ kind: 'star' });
    else if (char === '?') tokens.push({ kind: 'one' });
    else if (char !== '\\') tokens.push({ kind: 'char', char });
    else if (at < chars.length) tokens.push({ kind: 'char', char: chars[at++]! });
    else throw badPattern();
  }
  return tokens;
}

function readClass(chars: readonly string[], start: number): { token: Token; next: number } {
  const negated = chars[start] === '^';
  const ranges: [string, string][] = [];
  let at = negated ? start + 1 : start;
  const member = (): string => {
    if (at >= chars.length || chars[at] === '-' || chars[at] === ']') throw badPattern();
    if (chars[at] === '\\') at++;
    const char = chars[at++];
    // A class must be closed, so something has to follow.
    if (char === undefined || at >= chars.length) throw badPattern();
    return char;
  };
  while (chars[at] !== ']' || ranges.length === 0) {
    const low = member();
    let high = low;
    if (chars[at] === '-') {
      at++;
      high = member();
    }
    ranges.push([low, high]);
  }
  return { token: { kind: 'class', negated, ranges }, next: at + 1 };
}

function matchTokens(tokens: readonly Token[], chars: readonly string[]): boolean {
  let reached = new Uint8Array(chars.length + 1);
  reached[0] = 1;
  for (const token of tokens) {
    const next = new Uint8Array(chars.length + 1);
    for (let at = 0; at <= chars.length; at++) {
      if (token.kind === 'star') {
        next[at] = reached[at] || (at > 0 && next[at - 1] && chars[at - 1] !== '/') ? 1 : 0;
      } else if (at > 0 && reached[at - 1] && accepts(token, chars[at - 1]!)) next[at] = 1;
    }
    reached = next;
  }
  return reached[chars.length] === 1;
}

function accepts(token: Exclude<Token, { kind: 'star' }>, char: string): boolean {
  if (token.kind === 'char') return token.char === char;
  if (token.kind === 'one') return char !== '/';
  const code = char.codePointAt(0)!;
  const inside = token.ranges.some(([low, high]) => low.codePointAt(0)! <= code && code <= high.codePointAt(0)!);
  return inside !== token.negated;
}
