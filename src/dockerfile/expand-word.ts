/**
 * Word expansion as the reference's shell lexer does it: quotes, escapes and `$name` / `${name...}` in one pass. A word
 * yields its value (`RUN`-like single word) and the words it falls into when blanks of expanded values split it.
 */

import { StrataError } from '../errors/index.ts';
import { isSpace, quote } from './go-text.ts';
import { replacePattern, trimPrefix, trimSuffix } from './shell-pattern.ts';

/** Looks a variable up; undefined where it is not set. */
export type Lookup = (name: string) => string | undefined;

export interface ExpandOptions {
  /** The escape character of the file. Default `\`. */
  readonly escape?: string;
  /** Keep quotes in the result. */
  readonly rawQuotes?: boolean;
  /** Keep escapes in the result. */
  readonly rawEscapes?: boolean;
  /** Quotes are ordinary characters (inside heredocs). */
  readonly skipQuotes?: boolean;
  /** Leave variables that are not set as they are written. */
  readonly keepUnset?: boolean;
}

export interface Expanded {
  readonly value: string;
  readonly words: readonly string[];
  /** Variables that were found. */
  readonly matched: ReadonlySet<string>;
  /** Variables that were used and are not set. */
  readonly unmatched: ReadonlySet<string>;
}

/** Nesting of `${a:-${b:-...}}`; beyond it the text is an attack on the stack. */
const maxDepth = 200;
/** Characters of one expanded word: far beyond what an environment can hold, and a bound for doubling chains. */
const maxLength = 1 << 22;

/**
 * Expands one word.
 *
 * @throws StrataError invalid_argument, `failed to process "...": ...` in the reference's words.
 */
export function expandWord(word: string, lookup: Lookup, options: ExpandOptions = {}): Expanded {
  const lexer = new WordLexer(word, lookup, options);
  try {
    const { value, words } = lexer.run();
    return { value, words, matched: lexer.matched, unmatched: lexer.unmatched };
  } catch (error) {
    if (!(error instanceof StrataError)) throw error;
    throw new StrataError('invalid_argument', `failed to process ${quote(word)}: ${error.message}`, {
      code: 'expansion_failed',
      cause: error,
    });
  }
}

/** The words that a word falls into after expansion, as for EXPOSE: unquoted blanks separate. */
export function expandWords(word: string, lookup: Lookup, options: ExpandOptions = {}): readonly string[] {
  return expandWord(word, lookup, options).words;
}

/** A superset of what separates words: a quick test. */
const anySpace = /[\s\x85]/;

/** Collects the words of a result: unquoted blanks end a word, everything else continues it. */
class WordCollector {
  readonly #words: string[] = [];
  #word = '';

  addText(text: string): void {
    if (!anySpace.test(text)) {
      this.#word += text;
      return;
    }
    for (const char of text) this.addChar(char);
  }

  addChar(char: string): void {
    if (!isSpace(char)) this.#word += char;
    else this.#finish();
  }

  addRaw(text: string): void {
    this.#word += text;
  }

  words(): string[] {
    this.#finish();
    return this.#words;
  }

  #finish(): void {
    if (this.#word !== '') this.#words.push(this.#word);
    this.#word = '';
  }
}

const nameChar = /[\p{L}\p{Nd}_]/u;
const digit = /\p{Nd}/u;
const specialParameters = '@*#?-$!0';

class WordLexer {
  readonly matched = new Set<string>();
  readonly unmatched = new Set<string>();
  readonly #text: string;
  readonly #lookup: Lookup;
  readonly #escape: string;
  readonly #options: ExpandOptions;
  #rawEscapes: boolean;
  #at: number;
  #depth = 0;

  constructor(text: string, lookup: Lookup, options: ExpandOptions) {
    this.#text = text;
    this.#lookup = lookup;
    this.#options = options;
    this.#escape = options.escape ?? '\\';
    this.#rawEscapes = options.rawEscapes ?? false;
    // The reference's scanner drops a byte order mark in front.
    this.#at = text.startsWith('\ufeff') ? 1 : 0;
  }

  run(): { value: string; words: readonly string[] } {
    return this.#until('', this.#rawEscapes);
  }

