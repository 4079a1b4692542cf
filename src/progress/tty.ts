/**
 * The view of a build for a terminal: one line a step with its time, the last lines of what runs below it; the whole
 * block is drawn again and again in place. Pure: it makes lines, somebody else moves the cursor.
 */
import stringWidth from 'string-width';
import type { BuildEvent } from './events.ts';
import { createFailedSteps } from './failed-steps.ts';
import { formatBytes } from './units.ts';
import { type CheckWarning, type WarningsOptions, warningLines } from './warnings.ts';

export interface TtySize {
  readonly columns: number;
  readonly rows: number;
}

export interface TtyOptions {
  readonly color?: boolean;
  /** How the build checks are told under the build; their colour is that of the view. */
  readonly warnings?: Omit<WarningsOptions, 'color'>;
  /** What builds, at the right of the first line. */
  readonly builder?: string;
}

export interface TtyRenderer {
  push(event: BuildEvent): void;
  /** The lines to show now, no more than the terminal has; of a build that has ended, all of them. */
  frame(now: number, size: TtySize, ended?: boolean): readonly string[];
  /** What follows the last frame: the output of the steps that failed, and the warnings. */
  end(): string;
}

/** Lines of output that a running step shows. */
const logLines = 6;

interface Bar {
  readonly text: string;
  readonly began: number;
  readonly ended: number | undefined;
}

interface Step {
  readonly name: string;
  started: number;
  ended: number | undefined;
  outcome: 'waiting' | 'running' | 'done' | 'cached' | 'failed' | 'cancelled';
  readonly bars: Map<string, Bar>;
  readonly misses: string[];
  log: string[];
  rest: string;
}

const colors = {
  waiting: '',
  running: '',
  done: '\x1b[34m',
  cached: '\x1b[34m',
  failed: '\x1b[31m',
  cancelled: '\x1b[33m',
} as const;
const marks = {
  waiting: 'WAITING ',
  running: '',
  done: '',
  cached: 'CACHED ',
  failed: 'ERROR ',
  cancelled: 'CANCELED ',
} as const;

export function createTtyRenderer(options: TtyOptions = {}): TtyRenderer {
  const declared = new Map<string, Extract<BuildEvent, { type: 'vertex' }>>();
  const steps = new Map<string, Step>();
  const failures = createFailedSteps();
  const checks: CheckWarning[] = [];
  const notices: string[] = [];
  const color = options.color ?? true;
  let began: number | undefined;

  const stepOf = (id: string, at: number): Step => {
    const known = steps.get(id);
    if (known) return known;
    const step: Step = {
      name: declared.get(id)?.name ?? id,
      started: at,
      ended: undefined,
      outcome: 'running',
      bars: new Map(),
      misses: [],
      log: [],
      rest: '',
    };
    steps.set(id, step);
    return step;
  };

  const take = (event: BuildEvent) => {
    switch (event.type) {
      case 'vertex':
        declared.set(event.id, event);
        return;
      case 'warning':
        if (event.rule === undefined) notices.push(`WARNING: ${event.message}\n`);
        else checks.push(event);
        return;
      case 'miss':
        steps.get(event.id)?.misses.push(event.reason.text, ...(event.reason.paths ?? []).map((path) => `  ${path}`));
        return;
      case 'waiting':
        stepOf(event.id, event.at).outcome = 'waiting';
        return;
      case 'started':
        Object.assign(stepOf(event.id, event.at), { started: event.at, outcome: 'running' });
        return;
      default:
        change(stepOf(event.id, event.at), event);
    }
  };

  /** ENV, CMD and their like do nothing that takes time: they have no line. */
  const isHidden = (id: string, event: BuildEvent) => declared.get(id)?.kind === 'metadata' && event.type !== 'failed';

  const frame = (now: number, { columns, rows }: TtySize, ended = false): readonly string[] => {
    const width = Math.max(30, columns);
    const all = [...steps.values()];
    const total = [...declared.values()].filter(({ kind }) => kind !== 'metadata').length;
    const done = all.filter(({ outcome }) => outcome !== 'running' && outcome !== 'waiting').length;
    const time = ((now - (began ?? now)) / 1000).toFixed(1);
    const title = `[+] Building ${time}s (${done}/${Math.max(total, all.length)})${ended ? ' FINISHED' : ''}`;
    const head = justify(title, options.builder ?? '', width);
    const blocks = all.map((step) => stepLines(step, now, width, color));
    return [head, ...(ended ? blocks.flat() : fitted(blocks, all, rows - 2))];
  };

  return {
    push(event) {
      if ('at' in event) began ??= event.at;
      failures.push(event);
      const { id } = event;
      if (event.type !== 'vertex' && id !== undefined && isHidden(id, event)) return;
      take(event);
    },
    frame,
    end: () =>
      failures.text() +
      notices.join('') +
      explanation(steps.values()) +
      warningLines(checks, { ...options.warnings, color }).join(''),
  };
}

