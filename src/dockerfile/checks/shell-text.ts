/** A rough reading of shell commands: enough to see which programs a RUN calls and with what. */

import { runCommand } from '../run-script.ts';
import type { RunInstruction } from '../types.ts';

/** One simple command: its words, quotes removed. */
export type ShellCommand = readonly string[];

/** Longer scripts are only read so far: checks are hints. */
const maxText = 100_000;

/** What a word is made of: quoted text, an escaped character, `${NAME}`, the braces of `{a,b}` and `{}`, or any other. */
const atom = String.raw`"(?:[^"\\]|\\.)*"|'[^']*'|\\[\s\S]|\$\{[^}\n]*\}|\{[^\s{};|&]*[,}][^\s{};|&]*\}?|[^\s;|&(){}"'\\]`;
/** A comment, what stands between two commands, a word, or any other character. Braces inside of a word belong to it. */
const token = new RegExp(
  String.raw`\s*(?:(#[^\n]*)|(&&|\|\||[;|&\n()]|[{}](?=[\s;|&]|$))|((?:${atom})(?:${atom}|[{}])*)|([\s\S]))`,
  'y',
);
const keywords = new Set([
  'if',
  'then',
  'else',
  'elif',
  'do',
  'while',
  'until',
  'for',
  '!',
  'sudo',
  'exec',
  'env',
  'time',
]);

/** The simple commands of a RUN, in order; control words and variable settings in front of them are dropped. */
export function shellCommands(instruction: RunInstruction): ShellCommand[] {
  const { args, shell, file } = runCommand(instruction);
  if (!shell) return [args];
  const text = (file?.data ?? args.join(' ')).slice(0, maxText);
  const commands: string[][] = [[]];
  token.lastIndex = 0;
  for (let match = token.exec(text); match && token.lastIndex <= text.length; match = token.exec(text)) {
    const [, , separator, word] = match;
    if (separator !== undefined) commands.push([]);
    else if (word !== undefined) addWord(commands.at(-1)!, word);
    if (match[0] === '') break;
  }
  return commands.filter((command) => command.length > 0);
}

function addWord(command: string[], raw: string): void {
  const word = raw.replace(
    /"((?:[^"\\]|\\.)*)"|'([^']*)'|\\([\s\S])/g,
    (_, double, single, escaped) => double ?? single ?? escaped,
  );
  if (command.length === 0 && (keywords.has(word) || /^\w+=/.test(word))) return;
  command.push(word);
}

/** The program's name without its folder. */
export function programOf(command: ShellCommand): string {
  return command[0]!.replace(/^.*\//, '');
}

/** Words behind the program that are no options; `valued` options take the word behind them along. */
export function operandsOf(command: ShellCommand, valued: readonly string[] = []): string[] {
  return command
    .slice(1)
    .filter((word, index) => !word.startsWith('-') && (index === 0 || !valued.includes(command[index]!)));
}
