/** What a RUN really executes once its heredocs are put together. */

import { trimSpace } from './go-text.ts';
import { chompTabs, heredocMarkOrNone } from './heredoc.ts';
import type { Heredoc, RunInstruction } from './types.ts';

/** Where the file of a `#!` heredoc appears while its RUN runs. */
export const inlineScriptDirectory = '/dev/pipes';

export interface RunCommand {
  /** Arguments in front of which the shell is put where `shell` is true. */
  readonly args: readonly string[];
  readonly shell: boolean;
  /** A script with a `#!` line: it is mounted read-only, mode 0755, at `inlineScriptDirectory`/name. */
  readonly file?: { readonly name: string; readonly data: string };
}

/**
 * The command of a RUN. A lone heredoc is the script itself, or with a `#!` line a file that is executed; heredocs in a
 * longer command line are handed to the shell as they were written.
 */
export function runCommand(instruction: Pick<RunInstruction, 'args' | 'shell' | 'heredocs'>): RunCommand {
  const { args, shell, heredocs } = instruction;
  const first = heredocs[0];
  if (!first || !shell) return { args, shell };
  const text = args[0] ?? '';
  if (!heredocMarkOrNone(text)) return { args: [[text, ...heredocs.map(rewritten)].join('')], shell };
  const data = first.chomp ? chompTabs(first.content) : first.content;
  if (!data.startsWith('#!')) return { args: [data], shell };
  return { args: [`${inlineScriptDirectory}/${first.name}`], shell, file: { name: first.name, data } };
}

function rewritten(heredoc: Heredoc): string {
  return `\n${heredoc.content}${heredoc.name}`;
}

/** The first line of a heredoc, with `...` where there is more: for progress lines. */
export function summarizeHeredoc(content: string): string {
  const lines = trimSpace(content).replaceAll('\r\n', '\n').split('\n');
  return lines.length > 1 ? `${lines[0]}...` : lines[0]!;
}

/** The shell that runs commands where no SHELL is set. */
export const defaultShell: readonly string[] = ['/bin/sh', '-c'];

/** The argument vector of a command line under `shell`, the stage's SHELL (empty: the default). */
export function withShell(args: readonly string[], shell: readonly string[] = defaultShell): string[] {
  return [...(shell.length > 0 ? shell : defaultShell), args.join(' ')];
}
