/** Physical lines: where each begins and ends in the text. */

/** Bytes in front of a line's `\n`; longer lines are refused, as the reference does (its line buffer is 64 KiB). */
export const maxLineLength = 65535;

export interface PhysicalLine {
  /** Counts from 1. */
  readonly number: number;
  /** Without the line end. */
  readonly text: string;
  /** The line end: `\n`, `\r\n`, or nothing at the end of the text. */
  readonly ending: string;
}

/** The lines of a text; a byte order mark at its start is dropped. */
export function physicalLines(text: string): PhysicalLine[] {
  const lines: PhysicalLine[] = [];
  let at = text.startsWith('\ufeff') ? 1 : 0;
  while (at < text.length) {
    const newline = text.indexOf('\n', at);
    const next = newline < 0 ? text.length : newline + 1;
    let end = newline < 0 ? next : newline;
    while (end > at && text[end - 1] === '\r') end--;
    const ending = newline === end ? '\n' : text.slice(end, next);
    lines.push({ number: lines.length + 1, text: text.slice(at, end), ending });
    at = next;
  }
  return lines;
}

export function isOverlong({ text, ending }: PhysicalLine): boolean {
  // A UTF-16 unit takes at most three bytes, so most lines need no counting.
  if (3 * text.length <= maxLineLength) return false;
  return Buffer.byteLength(text) + ending.replace('\n', '').length > maxLineLength;
}
