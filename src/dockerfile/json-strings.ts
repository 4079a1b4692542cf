import { skipSpace } from './go-text.ts';
import type { Piece } from './logical-line.ts';
import { SyntaxFault } from './syntax-fault.ts';

const jsonString = /"(?:[^"\\]|\\.)*"/y;

/**
 * The JSON form of an instruction's arguments: the strings of the array, or undefined where the text is no JSON array
 * and so has to be read as the shell or list form.
 *
 * @throws SyntaxFault for an array that holds anything but strings.
 */
export function jsonStrings(rest: Piece): Piece[] | undefined {
  const offset = skipSpace(rest.text);
  if (rest.text[offset] !== '[') return undefined;
  const text = rest.text.slice(offset);
  const value = parseArray(text);
  if (!value) return undefined;
  if (!value.every((item) => typeof item === 'string')) {
    throw new SyntaxFault('when using JSON array syntax, arrays must be comprised of strings only');
  }
  return locate(text, value as string[], rest.start + offset);
}

function parseArray(text: string): unknown[] | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (!Array.isArray(value) || value.some(overflows)) return undefined;
  return value;
}

/** A number beyond a double makes the text "not JSON" for the reference. */
function overflows(item: unknown): boolean {
  return typeof item === 'number' && !Number.isFinite(item);
}

/** The text is known to be a valid array of strings: the string literals in it are its items in order. */
function locate(text: string, items: readonly string[], start: number): Piece[] {
  let at = 0;
  return items.map((item) => {
    jsonString.lastIndex = text.indexOf('"', at);
    const literal = jsonString.exec(text)![0];
    const from = jsonString.lastIndex - literal.length;
    at = jsonString.lastIndex;
    return { text: item.toWellFormed(), start: start + from, end: start + at };
  });
}
