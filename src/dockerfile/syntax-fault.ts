import type { TextRange } from './types.ts';

/**
 * A finding inside the parser: a message in the reference's words and where it belongs. The entry points turn it into a
 * StrataError with an excerpt; it never leaves the room.
 */
export class SyntaxFault extends Error {
  readonly range: TextRange | undefined;
  readonly hint: string | undefined;

  constructor(message: string, options: { range?: TextRange; hint?: string } = {}) {
    super(message);
    this.name = 'SyntaxFault';
    this.range = options.range;
    this.hint = options.hint;
  }
}
