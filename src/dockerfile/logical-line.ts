import type { TextRange } from './types.ts';

/** Where a piece of a logical line comes from. */
interface Segment {
  /** Offset in the logical line. */
  readonly start: number;
  readonly line: number;
  /** Column of the segment's first character; counts from 1. */
  readonly column: number;
}

/**
 * A logical line that grows by continuation and remembers where each character stands in the file, so that every token
 * cut from it has an exact range.
 */
export class LogicalLine {
  readonly #file: string;
  readonly #segments: Segment[] = [];
  #text = '';

  constructor(file: string) {
    this.#file = file;
  }

  append(text: string, line: number, column: number): void {
    this.#segments.push({ start: this.#text.length, line, column });
    this.#text += text;
  }

  get text(): string {
    return this.#text;
  }

  /** The place of the characters from `start` up to `end` (exclusive). */
  range(start: number, end: number): TextRange {
    const only = this.#segments[0];
    if (only && this.#segments.length === 1) {
      const { line, column } = only;
      return {
        file: this.#file,
        line,
        column: column + start,
        endLine: line,
        endColumn: column + Math.max(start, end),
      };
    }
    const from = this.#place(start);
    // The end belongs to the last character, not to whatever follows it on the next physical line.
    const last = end > start ? this.#place(end - 1) : from;
    const endColumn = end > start ? last.column + 1 : from.column;
    return { file: this.#file, line: from.line, column: from.column, endLine: last.line, endColumn };
  }

  #place(offset: number): { line: number; column: number } {
    let low = 0;
    let high = this.#segments.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.#segments[middle]!.start <= offset) low = middle;
      else high = middle - 1;
    }
    const segment = this.#segments[low];
    if (!segment) return { line: 1, column: 1 };
    return { line: segment.line, column: segment.column + offset - segment.start };
  }
}

/** A part of a logical line; offsets count from the line's start. */
export interface Piece {
  readonly text: string;
  readonly start: number;
  readonly end: number;
}
