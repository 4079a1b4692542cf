import { isSpace, skipSpace, trimmedEnd } from './go-text.ts';
import type { Piece } from './logical-line.ts';

/** The blanks that separate words of an instruction: tab, vertical tab, form feed, carriage return, space. */
export function isBlank(char: string): boolean {
  return char === ' ' || char === '\t' || char === '\v' || char === '\f' || char === '\r';
}

export interface SplitLine {
  readonly keyword: Piece;
  readonly flags: readonly Piece[];
  /** What follows the flags, trimmed. */
  readonly rest: Piece;
}

/** Cuts `line` from `from` on into keyword, `--flags` and the rest. */
export function splitCommand(line: string, from = 0): SplitLine {
  const end = Math.max(trimmedEnd(line), from);
  const start = Math.min(skipSpace(line, from), end);
  let at = start;
  while (at < end && !isBlank(line[at]!)) at++;
  const keyword = { text: line.slice(start, at), start, end: at };
  while (at < end && isBlank(line[at]!)) at++;
  const { flags, next } = readFlags(line, at, end);
  const restStart = Math.min(skipSpace(line, next), end);
  return { keyword, flags, rest: { text: line.slice(restStart, end), start: restStart, end } };
}

/** Words that begin with `--`, up to the first that does not or to a lone `--`; quotes and backslashes are resolved. */
function readFlags(line: string, from: number, end: number): { flags: Piece[]; next: number } {
  const flags: Piece[] = [];
  let at = from;
  for (;;) {
    while (at < end && isSpace(line[at]!)) at++;
    if (at >= end || line[at] !== '-' || line[at + 1] !== '-' || at + 1 >= end) return { flags, next: at };
    const word = readFlagWord(line, at, end);
    at = word.next;
    if (word.text === '--') return { flags, next: at };
    flags.push({ text: word.text, start: word.start, end: word.next });
  }
}

function readFlagWord(line: string, start: number, end: number): { text: string; start: number; next: number } {
  let text = '';
  let quote = '';
  let at = start;
  for (; at < end; at++) {
    const char = line[at]!;
    if (quote === '' && isSpace(char)) break;
    if (char === quote) quote = '';
    else if (quote === '' && (char === "'" || char === '"')) quote = char;
    else if (char !== '\\') text += char;
    else if (at + 1 < end) text += line[++at]!;
    // A backslash at the end is dropped, and an open quote ends with it.
  }
  return { text, start, next: at };
}
