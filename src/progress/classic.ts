/**
 * The classic view of a build: `Step 1/4 : FROM …`, as `docker build` without BuildKit prints it.
 *
 * Stages may run side by side, but steps are told in the order of the Dockerfile: what a later step says is kept until
 * every step before it has ended.
 */
import { createHash } from 'node:crypto';
import type { BuildEvent } from './events.ts';
import { type CheckWarning, type WarningsOptions, warningLines } from './warnings.ts';

export interface ClassicOptions {
  /** Tell of removed intermediate containers. Default true. */
  readonly remove?: boolean;
  /** Paint what a step writes to stderr red, as Docker does. Default true. */
  readonly color?: boolean;
  /** How the build checks are told at the end. */
  readonly warnings?: WarningsOptions;
}

/** Turns events into pieces of text, each with its own line end, in the order to print them. */
export interface ClassicRenderer {
  push(event: BuildEvent): readonly string[];
  /** What was held back when the build ended, and the list of warnings. */
  end(): readonly string[];
}

interface Step {
  /** Its place: a trigger of a base stands behind the FROM that has the same number. */
  readonly number: number;
  readonly trigger: { readonly number: number; readonly total: number } | undefined;
  readonly id: string;
  /** FROM, COPY, …: upper case. */
  readonly keyword: string;
  /** Text that is not yet printed. */
  held: string[];
  container: string | undefined;
  /** It ran, was taken from the cache, failed or was cancelled. */
  ended: boolean;
  /** It was started, so that there is something to tell even if the build ends now. */
  touched: boolean;
  /** Its container was named. */
  begun: boolean;
}

export function createClassicRenderer(options: ClassicOptions = {}): ClassicRenderer {
  const steps = new Map<string, Step>();
  const warnings: CheckWarning[] = [];
  const told: string[] = [];
  /** How many steps are told to their end. */
  let turn = 0;

  const flush = (everything: boolean) => {
    const inOrder = [...steps.values()].sort(byPlace);
    for (; turn < inOrder.length; turn++) {
      const step = inOrder[turn]!;
      if (step.touched) told.push(...step.held.splice(0));
      if (!step.ended && !everything) break;
    }
    return told.splice(0);
  };

  return {
    push(event) {
      if (event.type === 'warning') {
        if (event.rule === undefined) told.push(`[Warning] ${event.message}\n`);
        else warnings.push(event);
        return told.splice(0);
      }
      if (event.type === 'vertex') declare(steps, event);
      else tell(steps.get(event.id), event, options, steps.values());
      return flush(false);
    },
    end: () => [...flush(true), ...warningLines(warnings, options.warnings)],
  };
}

function declare(steps: Map<string, Step>, event: Extract<BuildEvent, { type: 'vertex' }>): void {
  if (!event.step || steps.has(event.id)) return;
  const { number, total, trigger } = event.step;
  const text = event.written ?? event.instruction ?? event.name;
  steps.set(event.id, {
    number,
    trigger,
    id: event.id,
    keyword: /^\S*/.exec(text)![0].toUpperCase(),
    held: trigger ? triggerHeader(trigger) : [`Step ${number}/${total} : ${text}`, '\n'],
    container: undefined,
    ended: false,
    touched: false,
    begun: false,
  });
}

type Happening = Exclude<BuildEvent, { type: 'vertex' | 'warning' }>;

function tell(step: Step | undefined, event: Happening, options: ClassicOptions, all: Iterable<Step>): void {
  if (!step || step.ended) return;
  step.touched ||= event.type !== 'cancelled' && event.type !== 'waiting';
  switch (event.type) {
    case 'log':
      beginContainer(step, undefined);
      step.held.push(paint(event.stream, event.text, options.color ?? true));
      return;
    case 'completed':
      complete(
        step,
        event,
        options,
        [...all].some(({ number, trigger }) => trigger && number === step.number),
      );
      return;
    case 'failed':
      beginContainer(step, undefined);
      step.ended = true;
      return;
    case 'cancelled':
      step.ended = true;
      return;
    case 'waiting':
    case 'started':
    case 'status':
    case 'miss':
      return;
  }
}

function triggerHeader({ number, total }: NonNullable<Step['trigger']>): string[] {
  return number === 1 ? [`# Executing ${total} build trigger${total === 1 ? '' : 's'}\n`] : [];
}

function byPlace(a: Step, b: Step): number {
  return a.number - b.number || (a.trigger?.number ?? 0) - (b.trigger?.number ?? 0);
}

function complete(
  step: Step,
  event: Extract<BuildEvent, { type: 'completed' }>,
  options: ClassicOptions,
  /** Triggers of a base stand under the same title: the id is told behind the last of them. */
  hasTriggers: boolean,
): void {
  step.ended = true;
  const isFrom = step.keyword === 'FROM';
  // An id is told where it is an image's: of other results there is nothing that one could run.
  const image = event.result?.startsWith('sha256:') ? event.result : undefined;
  if (event.cached) {
    if (!isFrom && image !== undefined) step.held.push(' ---> Using cache\n');
  } else if (image !== undefined || event.container !== undefined) {
    beginContainer(step, event.container);
    if (step.container && (options.remove ?? true)) {
      step.held.push(` ---> Removed intermediate container ${step.container}\n`);
    }
  }
  const isInside = step.trigger ? step.trigger.number < step.trigger.total : hasTriggers;
  if (image !== undefined && !isInside) step.held.push(` ---> ${shortID(image)}\n`);
  else if (isFrom && event.result === undefined && !isInside) step.held.push(' ---> \n');
}

const withoutContainer = new Set(['FROM', 'COPY', 'ADD']);

/** The container's id is known only when the step is over; its first output is told under a name of its own. */
function beginContainer(step: Step, container: string | undefined): void {
  if (step.begun || withoutContainer.has(step.keyword)) return;
  step.begun = true;
  step.container = shortID(container ?? createHash('sha256').update(step.id).digest('hex'));
  step.held.push(` ---> Running in ${step.container}\n`);
}

function shortID(id: string): string {
  return id.replace(/^sha(?:256|512):/, '').slice(0, 12);
}

function paint(stream: 'stdout' | 'stderr', text: string, color: boolean): string {
  return stream === 'stderr' && color ? `\x1b[91m${text}\x1b[0m` : text;
}

/** The last words of a build that made an image: its short id, then each name as typed. */
export function classicResult(imageID: string, names: readonly string[]): readonly string[] {
  return [`Successfully built ${shortID(imageID)}\n`, ...names.map((name) => `Successfully tagged ${name}\n`)];
}

/** The whole view at once; see {@link createClassicRenderer} for a live one. */
export function renderClassic(events: Iterable<BuildEvent>, options: ClassicOptions = {}): readonly string[] {
  const renderer = createClassicRenderer(options);
  const out: string[] = [];
  for (const event of events) out.push(...renderer.push(event));
  out.push(...renderer.end());
  return out;
}
