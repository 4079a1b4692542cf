import { expandWord } from './expand-word.ts';

/** The `<<NAME` word of a here-document. */
export interface HeredocMark {
  readonly name: string;
  readonly expand: boolean;
  readonly chomp: boolean;
  readonly fileDescriptor: number;
}

const heredocWord = /^(\d*)<<(-?)\s*([^<]*)$/;
const nothingSet = (): undefined => undefined;

/**
 * Reads a word as a heredoc mark; undefined where it is none.
 *
 * @throws StrataError where its quotes are not closed.
 */
export function heredocMark(word: string): HeredocMark | undefined {
  const match = heredocWord.exec(word);
  const rest = match?.[3];
  if (!match || !rest) return undefined;
  const plain = expandWord(rest, nothingSet, { keepUnset: true }).words;
  if (plain.length !== 1) return undefined;
  const raw = expandWord(rest, nothingSet, { keepUnset: true, rawQuotes: true }).words;
  const fd = Number(match[1] || '0');
  return {
    name: plain[0]!,
    // A quote that is in the raw word and not in the name means that the delimiter is quoted.
    expand: countQuotes(plain[0]!) === countQuotes(raw[0] ?? ''),
    chomp: match[2] === '-',
    fileDescriptor: Number.isSafeInteger(fd) ? fd : Number.MAX_SAFE_INTEGER,
  };
}

/** Like `heredocMark`, for places where a broken mark is simply not one. */
export function heredocMarkOrNone(word: string): HeredocMark | undefined {
  try {
    return heredocMark(word);
  } catch {
    return undefined;
  }
}

/** The heredoc marks of a logical line, in order. */
export function heredocMarks(line: string): HeredocMark[] {
  if (!line.includes('<<')) return [];
  return shellWords(line).flatMap((word) => heredocMark(word) ?? []);
}

/** A line with broken quotes has no heredocs: the shell will complain about it. */
function shellWords(line: string): readonly string[] {
  try {
    return expandWord(line, nothingSet, { keepUnset: true, rawQuotes: true, rawEscapes: true }).words;
  } catch {
    return [];
  }
}

function countQuotes(text: string): number {
  return text.split(/['"]/).length - 1;
}

/** Removes leading tabs of every line, as `<<-` asks for. */
export function chompTabs(content: string): string {
  return content.replace(/^\t+/gm, '');
}
