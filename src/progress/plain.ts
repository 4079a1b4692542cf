/**
 * The plain view of a build: numbered steps, their output and times, as `docker build --progress=plain` prints them.
 *
 * Steps run side by side but are told one after another. What another step says is kept until the one that is being
 * told has ended, or has been silent for a while.
 */
import type { BuildEvent } from './events.ts';
import { createFailedSteps } from './failed-steps.ts';
import type { BuildRenderer } from './renderer.ts';
import { formatBytes } from './units.ts';
import { type CheckWarning, type WarningsOptions, warningLines } from './warnings.ts';

export interface PlainOptions {
  /** Milliseconds of silence after which another step is told. Default 1000. */
  readonly patience?: number;
  /** How the build checks are told under the build. */
  readonly warnings?: WarningsOptions;
}

export interface PlainRenderer extends BuildRenderer {
  /** To be called now and then with the time (Unix milliseconds), so that silence is noticed. */
  tick(now: number): string;
}

interface Step {
  readonly number: number;
  readonly name: string;
  started: number;
  ended: boolean;
  /** Lines that are not printed yet. */
  held: string[];
  /** The beginning of a line whose end has not come. */
  rest: string;
  restAt: number;
  /** When each of its bars began. */
  readonly bars: Map<string, number>;
}

export function createPlainRenderer(options: PlainOptions = {}): PlainRenderer {
  const declared = new Map<string, Extract<BuildEvent, { type: 'vertex' }>>();
  const steps = new Map<string, Step>();
  const failures = createFailedSteps();
  const checks: CheckWarning[] = [];
  const notices: string[] = [];
  const patience = options.patience ?? 1000;
  let told: Step | undefined;
  let toldAt = 0;
  let first = true;
  let out = '';

  const stepOf = (id: string): Step => {
    const known = steps.get(id);
    if (known) return known;
    const name = declared.get(id)?.name ?? id;
    const step: Step = {
      number: steps.size + 1,
      name,
      started: 0,
      ended: false,
      held: [],
      rest: '',
      restAt: 0,
      bars: new Map(),
    };
    steps.set(id, step);
    return step;
  };

  const print = (step: Step) => {
    if (step !== told) {
      if (told && !told.ended) out += `#${told.number} ...\n`;
      out += `${first ? '' : '\n'}#${step.number} ${step.name}\n`;
      first = false;
      told = step;
    }
    for (const line of step.held) out += `#${step.number} ${line}\n`;
    step.held = [];
  };

  /** Tells whatever may be told now: the present step, then those that wait for it. */
  const flush = (now: number, everything = false) => {
    for (;;) {
      if (told && told.held.length > 0) {
        print(told);
        toldAt = now;
      }
      const free = !told || told.ended || everything || now - toldAt > patience;
      const waiting = [...steps.values()].filter((step) => step !== told && step.held.length > 0);
      const next = waiting.find(({ ended }) => ended) ?? waiting[0];
      if (!free || !next) break;
      print(next);
      toldAt = now;
    }
    const text = out;
    out = '';
    return text;
  };

  const take = (event: BuildEvent) => {
    if (event.type === 'vertex') {
      declared.set(event.id, event);
      return;
    }
    if (event.type === 'warning') {
      if (event.rule === undefined) notices.push(`WARNING: ${event.message}\n`);
      else checks.push(event);
      return;
    }
    // ENV, CMD and their like do nothing that takes time: they have no place in this view.
    if (declared.get(event.id)?.kind === 'metadata' && event.type !== 'failed') return;
    tell(stepOf(event.id), event);
  };

  return {
    push(event) {
      failures.push(event);
      take(event);
      return flush('at' in event ? event.at : toldAt);
    },
    tick: (now) => flush(now),
    end: () =>
      flush(toldAt, true) + failures.text() + notices.join('') + warningLines(checks, options.warnings).join(''),
  };
}

type StepEvent = Exclude<BuildEvent, { type: 'vertex' | 'warning' }>;

function tell(step: Step, event: StepEvent): void {
  if (step.ended) return;
  switch (event.type) {
    case 'waiting':
      step.held.push('waiting for other steps');
      return;
    case 'started':
      step.started = event.at;
      return;
    case 'log':
      addLog(step, event.text, event.at);
      return;
    case 'status': {
      const began = step.bars.get(event.status);
      step.bars.set(event.status, began ?? event.at);
      // A bar that moves is told at its beginning and at its end.
      if (event.done) step.held.push(barText(event, event.at - (began ?? event.at)));
      else if (began === undefined && event.current > 0) step.held.push(barText(event, 0));
      return;
    }
    case 'miss':
      step.held.push(`not cached: ${event.reason.text}`, ...(event.reason.paths ?? []).map((path) => `  ${path}`));
      return;
    case 'completed':
      finish(step, event.cached ? 'CACHED' : `DONE ${seconds(event.at - step.started)}`);
      return;
    case 'failed':
      finish(step, `ERROR: ${event.message}`);
      return;
    case 'cancelled':
      finish(step, 'CANCELED');
      return;
  }
}

function addLog(step: Step, text: string, at: number): void {
  const lines = text.split('\n');
  const last = lines.pop()!;
  for (const line of lines) {
    step.held.push(logLine(step, step.rest + line, step.rest === '' ? at : step.restAt));
    step.rest = '';
  }
  if (last === '') return;
  if (step.rest === '') step.restAt = at;
  step.rest += last;
}

function finish(step: Step, line: string): void {
  if (step.rest !== '') step.held.push(logLine(step, step.rest, step.restAt));
  step.rest = '';
  step.held.push(line);
  step.ended = true;
}

/** A line that a carriage return overwrote is told as it looked in the end. */
function logLine(step: Step, line: string, at: number): string {
  const shown = line.replace(/\r$/, '').split('\r').at(-1)!;
  return `${(Math.max(0, at - step.started) / 1000).toFixed(3)} ${shown}`;
}

function barText(event: Extract<BuildEvent, { type: 'status' }>, milliseconds: number): string {
  const { status, current, total, unit, done } = event;
  const amount =
    unit === 'bytes' && current > 0 ? ` ${formatBytes(current)}${total ? ` / ${formatBytes(total)}` : ''}` : '';
  return `${status}${amount}${milliseconds > 10 ? ` ${seconds(milliseconds)}` : ''}${done ? ' done' : ''}`;
}

function seconds(milliseconds: number): string {
  return `${(Math.max(0, milliseconds) / 1000).toFixed(1)}s`;
}
