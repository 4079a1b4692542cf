import { type AstNode, parseTolerant } from '../../dockerfile/index.ts';
import { StrataError } from '../../errors/index.ts';
import { shownName } from '../../sys/index.ts';

export interface Readable {
  readonly text: string;
  /** What was said of bytes that could not be kept. */
  readonly warnings: readonly string[];
}

/**
 * A Dockerfile whose text, a name of any bytes, may hold bytes that are no UTF-8. Comments may have them. COPY and ADD
 * keep them, in the names of files and in what a heredoc holds. An image's configuration is JSON, which cannot: there U+FFFD
 * stands for them, as in the reference, and a warning says so. A RUN is refused, as the reference refuses it.
 *
 * @throws StrataError invalid_argument: a RUN has such bytes
 */
export function readableText(text: string, file: string): Readable {
  if (text.isWellFormed()) return { text, warnings: [] };
  const { ast } = parseTolerant(text, { file });
  const lines = text.split('\n');
  const kept = new Set<number>();
  const warnings: string[] = [];
  for (const node of ast) {
    const foreign = wordsOf(node).find((word) => !word.isWellFormed());
    if (foreign === undefined) continue;
    const { line, endLine } = node.range;
    const keyword = node.keyword.text.toUpperCase();
    const words = `${file}:${line}: ${shownName(foreign.trim()).slice(0, 200)}`;
    if (keyword === 'RUN')
      throw new StrataError(
        'invalid_argument',
        `dockerfile parse error on line ${line}: string field contains invalid UTF-8`,
        {
          location: node.range,
          hint: "save the file as UTF-8, or let the command make the byte: $(printf '\\351')",
        },
      );
    if (keyword === 'COPY' || keyword === 'ADD') for (let at = line; at <= endLine; at++) kept.add(at);
    else warnings.push(`${words}: what is not UTF-8 became U+FFFD; save the file as UTF-8`);
  }
  const readable = lines.map((one, index) => (kept.has(index + 1) ? one : one.toWellFormed()));
  return { text: readable.join('\n'), warnings };
}

function wordsOf(node: AstNode): readonly string[] {
  return [node.original, ...node.heredocs.map(({ content }) => content)];
}
