/** Parser directives: `# syntax=`, `# escape=`, `# check=` in front of everything else. */

import { skipSpace } from './go-text.ts';
import type { PhysicalLine } from './physical-lines.ts';
import type { Directives, EscapeToken } from './types.ts';

const directiveNames = ['syntax', 'escape', 'check'] as const;
type DirectiveName = (typeof directiveNames)[number];

const form = /^([a-zA-Z][a-zA-Z0-9]*)\s*=\s*(.+?)\s*$/;

export interface DirectiveLine {
  readonly name: DirectiveName;
  readonly value: string;
}

/** Reads directives line by line until the first line that is none; after that it only says undefined. */
export class DirectiveReader {
  readonly #seen = new Set<string>();
  #done = false;

  /** @returns the directive of this line, or the message of what is wrong with it. */
  read(line: string): DirectiveLine | string | undefined {
    if (this.#done) return undefined;
    const match = line.startsWith('#') ? form.exec(line.slice(skipSpace(line, 1))) : null;
    const name = match?.[1]?.toLowerCase() as DirectiveName | undefined;
    if (!match || !name || !directiveNames.includes(name)) {
      this.#done = true;
      return undefined;
    }
    if (this.#seen.has(name)) return `only one ${name} parser directive can be used`;
    this.#seen.add(name);
    return { name, value: match[2]! };
  }
}

export function isEscapeToken(value: string): value is EscapeToken {
  return value === '\\' || value === '`';
}

/**
 * The values of `syntax` and `check`. They are looked up apart from the parse: a `#!` line may precede them, and no
 * blanks may stand in front of the `#`.
 */
export function frontDirectives(lines: readonly PhysicalLine[]): Omit<Directives, 'escape'> {
  const reader = new DirectiveReader();
  const found: { syntax?: string; check?: string } = {};
  const first = lines[0]?.text.startsWith('#!') ? 1 : 0;
  for (let at = first; at < lines.length; at++) {
    const directive = reader.read(lines[at]!.text);
    if (!directive || typeof directive === 'string') break;
    if (directive.name !== 'escape') found[directive.name] = directive.value;
  }
  return found;
}
