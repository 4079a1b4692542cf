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

const argumentRules: Readonly<Record<string, ArgumentRule>> = {
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
};

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
  const token = (piece: Piece): Token => ({ text: piece.text, range: line.range(piece.start, piece.end) });
  const common = {
    keyword: token(keyword),
    flags: flags.length === 0 ? none : flags.map(token),
    original: from === 0 ? line.text : line.text.slice(from),
    start: keyword.start,
    end: rest.end,
  };
  if (name === 'onbuild') {
    if (rest.text === '') return { ...common, args: [], json: false };
    if (depth === maxTriggers) throw new SyntaxFault("Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed");
    return { ...common, args: [], json: false, child: nodeParts(line, context, rest.start, depth + 1) };
  }
  // An unknown instruction has no arguments; it is reported when it is typed.
  const rule = Object.hasOwn(argumentRules, name) ? argumentRules[name]! : undefined;
  const { pieces, json = false } = rule ? rule(rest, context.escape) : { pieces: [] };
  return { ...common, args: pieces.map(token), json };
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
