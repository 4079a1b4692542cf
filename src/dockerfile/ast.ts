/** Logical lines to syntax tree nodes: which rule reads the arguments of which instruction. */

import { isSpace } from './go-text.ts';
import { jsonStrings } from './json-strings.ts';
import { keyValueTriples } from './key-values.ts';
import type { LogicalLine, Piece } from './logical-line.ts';
import { splitCommand } from './split-command.ts';
import { SyntaxFault } from './syntax-fault.ts';
import type { AstNode, Heredoc, Token } from './types.ts';
import { blankWords, quotedWords } from './words.ts';

interface Arguments {
  readonly pieces: readonly Piece[];
  readonly json?: boolean;
}

type ArgumentRule = (rest: Piece, escapeToken: string) => Arguments;

const words: ArgumentRule = (rest) => ({ pieces: blankWords(rest) });
const text: ArgumentRule = (rest) => ({ pieces: rest.text === '' ? [] : [rest] });

const commandLine: ArgumentRule = (rest, escapeToken) => {
  const strings = rest.text === '' ? undefined : jsonStrings(rest);
  return strings ? { pieces: strings, json: true } : text(rest, escapeToken);
};

const list: ArgumentRule = (rest, escapeToken) => {
  const strings = jsonStrings(rest);
  return strings ? { pieces: strings, json: true } : words(rest, escapeToken);
};

/** A type word (`CMD`, `NONE`) and then a command line. */
const healthcheck: ArgumentRule = (rest, escapeToken) => {
  let cut = 0;
  while (cut < rest.text.length && !isSpace(rest.text[cut]!)) cut++;
  if (cut === 0) return { pieces: [] };
  let next = cut;
  while (next < rest.text.length && isSpace(rest.text[next]!)) next++;
  const type = { text: rest.text.slice(0, cut), start: rest.start, end: rest.start + cut };
  const command = { text: rest.text.slice(next), start: rest.start + next, end: rest.end };
  const { pieces, json } = commandLine(command, escapeToken);
  return { pieces: [type, ...pieces], ...(json ? { json } : {}) };
};

const argumentRules: ReadonlyMap<string, ArgumentRule> = new Map(
  Object.entries({
    add: list,
    arg: (rest, escapeToken) => ({ pieces: quotedWords(rest, escapeToken) }),
    cmd: commandLine,
    copy: list,
    entrypoint: commandLine,
    env: (rest, escapeToken) => ({ pieces: keyValueTriples(rest, 'ENV', escapeToken) }),
    expose: words,
    from: words,
    healthcheck,
    label: (rest, escapeToken) => ({ pieces: keyValueTriples(rest, 'LABEL', escapeToken) }),
    maintainer: text,
    run: commandLine,
    shell: commandLine,
    stopsignal: text,
    user: text,
    volume: list,
    workdir: text,
  }),
);

export interface NodeContext {
  readonly escape: string;
  readonly comments: readonly string[];
}

/** What is known of a node before its heredocs are read, which stand on the lines that follow. */
export interface NodeParts {
  readonly keyword: Token;
  readonly flags: readonly Token[];
  readonly args: readonly Token[];
  readonly json: boolean;
  readonly child?: NodeParts;
  readonly original: string;
  readonly start: number;
  readonly end: number;
}

const none: readonly Token[] = [];

/** ONBUILDs inside each other; more is refused anyway. */
const maxTriggers = 8;

/** @throws SyntaxFault for what no instruction could be made of. */
export function nodeParts(line: LogicalLine, context: NodeContext, from = 0, depth = 0): NodeParts {
  const { keyword, flags, rest } = splitCommand(line.text, from);
  const name = keyword.text.toLowerCase();
  // Whole objects at once: files of many thousand lines make many of them.
  const made = (args: readonly Token[], json: boolean, child?: NodeParts): NodeParts => ({
    keyword: tokenOf(line, keyword),
    flags: tokensOf(line, flags),
    args,
    json,
    ...(child && { child }),
    original: from === 0 ? line.text : line.text.slice(from),
    start: keyword.start,
    end: rest.end,
  });
  if (name === 'onbuild') {
    if (rest.text === '') return made([], false);
    if (depth === maxTriggers) throw new SyntaxFault("Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed");
    return made([], false, nodeParts(line, context, rest.start, depth + 1));
  }
  // An unknown instruction has no arguments; it is reported when it is typed.
  const rule = argumentRules.get(name);
  if (!rule) return made([], false);
  const { pieces, json = false } = rule(rest, context.escape);
  return made(tokensOf(line, pieces), json);
}

function tokenOf(line: LogicalLine, { text, start, end }: Piece): Token {
  return { text, range: line.range(start, end) };
}

function tokensOf(line: LogicalLine, pieces: readonly Piece[]): readonly Token[] {
  if (pieces.length === 0) return none;
  const tokens = new Array<Token>(pieces.length);
  for (let i = 0; i < pieces.length; i++) tokens[i] = tokenOf(line, pieces[i]!);
  return tokens;
}

const heredocInstructions = new Set(['add', 'copy', 'run']);

/** Whether `<<` words of this line begin heredocs. */
export function takesHeredocs(parts: NodeParts): boolean {
  const target = parts.child ?? parts;
  return heredocInstructions.has(target.keyword.text.toLowerCase()) && !target.json;
}

export function finishNode(
  parts: NodeParts,
  line: LogicalLine,
  heredocs: readonly Heredoc[],
  comments: readonly string[],
): AstNode {
  const { keyword, flags, args, json, original, child, start, end } = parts;
  const place = line.range(start, Math.max(start, end));
  const last = heredocs.at(-1)?.range;
  const range = last ? { ...place, endLine: last.endLine, endColumn: last.endColumn } : place;
  const node = { keyword, flags, args, json, heredocs, original, comments, range };
  return child ? { ...node, child: finishNode(child, line, heredocs, []) } : node;
}
