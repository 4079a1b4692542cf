import { badPattern } from './file-match.ts';

/**
 * The reference's test of a pattern's syntax: it compares the pattern with `.` and refuses what that comparison stumbles
 * over. It gives up at the first piece between stars that does not fit, so a mistake behind it passes.
 *
 * @throws StrataError invalid_argument, `syntax error in pattern`
 */
export function checkPatternSyntax(pattern: string): void {
  let rest = '.';
  for (let at = 0; at < pattern.length; ) {
    const piece = nextPiece(pattern, at);
    at = piece.next;
    if (piece.star && piece.text === '') return;
    const fits = matchPiece(piece.text, rest);
    if (fits !== undefined && (fits === '' || at < pattern.length)) rest = fits;
    else if (piece.star && rest === '.' && matchPiece(piece.text, '') === '') rest = '';
    else return;
  }
}

/** A run of stars and what follows it up to the next star outside a class. */
function nextPiece(pattern: string, start: number): { star: boolean; text: string; next: number } {
  let at = start;
  while (pattern[at] === '*') at++;
  const star = at > start;
  const from = at;
  for (let inClass = false; at < pattern.length && (inClass || pattern[at] !== '*'); at++) {
    if (pattern[at] === '\\') at++;
    else if (pattern[at] === '[') inClass = true;
    else if (pattern[at] === ']') inClass = false;
  }
  const next = Math.min(at, pattern.length);
  return { star, text: pattern.slice(from, next), next };
}

/** What is left of `name` behind the piece; undefined where it does not fit. The whole piece is read either way. */
function matchPiece(piece: string, name: string): string | undefined {
  let rest: string | undefined = name;
  for (let at = 0; at < piece.length; ) {
    const char: string | undefined = rest?.[0];
    let fits: boolean;
    if (piece[at] === '[') {
      const found = readClass(piece, at + 1, char ?? '');
      at = found.next;
      fits = found.fits;
    } else {
      if (piece[at] === '\\' && ++at === piece.length) throw badPattern();
      fits = piece[at] === '?' && piece[at - 1] !== '\\' ? char !== '/' : char === piece[at];
      at++;
    }
    rest = fits && char !== undefined ? rest!.slice(1) : undefined;
  }
  return rest;
}

function readClass(piece: string, start: number, char: string): { fits: boolean; next: number } {
  let at = start;
  const negated = piece[at] === '^';
  if (negated) at++;
  const member = (): string => {
    if (at >= piece.length || piece[at] === '-' || piece[at] === ']') throw badPattern();
    if (piece[at] === '\\') at++;
    const found = piece[at++];
    if (found === undefined || at >= piece.length) throw badPattern();
    return found;
  };
  let fits = false;
  for (let count = 0; piece[at] !== ']' || count === 0; count++) {
    const low = member();
    let high = low;
    if (piece[at] === '-') {
      at++;
      high = member();
    }
    if (low <= char && char <= high) fits = true;
  }
  return { fits: fits !== negated, next: at + 1 };
}
