import { isSpace } from './go-text.ts';
import type { Piece } from './logical-line.ts';
import { isBlank } from './split-command.ts';

/**
 * Words separated by white space, for ARG, ENV and LABEL: quotes keep blanks inside a word and stay in it, as escapes
 * do; both are resolved when the word is expanded.
 */
export function quotedWords(rest: Piece, escapeToken: string): Piece[] {
  const words: Piece[] = [];
  const text = rest.text;
  let at = 0;
  while (at < text.length) {
    if (isSpace(text[at]!)) {
      at++;
      continue;
    }
    const word = readQuotedWord(text, at, escapeToken);
    if (word.text !== '') words.push({ text: word.text, start: rest.start + at, end: rest.start + word.next });
    at = word.next;
  }
  return words;
}

function readQuotedWord(text: string, start: number, escapeToken: string): { text: string; next: number } {
  let quote = '';
  let at = start;
  for (; at < text.length; at++) {
    const char = text[at]!;
    if (quote === '' && isSpace(char)) break;
    if (char === quote) quote = '';
    else if (quote === '' && (char === "'" || char === '"')) quote = char;
    else if (char === escapeToken && quote !== "'") {
      // An escape as the last character is dropped; otherwise it protects the next one and both are kept.
      if (at + 1 === text.length) return { text: text.slice(start, at), next: text.length };
      at++;
    }
  }
  return { text: text.slice(start, at), next: at };
}

/** Words separated by blanks, nothing else: FROM, EXPOSE and the list forms of ADD, COPY and VOLUME. */
export function blankWords(rest: Piece): Piece[] {
  const words: Piece[] = [];
  if (rest.text === '') return words;
  let start = 0;
  for (let at = 0; at <= rest.text.length; at++) {
    if (at < rest.text.length && !isBlank(rest.text[at]!)) continue;
    words.push({ text: rest.text.slice(start, at), start: rest.start + start, end: rest.start + at });
    while (at + 1 < rest.text.length && isBlank(rest.text[at + 1]!)) at++;
    start = at + 1;
  }
  return words;
}
