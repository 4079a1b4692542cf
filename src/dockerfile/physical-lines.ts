/** Physical lines: where each begins and ends in the text. */

/** Longer lines are refused, as the reference does (its line buffer is 64 KiB). */
export const maxLineLength = 65535;

export interface PhysicalLine {
  /** Counts from 1. */
  readonly number: number;
  /** Without the line end (`\n`, `\r\n`). */
  readonly text: string;
  /** With the line end. */
  readonly raw: string;
}

/** The lines of a text; a byte order mark at its start is dropped. */
export function physicalLines(text: string): PhysicalLine[] {
  const lines: PhysicalLine[] = [];
  let at = text.startsWith('\ufeff') ? 1 : 0;
  while (at < text.length) {
    const newline = text.indexOf('\n', at);
    const next = newline < 0 ? text.length : newline + 1;
    const raw = text.slice(at, next);
    lines.push({ number: lines.length + 1, raw, text: trimLineEnd(raw) });
    at = next;
  }
  return lines;
}

export function trimLineEnd(raw: string): string {
  let end = raw.length;
  while (end > 0 && (raw[end - 1] === '\n' || raw[end - 1] === '\r')) end--;
  return end === raw.length ? raw : raw.slice(0, end);
}
