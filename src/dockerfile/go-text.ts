/** Texts as the reference implementation sees and prints them: Go's idea of white space and Go's quoting. */

/** Unicode White_Space, as `unicode.IsSpace` has it (JavaScript's `\s` has U+FEFF and lacks U+0085). */
export function isSpace(char: string): boolean {
  const code = char.charCodeAt(0);
  if (code < 0x80) return code === 32 || (code >= 9 && code <= 13);
  return (
    code === 0x85 ||
    code === 0xa0 ||
    code === 0x1680 ||
    (code >= 0x2000 && code <= 0x200a) ||
    code === 0x2028 ||
    code === 0x2029 ||
    code === 0x202f ||
    code === 0x205f ||
    code === 0x3000
  );
}

/** Index of the first character at or after `from` that is not white space. */
export function skipSpace(text: string, from = 0): number {
  let at = from;
  while (at < text.length && isSpace(text[at]!)) at++;
  return at;
}

/** Index one past the last character that is not white space. */
export function trimmedEnd(text: string): number {
  let end = text.length;
  while (end > 0 && isSpace(text[end - 1]!)) end--;
  return end;
}

export function trimSpace(text: string): string {
  const end = trimmedEnd(text);
  return text.slice(Math.min(skipSpace(text), end), end);
}

const shortEscapes: Readonly<Record<string, string>> = {
  '\x07': '\\a',
  '\b': '\\b',
  '\f': '\\f',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
  '\v': '\\v',
  '\\': '\\\\',
};

/** Letters, marks, numbers, punctuation, symbols and the plain blank. */
const printable = /[\p{L}\p{M}\p{N}\p{P}\p{S} ]/u;

function escapeChar(char: string, quote: string): string {
  if (char === quote) return `\\${quote}`;
  const short = shortEscapes[char];
  if (short !== undefined) return short;
  if (printable.test(char)) return char;
  const code = char.codePointAt(0)!;
  if (code < 0x80) return `\\x${code.toString(16).padStart(2, '0')}`;
  return code <= 0xffff ? `\\u${code.toString(16).padStart(4, '0')}` : `\\U${code.toString(16).padStart(8, '0')}`;
}

/** A string as Go's `%q` prints it. */
export function quote(text: string): string {
  if (/^[ !#-[\]-~]*$/.test(text)) return `"${text}"`;
  let out = '';
  for (const char of text) out += escapeChar(isLoneSurrogate(char) ? '\ufffd' : char, '"');
  return `"${out}"`;
}

/** A number as Go's `%q` prints it: the character with that code, quoted. */
export function quoteRune(code: number): string {
  const valid = code >= 0 && code <= 0x10ffff && !(code >= 0xd800 && code <= 0xdfff);
  return `'${escapeChar(valid ? String.fromCodePoint(code) : '\ufffd', "'")}'`;
}

function isLoneSurrogate(char: string): boolean {
  return char.length === 1 && char >= '\ud800' && char <= '\udfff';
}
