import { expandWord, type Instruction, runCommand, summarizeHeredoc } from '../../dockerfile/index.ts';
import { shownName } from '../../sys/index.ts';
import type { Scope } from './scope.ts';

/** Numbers the steps of one stage as BuildKit shows them: `[build 2/4] RUN make`. */
export class StepNames {
  readonly #prefix: string;
  readonly #total: number;
  #number = 0;

  constructor(platform: string, label: string, total: number) {
    this.#prefix = [platform, label].filter((part) => part !== '').join(' ');
    this.#total = total;
  }

  next(instruction: string): string {
    if (this.#total === 0) return instruction;
    const number = String(++this.#number).padStart(String(this.#total).length);
    return `[${this.#prefix === '' ? '' : `${this.#prefix} `}${number}/${this.#total}] ${instruction}`;
  }
}

/** Whether BuildKit counts the instruction as a step of its own. */
export function isStep(instruction: Instruction): boolean {
  return ['run', 'copy', 'add', 'workdir'].includes(instruction.kind);
}

/** The instruction in one line with its variables expanded, as far as they are set; secrets are never in them. */
export function showInstruction(instruction: Instruction, scope: Scope, escapeToken: string): string {
  const [keyword = '', ...rest] = splitKeyword(instruction.original);
  const raw = instruction.kind === 'run' || instruction.kind === 'cmd' || instruction.kind === 'entrypoint';
  let text = rest.join('');
  try {
    text = expandWord(text, scope.lookup, {
      escape: escapeToken,
      keepUnset: true,
      rawQuotes: true,
      rawEscapes: raw,
    }).value;
  } catch {
    // Shown as written: it is only a name.
  }
  const shown = shownName(`${keyword.toUpperCase()} ${text}`.trim());
  if (instruction.kind !== 'run' || instruction.heredocs.length === 0) return shown;
  const command = runCommand(instruction);
  const data = command.file?.data ?? command.args[0] ?? '';
  return `${shown} (${summarizeHeredoc(data)})`;
}

/** The instruction in one line, as it stands in the file. */
export function writtenText(instruction: Instruction): string {
  return shownName(instruction.original.trim().split('\n')[0]!);
}

function splitKeyword(text: string): [string, string] {
  const match = /^\s*(\S+)\s*([\s\S]*)$/.exec(text);
  return [match?.[1] ?? text, match?.[2] ?? ''];
}
