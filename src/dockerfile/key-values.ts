import { quote } from './go-text.ts';
import type { Piece } from './logical-line.ts';
import { isBlank } from './split-command.ts';
import { SyntaxFault } from './syntax-fault.ts';
import { quotedWords } from './words.ts';

/**
 * The arguments of ENV and LABEL as triples of key, value and separator: `k=v k2=v2`, or the legacy `k the rest`,
 * whose separator is empty. The first word decides which.
 */
export function keyValueTriples(rest: Piece, instruction: 'ENV' | 'LABEL', escapeToken: string): Piece[] {
  const words = quotedWords(rest, escapeToken);
  if (words.length === 0) return [];
  if (!words[0]!.text.includes('=')) return legacyTriple(rest, instruction);
  const triples: Piece[] = [];
  for (const word of words) {
    const cut = word.text.indexOf('=');
    if (cut < 0) {
      throw new SyntaxFault(`Syntax error - can't find = in ${quote(word.text)}. Must be of the form: name=value`, {
        hint: `quote values that hold blanks: ${instruction} NAME="a value"`,
      });
    }
    const at = word.start + cut;
    triples.push(
      { text: word.text.slice(0, cut), start: word.start, end: at },
      { text: word.text.slice(cut + 1), start: at + 1, end: Math.max(at + 1, word.end) },
      { text: '=', start: at, end: at + 1 },
    );
  }
  return triples;
}

function legacyTriple(rest: Piece, instruction: string): Piece[] {
  const { text, start, end } = rest;
  let cut = 0;
  while (cut < text.length && !isBlank(text[cut]!)) cut++;
  if (cut === text.length) throw new SyntaxFault(`${instruction} must have two arguments`);
  let value = cut;
  while (value < text.length && isBlank(text[value]!)) value++;
  return [
    { text: text.slice(0, cut), start, end: start + cut },
    { text: text.slice(value), start: start + value, end },
    { text: '', start: start + cut, end: start + value },
  ];
}