  #peek(): string {
    const code = this.#text.codePointAt(this.#at);
    return code === undefined ? '' : code > 0xffff ? String.fromCodePoint(code) : this.#text[this.#at]!;
  }

  #next(): string {
    const char = this.#peek();
    this.#at += char.length;
    return char;
  }

  #until(stop: string, rawEscapes: boolean): { value: string; words: string[] } {
    if (++this.#depth > maxDepth) throw fault('substitutions are nested too deeply');
    const outer = this.#rawEscapes;
    this.#rawEscapes = rawEscapes;
    try {
      return this.#scan(stop);
    } finally {
      this.#rawEscapes = outer;
      this.#depth--;
    }
  }

  #scan(stop: string): { value: string; words: string[] } {
    const words = new WordCollector();
    let value = '';
    for (let char = this.#peek(); char !== ''; char = this.#peek()) {
      if (char === stop) {
        this.#next();
        return { value, words: words.words() };
      }
      let text: string;
      if (char === '$') {
        text = this.#dollar();
        words.addText(text);
      } else if (!this.#options.skipQuotes && (char === "'" || char === '"')) {
        text = char === "'" ? this.#singleQuoted() : this.#doubleQuoted();
        words.addRaw(text);
      } else if (char === this.#escape) {
        text = this.#escaped();
        words.addRaw(text);
      } else if (char === '<') {
        text = this.#heredocMark();
        words.addRaw(text);
      } else {
        text = this.#next();
        words.addChar(text);
      }
      value += text;
      if (value.length > maxLength) throw fault('the expanded word is too long');
    }
    if (stop !== '') throw fault(`unexpected end of statement while looking for matching ${stop}`);
    return { value, words: words.words() };
  }

  /** Outside quotes an escape protects whatever follows; at the end of the word it vanishes. */
  #escaped(): string {
    const mark = this.#next();
    return (this.#rawEscapes ? mark : '') + this.#next();
  }

  /** `<<` swallows the blanks behind it, so that `<< EOF` is one word. */
  #heredocMark(): string {
    let text = this.#next();
    if (this.#peek() !== '<') return text;
    text += this.#next();
    while (this.#peek() !== '' && isSpace(this.#peek())) text += this.#next();
    return text;
  }

  #singleQuoted(): string {
    const mark = this.#next();
    const end = this.#text.indexOf("'", this.#at);
    if (end < 0) {
      this.#at = this.#text.length;
      throw fault('unexpected end of statement while looking for matching single-quote');
    }
    const text = this.#text.slice(this.#at, end);
    this.#at = end + 1;
    return this.#options.rawQuotes ? mark + text + mark : text;
  }

  #doubleQuoted(): string {
    const mark = this.#options.rawQuotes ? '"' : '';
    this.#next();
    let out = mark;
    for (;;) {
      const char = this.#peek();
      if (char === '') throw fault('unexpected end of statement while looking for matching double-quote');
      if (char === '"') {
        this.#next();
        return out + mark;
      }
      if (char === '$') out += this.#dollar();
      else out += this.#quotedChar();
      if (out.length > maxLength) throw fault('the expanded word is too long');
    }
  }

  /** In double quotes an escape protects the quote, the dollar sign and itself, and is an ordinary character otherwise. */
  #quotedChar(): string {
    const char = this.#next();
    if (char !== this.#escape) return char;
    const raw = this.#rawEscapes ? char : '';
    const next = this.#peek();
    if (next === '') return raw;
    return raw + (next === '"' || next === '$' || next === this.#escape ? this.#next() : char);
  }

  #dollar(): string {
    this.#next();
    if (this.#peek() === '{') {
      this.#next();
      return this.#braced();
    }
    const name = this.#name();
    if (name === '') return '$';
    const value = this.#get(name);
    return value ?? (this.#options.keepUnset ? `$${name}` : '');
  }

  #braced(): string {
    const first = this.#peek();
    if (first === '') throw fault("syntax error: missing '}'");
    if (first === '{' || first === '}' || first === ':') throw fault('syntax error: bad substitution');
    const name = this.#name();
    const operator = this.#next();
    switch (operator) {
      case '}': {
        const value = this.#get(name);
        return value ?? (this.#options.keepUnset ? `\${${name}}` : '');
      }
      case ':':
        return this.#modified(name, this.#next(), true);
      case '+':
      case '-':
      case '?':
      case '#':
      case '%':
        return this.#modified(name, operator, false);
      case '/':
        return this.#replaced(name);
      default:
        throw fault(`unsupported modifier (${operator || '\ufffd'}) in substitution`);
    }
  }

  #modified(name: string, modifier: string, colon: boolean): string {
    const isPattern = modifier === '#' || modifier === '%';
    const word = this.#operand('}', isPattern, "syntax error: missing '}'");
    const shown = (colon ? ':' : '') + (modifier || '\ufffd');
    const value = this.#get(name);
    if (value === undefined && this.#options.keepUnset) return `\${${name}${shown}${word}}`;
    const missing = value === undefined || (colon && value === '');
    switch (modifier) {
      case '-':
        return missing ? word : value;
      case '+':
        return missing ? '' : word;
      case '?':
        if (value === undefined) throw fault(`${name}: ${word || 'is not allowed to be unset'}`);
        if (missing) throw fault(`${name}: ${word || 'is not allowed to be empty'}`);
        return value;
      case '#':
      case '%': {
        const greedy = word.startsWith(modifier);
        const pattern = greedy ? word.slice(1) : word;
        return (modifier === '%' ? trimSuffix : trimPrefix)(pattern, value ?? '', greedy);
      }
      default:
        throw fault(`unsupported modifier (${shown}) in substitution`);
    }
  }

  #replaced(name: string): string {
    const all = this.#peek() === '/';
    if (all) this.#next();
    const pattern = this.#operand('/', true, "syntax error: missing '/' in ${}");
    const replacement = this.#operand('}', true, "syntax error: missing '}'");
    const value = this.#get(name);
    if (value === undefined && this.#options.keepUnset) return `\${${name}/${pattern}/${replacement}}`;
    return replacePattern(pattern, value ?? '', replacement, all);
  }

  /** A part of `${...}` up to `stop`; an error at the end of the word means that `stop` is missing. */
  #operand(stop: string, rawEscapes: boolean, missing: string): string {
    try {
      return this.#until(stop, rawEscapes).value;
    } catch (error) {
      if (error instanceof StrataError && this.#peek() === '') throw fault(missing);
      throw error;
    }
  }

  /** Letters, digits and `_`; a leading digit or special parameter is a name of its own. */
  #name(): string {
    const first = this.#peek();
    if (first === '') return '';
    if (digit.test(first)) {
      let name = '';
      while (this.#peek() !== '' && digit.test(this.#peek())) name += this.#next();
      return name;
    }
    if (specialParameters.includes(first)) return this.#next();
    let name = '';
    while (this.#peek() !== '' && nameChar.test(this.#peek())) name += this.#next();
    return name;
  }

  #get(name: string): string | undefined {
    const value = this.#lookup(name);
    (value === undefined ? this.unmatched : this.matched).add(name);
    return value;
  }
}

function fault(message: string): StrataError {
  return new StrataError('invalid_argument', message);
}
