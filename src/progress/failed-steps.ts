import type { BuildEvent } from './events.ts';

/** Lines of a step's output that are shown again when it fails. */
const shownLines = 10;

/** Keeps the last words of every step, to show them once more when it fails. */
export interface FailedSteps {
  push(event: BuildEvent): void;
  /** One block for each step that failed, between lines; empty where none did. */
  text(): string;
}

interface Step {
  readonly name: string;
  started: number;
  failed: boolean;
  rest: string;
  lines: string[];
}

export function createFailedSteps(): FailedSteps {
  const steps = new Map<string, Step>();
  return {
    push(event) {
      if (event.type === 'vertex') {
        steps.set(event.id, { name: event.name, started: 0, failed: false, rest: '', lines: [] });
        return;
      }
      const step = event.id === undefined ? undefined : steps.get(event.id);
      if (!step) return;
      if (event.type === 'started') step.started = event.at;
      if (event.type === 'failed') step.failed = true;
      if (event.type === 'log') remember(step, event.text, event.at);
    },
    text: () =>
      [...steps.values()]
        .filter(({ failed }) => failed)
        .map(({ name, lines, rest }) => {
          const shown = (rest === '' ? lines : [...lines, rest]).slice(-shownLines);
          return `------\n > ${name}:\n${shown.map((line) => `${line}\n`).join('')}------\n`;
        })
        .join(''),
  };
}

function remember(step: Step, text: string, at: number): void {
  const seconds = (Math.max(0, at - step.started) / 1000).toFixed(3);
  const pieces = text.split('\n');
  const last = pieces.pop()!;
  for (const piece of pieces) {
    step.lines.push(step.rest === '' ? `${seconds} ${piece}` : step.rest + piece);
    step.rest = '';
  }
  if (last !== '') step.rest = step.rest === '' ? `${seconds} ${last}` : step.rest + last;
  step.lines = step.lines.slice(-shownLines);
}