function change(
  step: Step,
  event: Extract<BuildEvent, { type: 'log' | 'status' | 'completed' | 'failed' | 'cancelled' }>,
): void {
  switch (event.type) {
    case 'log': {
      const lines = (step.rest + event.text).split('\n');
      step.rest = lines.pop()!;
      step.log = [...step.log, ...lines].slice(-logLines);
      return;
    }
    case 'status': {
      const { status, current, total, unit, at, done } = event;
      const amount =
        unit === 'bytes' && current > 0 ? ` ${formatBytes(current)}${total ? ` / ${formatBytes(total)}` : ''}` : '';
      const began = step.bars.get(status)?.began ?? at;
      step.bars.set(status, { text: status + amount, began, ended: done ? at : undefined });
      return;
    }
    case 'completed':
      step.outcome = event.cached ? 'cached' : 'done';
      step.ended = event.at;
      return;
    case 'failed':
    case 'cancelled':
      step.outcome = event.type;
      step.ended = event.at;
      return;
  }
}

function stepLines(step: Step, now: number, width: number, color: boolean): string[] {
  const { outcome, started, ended } = step;
  const paint = (line: string, how: string) => (color && how !== '' ? `${how}${line}\x1b[0m` : line);
  const time = outcome === 'waiting' ? 0 : (ended ?? now) - started;
  const lines = [paint(row(` => ${marks[outcome]}${step.name}`, time, width), colors[outcome])];
  for (const bar of step.bars.values()) {
    const over = bar.ended !== undefined || ended !== undefined;
    const time = (bar.ended ?? ended ?? now) - bar.began;
    lines.push(paint(row(` => => ${bar.text}`, time, width), over ? colors.done : ''));
  }
  if (outcome === 'running') {
    const shown = step.rest === '' ? step.log : [...step.log, step.rest];
    for (const line of shown.slice(-logLines)) lines.push(cut(` => => # ${printable(line)}`, width - 1));
  }
  return lines;
}

/** What runs and what failed is always shown; of what is over, as much of the last as there is room for. */
function fitted(blocks: readonly (readonly string[])[], steps: readonly Step[], room: number): string[] {
  const chosen = new Set<number>();
  let left = room;
  const choose = (index: number) => {
    if (chosen.has(index) || blocks[index]!.length > left) return;
    chosen.add(index);
    left -= blocks[index]!.length;
  };
  steps.forEach((step, index) => {
    if (step.outcome === 'waiting' || step.outcome === 'running' || step.outcome === 'failed') choose(index);
  });
  for (let index = blocks.length - 1; index >= 0; index--) choose(index);
  return blocks.flatMap((lines, index) => (chosen.has(index) ? lines : []));
}

function explanation(steps: Iterable<Step>): string {
  const missed = [...steps].filter(({ misses }) => misses.length > 0);
  if (missed.length === 0) return '';
  const lines = missed.flatMap(({ name, misses }) => [` - ${name}`, ...misses.map((line) => `     ${line}`)]);
  return `\n Not taken from the cache:\n${lines.join('\n')}\n`;
}

function row(text: string, milliseconds: number, width: number): string {
  const time = `${(Math.max(0, milliseconds) / 1000).toFixed(1)}s`;
  return justify(cut(text, width - time.length - 3), time, width);
}

function justify(left: string, right: string, width: number): string {
  return left + ' '.repeat(Math.max(1, width - stringWidth(left) - right.length - 1)) + right;
}

/** At most `width` columns of a text. */
function cut(text: string, width: number): string {
  if (stringWidth(text) <= width) return text;
  let out = '';
  let used = 0;
  for (const char of text) {
    used += stringWidth(char);
    if (used > width) break;
    out += char;
  }
  return out;
}

/** Output of a step without what would move the cursor; of a line that was overwritten, what is left of it. */
function printable(line: string): string {
  return (line.replace(/\r+$/, '').split('\r').at(-1) ?? '')
    .replace(/\x1b\[[0-9;?]*[ -/]*[@-~]|\x1b\][^\x07]*(\x07|\x1b\\)|\x1b./g, '')
    .replaceAll('\t', '    ')
    .replace(/\p{Cc}/gu, '');
}
