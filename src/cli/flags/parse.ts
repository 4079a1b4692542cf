import { UsageError } from '../usage-error.ts';
import type { Flag, Flags } from './flag.ts';

export interface ParsedFlags {
  /** By long name. */
  readonly values: Readonly<Record<string, unknown>>;
  /** Long names of what was given. */
  readonly given: ReadonlySet<string>;
  readonly args: readonly string[];
}

/**
 * Reads options as docker's parser does. With `interspersed` false the first argument ends them: what follows an image
 * belongs to the command in it. Throws a UsageError in the words people know.
 */
export function parseFlags(flags: Flags, argv: readonly string[], interspersed: boolean): ParsedFlags {
  const values: Record<string, unknown> = {};
  for (const [name, flag] of Object.entries(flags)) values[name] = flag.initial;
  const byShort = new Map(
    Object.entries(flags).flatMap(([name, flag]) => (flag.short ? [[flag.short, name]] : [])) as [string, string][],
  );
  const given = new Set<string>();
  const args: string[] = [];

  const set = (name: string, text: string) => {
    const flag = flags[name]!;
    try {
      values[name] = flag.take(given.has(name) ? values[name] : flag.initial, text);
    } catch (cause) {
      throw new UsageError(
        `invalid argument ${JSON.stringify(text)} for "${spelled(name, flag)}" flag: ${(cause as Error).message}`,
      );
    }
    given.add(name);
  };

  for (let at = 0; at < argv.length; at++) {
    const word = argv[at]!;
    if (word === '--') {
      args.push(...argv.slice(at + 1));
      break;
    }
    if (word === '-' || !word.startsWith('-')) {
      if (!interspersed) {
        args.push(...argv.slice(at));
        break;
      }
      args.push(word);
      continue;
    }
    at += word.startsWith('--') ? takeLong(word, argv[at + 1]) : takeShort(word, argv[at + 1]);
  }
  return { values, given, args };

  /** How many further words belong to this one. */
  function takeLong(word: string, next: string | undefined): 0 | 1 {
    const equals = word.indexOf('=');
    const name = word.slice(2, equals === -1 ? undefined : equals);
    if (name === '' || name.startsWith('-')) throw new UsageError(`bad flag syntax: ${word}`);
    const flag = Object.hasOwn(flags, name) ? flags[name] : undefined;
    if (!flag) throw new UsageError(name === 'help' ? 'help' : `unknown flag: --${name}`, { help: name === 'help' });
    if (equals !== -1) {
      set(name, word.slice(equals + 1));
      return 0;
    }
    if (flag.bare !== undefined) {
      set(name, flag.bare);
      return 0;
    }
    if (next === undefined) throw new UsageError(`flag needs an argument: --${name}`);
    set(name, next);
    return 1;
  }

  function takeShort(word: string, next: string | undefined): 0 | 1 {
    const letters = word.slice(1);
    for (let at = 0; at < letters.length; at++) {
      const letter = letters[at]!;
      const name = byShort.get(letter);
      if (name === undefined) {
        const help = letter === 'h';
        throw new UsageError(help ? 'help' : `unknown shorthand flag: '${letter}' in -${letters.slice(at)}`, { help });
      }
      const rest = letters.slice(at + 1);
      if (rest.startsWith('=')) {
        set(name, rest.slice(1));
        return 0;
      }
      const flag = flags[name]!;
      if (flag.bare !== undefined) {
        set(name, flag.bare);
        continue;
      }
      if (rest !== '') {
        set(name, rest);
        return 0;
      }
      if (next === undefined) throw new UsageError(`flag needs an argument: '${letter}' in -${letters.slice(at)}`);
      set(name, next);
      return 1;
    }
    return 0;
  }
}

function spelled(name: string, flag: Flag<unknown>): string {
  return flag.short ? `-${flag.short}, --${name}` : `--${name}`;
}
