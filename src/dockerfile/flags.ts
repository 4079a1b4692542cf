import { withSuggestion } from './suggest.ts';
import { SyntaxFault } from './syntax-fault.ts';
import type { Token } from './types.ts';

export type FlagType = 'string' | 'strings' | 'boolean';

export interface FlagValues {
  /** The value of a string flag; undefined where it is not given. */
  string(name: string): string | undefined;
  strings(name: string): readonly string[];
  /** Undefined where it is not given. */
  boolean(name: string): boolean | undefined;
  readonly used: readonly string[];
}

const noFlags: FlagValues = { string: () => undefined, strings: () => [], boolean: () => undefined, used: [] };

/**
 * Reads the flags of an instruction.
 *
 * @throws SyntaxFault in the reference's words for unknown, doubled and malformed flags.
 */
export function readFlags(tokens: readonly Token[], types: Readonly<Record<string, FlagType>>): FlagValues {
  if (tokens.length === 0) return noFlags;
  const values = new Map<string, string[]>();
  for (const { text, range } of tokens) {
    try {
      readFlag(text, types, values);
    } catch (error) {
      throw error instanceof SyntaxFault ? new SyntaxFault(error.message, { range }) : error;
    }
  }
  return {
    string: (name) => values.get(name)?.[0],
    strings: (name) => values.get(name) ?? [],
    boolean: (name) => (values.has(name) ? values.get(name)![0] === 'true' : undefined),
    used: [...values.keys()],
  };
}

function readFlag(text: string, types: Readonly<Record<string, FlagType>>, values: Map<string, string[]>): void {
  const cut = text.indexOf('=');
  const name = text.slice(2, cut < 0 ? undefined : cut);
  const value = cut < 0 ? undefined : text.slice(cut + 1);
  const type = Object.hasOwn(types, name) ? types[name] : undefined;
  if (!type) throw new SyntaxFault(withSuggestion(`unknown flag: --${name}`, name, Object.keys(types)));
  const seen = values.get(name);
  if (seen && type !== 'strings') throw new SyntaxFault(`duplicate flag specified: --${name}`);
  const read = type === 'boolean' ? booleanValue(name, value) : value;
  if (read === undefined) throw new SyntaxFault(`missing a value on flag: --${name}`);
  if (seen) seen.push(read);
  else values.set(name, [read]);
}

function booleanValue(name: string, value: string | undefined): string | undefined {
  if (value === undefined) return 'true';
  if (value === '') return undefined;
  const lower = value.toLowerCase();
  if (lower !== 'true' && lower !== 'false') {
    throw new SyntaxFault(`expecting boolean value for flag --${name}, not: ${value}`);
  }
  return lower;
}
