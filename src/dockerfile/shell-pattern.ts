/**
 * The patterns of `${name#pattern}` and its relatives: `*` is any text, `?` any character (neither matches a line end),
 * `\` protects `*`, `?` and `\`. Matched by tables instead of regular expressions, so that a hostile pattern costs at
 * most pattern x value steps.
 */

import { StrataError } from '../errors/index.ts';

type PatternPart =
  | { readonly kind: 'any' }
  | { readonly kind: 'one' }
  | { readonly kind: 'char'; readonly char: string };

/** Steps that one match may take: about a second of work. */
const maxSteps = 1 << 28;

/** @throws StrataError invalid_argument in the reference's words for an escape that has no meaning. */
function parsePattern(pattern: readonly string[], shown: string): PatternPart[] {
  const parts: PatternPart[] = [];
  for (let at = 0; at < pattern.length; at++) {
    let char = pattern[at]!;
    if (char === '*') parts.push({ kind: 'any' });
    else if (char === '?') parts.push({ kind: 'one' });
    else {
      if (char === '\\') {
        const next = pattern[at + 1];
        // `\}` and `\/` were needed to write the pattern inside `${}`; the backslash is not part of it.
        if (next === '}' || next === '/') continue;
        if (next !== '*' && next !== '?' && next !== '\\') {
          throw new StrataError(
            'invalid_argument',
            `invalid pattern (${shown}) in substitution: invalid escape '\\${next ?? '\ufffd'}'`,
          );
        }
        char = next;
        at++;
      }
      parts.push({ kind: 'char', char });
    }
  }
  return parts;
}

/**
 * For each position of the value, how far a match that begins there reaches (-1 where none does): the furthest with
 * `greedy`, else the nearest end.
 */
function matchEnds(parts: readonly PatternPart[], value: readonly string[], greedy: boolean): Int32Array {
  const size = value.length;
  if (parts.length * size > maxSteps) {
    throw new StrataError('invalid_argument', 'pattern and value in substitution are too long');
  }
  let ends = Int32Array.from({ length: size + 1 }, (_, index) => index);
  for (let part = parts.length - 1; part >= 0; part--) {
    const here = new Int32Array(size + 1).fill(-1);
    const { kind } = parts[part]!;
    const char = kind === 'char' ? (parts[part] as { char: string }).char : '';
    for (let at = size; at >= 0; at--) {
      const inside = at < size && value[at] !== '\n';
      if (kind === 'any') here[at] = better(ends[at]!, inside ? here[at + 1]! : -1, greedy);
      else if (kind === 'one') here[at] = inside ? ends[at + 1]! : -1;
      else here[at] = at < size && value[at] === char ? ends[at + 1]! : -1;
    }
    ends = here;
  }
  return ends;
}

function better(a: number, b: number, greedy: boolean): number {
  if (a < 0) return b;
  if (b < 0) return a;
  return greedy ? Math.max(a, b) : Math.min(a, b);
}

export function trimPrefix(pattern: string, value: string, greedy: boolean): string {
  return trimStart([...pattern], [...value], pattern, greedy).join('');
}

export function trimSuffix(pattern: string, value: string, greedy: boolean): string {
  const reversed = reversePattern(pattern);
  const rest = trimStart(reversed, [...value].reverse(), reversed.join(''), greedy);
  return rest.reverse().join('');
}

function trimStart(pattern: readonly string[], value: string[], shown: string, greedy: boolean): string[] {
  const end = matchEnds(parsePattern(pattern, shown), value, greedy)[0]!;
  return end > 0 ? value.slice(end) : value;
}

/** Back to front, with each escape kept in front of what it protects. */
function reversePattern(pattern: string): string[] {
  const chars = [...pattern];
  const groups: string[][] = [];
  for (let at = 0; at < chars.length; at++) {
    if (chars[at] === '\\' && at + 1 < chars.length) groups.push([chars[at]!, chars[++at]!]);
    else groups.push([chars[at]!]);
  }
  return groups.reverse().flat();
}

/** `${name/pattern/replacement}`, and with `all` `${name//pattern/replacement}`. */
export function replacePattern(pattern: string, value: string, replacement: string, all: boolean): string {
  const chars = [...value];
  const ends = matchEnds(parsePattern([...pattern], pattern), chars, true);
  const out: string[] = [];
  let copied = 0;
  let lastEnd = -1;
  for (let at = 0; at <= chars.length; ) {
    const end = ends[at]!;
    // An empty match directly behind the last one does not count.
    if (end < 0 || (end === at && at === lastEnd)) {
      at++;
      continue;
    }
    const match = chars.slice(at, end).join('');
    out.push(chars.slice(copied, at).join(''), all ? fillTemplate(replacement, match) : replacement);
    copied = end;
    lastEnd = end;
    if (!all) break;
    at = Math.max(end, at + 1);
  }
  out.push(chars.slice(copied).join(''));
  return out.join('');
}

const templateName = /^\$(?:\$|([\p{L}\p{Nd}_]+)|\{([\p{L}\p{Nd}_]+)\})/u;

/**
 * The reference hands the replacement of `//` to a template engine in which `$0` is the match, `$$` a dollar sign and
 * any other `$name` nothing.
 */
function fillTemplate(template: string, match: string): string {
  if (!template.includes('$')) return template;
  let out = '';
  for (let at = 0; at < template.length; ) {
    const found = template[at] === '$' ? templateName.exec(template.slice(at)) : null;
    if (!found) {
      out += template[at++];
      continue;
    }
    const name = found[1] ?? found[2];
    if (name === undefined) out += '$';
    else if (name === '0') out += match;
    at += found[0].length;
  }
  return out;
}
