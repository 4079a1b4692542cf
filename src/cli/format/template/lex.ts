import { TemplateError } from './ast.ts';

export type Token = { readonly at: number } & (
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'open' | 'close' | 'space' | 'end' }
  | { readonly kind: 'field' | 'variable' | 'word' | 'number' | 'string' | 'char' | 'sign'; readonly text: string }
);

/** Splits a template into text and the tokens of its actions. */
export function lex(source: string): Token[] {
  const tokens: Token[] = [];
  let at = 0;
  let trimNext = false;
  for (;;) {
    const open = source.indexOf('{{', at);
    let text = source.slice(at, open === -1 ? undefined : open);
    if (trimNext) text = text.trimStart();
    const trims = open !== -1 && /^\{\{-[ \t\r\n]/.test(source.slice(open, open + 4));
    if (trims) text = text.trimEnd();
    if (text !== '') tokens.push({ kind: 'text', text, at });
    if (open === -1) break;
    const inside = open + (trims ? 3 : 2);
    const comment = /^\s*\/\*/.test(source.slice(inside));
    const action = comment ? skipComment(source, inside) : lexAction(source, inside, tokens, open);
    at = action.next;
    trimNext = action.trims;
  }
  tokens.push({ kind: 'end', at: source.length });
  return tokens;
}

function skipComment(source: string, inside: number): { next: number; trims: boolean } {
  const end = source.indexOf('*/', inside);
  if (end === -1) throw new TemplateError(`template: :${lineAt(source, inside)}: unclosed comment`);
  const close = /^(\s+-)?\}\}/.exec(source.slice(end + 2));
  if (!close) throw new TemplateError(`template: :${lineAt(source, inside)}: comment ends before closing delimiter`);
  return { next: end + 2 + close[0].length, trims: close[1] !== undefined };
}

const patterns: readonly (readonly [RegExp, 'field' | 'variable' | 'word' | 'number' | 'string' | 'char' | 'sign'])[] =
  [
    [/\.[\p{L}_][\p{L}\p{N}_]*/uy, 'field'],
    [/\$[\p{L}\p{N}_]*/uy, 'variable'],
    [/[+-]?(?:0[xX][0-9a-fA-F_]+|\d[\d_]*\.?[\d_]*(?:[eE][+-]?\d+)?|\.\d+)/y, 'number'],
    [/[\p{L}_][\p{L}\p{N}_]*/uy, 'word'],
    [/"(?:[^"\\\n]|\\.)*"/y, 'string'],
    [/`[^`]*`/y, 'string'],
    [/'(?:[^'\\\n]|\\.)+'/y, 'char'],
    [/:=|=|\||\(|\)|,|\./y, 'sign'],
  ];

function lexAction(source: string, start: number, tokens: Token[], open: number): { next: number; trims: boolean } {
  tokens.push({ kind: 'open', at: open });
  let at = start;
  for (;;) {
    const close = /(\s-)?\}\}/y;
    close.lastIndex = at;
    const closed = close.exec(source);
    if (closed) {
      tokens.push({ kind: 'close', at });
      return { next: at + closed[0].length, trims: closed[1] !== undefined };
    }
    if (at >= source.length) throw new TemplateError(`template: :${lineAt(source, open)}: unclosed action`);
    if (/\s/.test(source[at]!)) {
      tokens.push({ kind: 'space', at });
      while (/\s/.test(source[at] ?? '') && !/^\s-\}\}/.test(source.slice(at, at + 4))) at++;
      continue;
    }
    const token = tokenAt(source, at);
    tokens.push(token);
    at += token.text.length;
  }
}

function tokenAt(source: string, at: number): Token & { text: string } {
  for (const [pattern, kind] of patterns) {
    pattern.lastIndex = at;
    const match = pattern.exec(source);
    if (match) return { kind, text: match[0], at };
  }
  const line = lineAt(source, at);
  const char = source[at]!;
  if (char === '"') throw new TemplateError(`template: :${line}: unterminated quoted string`);
  if (char === '`') throw new TemplateError(`template: :${line}: unterminated raw quoted string`);
  if (char === '}') throw new TemplateError(`template: :${line}: unexpected "}" in operand`);
  const code = char.codePointAt(0)!.toString(16).toUpperCase().padStart(4, '0');
  throw new TemplateError(`template: :${line}: unexpected unrecognized character in action: U+${code} '${char}'`);
}

export function lineAt(source: string, at: number): number {
  return source.slice(0, at).split('\n').length;
}
