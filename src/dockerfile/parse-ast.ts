/** Text to syntax tree: physical lines, comments, continuations and heredocs. */

import { finishNode, nodeParts, takesHeredocs } from './ast.ts';
import { DirectiveReader, frontDirectives, isEscapeToken } from './directives.ts';
import { skipSpace, trimSpace } from './go-text.ts';
import { type HeredocMark, heredocMarks } from './heredoc.ts';
import { LogicalLine } from './logical-line.ts';
import { isOverlong, maxLineLength, type PhysicalLine, physicalLines } from './physical-lines.ts';
import { SyntaxFault } from './syntax-fault.ts';
import type { AstNode, Directives, EscapeToken, Heredoc, TextRange } from './types.ts';

export interface ParsedText {
  readonly lines: readonly string[];
  readonly directives: Directives;
  readonly ast: readonly AstNode[];
  /** Lines with instructions in which an empty continuation line was found. */
  readonly emptyContinuations: readonly TextRange[];
  /** In the order of the file. Without any, the tree is what the reference makes of the text. */
  readonly faults: readonly LocatedFault[];
}

export interface LocatedFault {
  readonly fault: SyntaxFault;
  readonly range: TextRange;
}

export function parseAst(text: string, file: string): ParsedText {
  return new AstParser(text, file).parse();
}

const noHeredocs: readonly Heredoc[] = [];

class AstParser {
  readonly #file: string;
  readonly #lines: readonly PhysicalLine[];
  readonly #directives = new DirectiveReader();
  readonly #ast: AstNode[] = [];
  readonly #emptyContinuations: TextRange[] = [];
  readonly #faults: LocatedFault[] = [];
  #escape: EscapeToken = '\\';
  #comments: string[] = [];
  #at = 0;

  constructor(text: string, file: string) {
    this.#file = file;
    this.#lines = physicalLines(text);
  }

  parse(): ParsedText {
    while (this.#at < this.#lines.length) this.#instruction();
    if (this.#ast.length === 0 && this.#faults.length === 0) {
      const last = this.#lines.at(-1);
      this.#fault(new SyntaxFault('file with no instructions'), this.#wholeLine(last));
    }
    return {
      lines: shownLines(this.#lines),
      directives: { ...frontDirectives(this.#lines), escape: this.#escape },
      ast: this.#ast,
      emptyContinuations: this.#emptyContinuations,
      faults: this.#faults,
    };
  }

  #instruction(): void {
    const first = this.#take();
    const start = skipSpace(first.text);
    const isDirective = this.#directive(first, first.text.slice(start));
    if (first.text[start] === '#') {
      if (isDirective) return;
      const comment = trimSpace(first.text.slice(start + 1));
      if (comment === '') this.#comments = [];
      else this.#comments.push(comment);
      return;
    }
    const line = new LogicalLine(this.#file);
    const { text, continues } = this.#trimContinuation(first.text.slice(start));
    if (!continues && text === '') return;
    line.append(text, first.number, start + 1);
    if (continues) this.#continuations(line);
    const comments = this.#comments;
    this.#comments = [];
    this.#node(line, comments, first);
  }

  #continuations(line: LogicalLine): void {
    let empty = false;
    while (this.#at < this.#lines.length) {
      const next = this.#take();
      const start = skipSpace(next.text);
      if (next.text[start] === '#') continue;
      if (start === next.text.length) {
        empty = true;
        continue;
      }
      const { text, continues } = this.#trimContinuation(next.text);
      line.append(text, next.number, 1);
      if (!continues) break;
    }
    if (empty) this.#emptyContinuations.push(this.#wholeLine(this.#lines[this.#at - 1]));
  }

  #node(line: LogicalLine, comments: readonly string[], first: PhysicalLine): void {
    const end = this.#lines[this.#at - 1]!;
    try {
      const parts = nodeParts(line, { escape: this.#escape, comments });
      const heredocs =
        line.text.includes('<<') && takesHeredocs(parts)
          ? heredocMarks(line.text).map((mark) => this.#heredoc(mark, first))
          : noHeredocs;
      this.#ast.push(startingAt(first, finishNode(parts, line, heredocs, comments)));
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      const range = { ...this.#wholeLine(first), endLine: end.number, endColumn: end.text.length + 1 };
      this.#fault(error instanceof SyntaxFault ? error : new SyntaxFault(error.message), range);
    }
  }

  #heredoc(mark: HeredocMark, first: PhysicalLine): Heredoc {
    const from = this.#at;
    const content: string[] = [];
    while (this.#at < this.#lines.length) {
      const line = this.#take();
      if ((mark.chomp ? line.text.replace(/^\t+/, '') : line.text) === mark.name) {
        const range = { ...this.#wholeLine(this.#lines[from]), endLine: line.number, endColumn: line.text.length + 1 };
        return { ...mark, content: content.join(''), range };
      }
      content.push(line.text, line.ending);
    }
    const end = this.#wholeLine(this.#lines.at(-1));
    throw new SyntaxFault('unterminated heredoc', {
      range: { ...this.#wholeLine(first), endLine: end.endLine, endColumn: end.endColumn },
      hint: `no line below it is exactly ${mark.name}`,
    });
  }

  #take(): PhysicalLine {
    const line = this.#lines[this.#at++]!;
    if (isOverlong(line)) {
      const message = `dockerfile line greater than max allowed size of ${maxLineLength}`;
      this.#fault(new SyntaxFault(message), this.#wholeLine(line));
    }
    return line;
  }

  /** @returns whether the line is a directive; one that is wrong is reported. */
  #directive(line: PhysicalLine, text: string): boolean {
    const directive = this.#directives.read(text);
    if (!directive) return false;
    if (typeof directive === 'string') this.#fault(new SyntaxFault(directive), this.#wholeLine(line));
    else if (directive.name === 'escape') this.#setEscape(directive.value, line);
    return true;
  }

  #setEscape(value: string, line: PhysicalLine): void {
    if (isEscapeToken(value)) this.#escape = value;
    else {
      const message = `invalid escape token '${value}' does not match \` or \\`;
      this.#fault(new SyntaxFault(message), this.#wholeLine(line));
    }
  }

  /** Cuts the escape at the end of a line that is continued; a doubled one does not continue it. */
  #trimContinuation(text: string): { text: string; continues: boolean } {
    let end = text.length;
    while (end > 0 && (text[end - 1] === ' ' || text[end - 1] === '\t')) end--;
    if (text[end - 1] !== this.#escape || text[end - 2] === this.#escape) return { text, continues: false };
    return { text: text.slice(0, end - 1), continues: true };
  }

  #fault(fault: SyntaxFault, range: TextRange): void {
    this.#faults.push({ fault, range: fault.range ?? range });
  }

  #wholeLine(line: PhysicalLine | undefined): TextRange {
    const number = line?.number ?? 1;
    return { file: this.#file, line: number, column: 1, endLine: number, endColumn: (line?.text.length ?? 0) + 1 };
  }
}

/** The lines as the reference counts them when it shows a place: after a last line end comes an empty line. */
function shownLines(lines: readonly PhysicalLine[]): string[] {
  const texts = lines.map((line) => line.text);
  if (lines.at(-1)?.ending.endsWith('\n')) texts.push('');
  return texts;
}

/** An instruction begins on its first line, even where that holds nothing but a continuation. */
function startingAt(first: PhysicalLine, node: AstNode): AstNode {
  if (node.range.line === first.number) return node;
  return { ...node, range: { ...node.range, line: first.number, column: skipSpace(first.text) + 1 } };
}
