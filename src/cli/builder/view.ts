import {
  type BuildEvent,
  classicResult,
  createClassicRenderer,
  createPlainRenderer,
  createQuietRenderer,
  createRawJsonRenderer,
  createTtyRenderer,
} from '../../progress/index.ts';
import type { BuildResult } from '../../wire/index.ts';
import { humanSize } from '../format/human-size.ts';
import type { Session } from '../session.ts';
import { fault } from './fault.ts';

export const modes = ['auto', 'tty', 'plain', 'classic', 'rawjson', 'quiet', 'none'] as const;
export type Mode = (typeof modes)[number];

/** Shows a build as it goes. */
export interface BuildView {
  progress(event: BuildEvent): void;
  /** The build has ended; without a result it failed. */
  finish(result: BuildResult | undefined): void;
}

interface ViewOptions {
  readonly color: boolean;
  /** Warnings with all that is known of them (`--debug`). */
  readonly expand: boolean;
  /** Bytes of the context, as the classic view tells them; undefined where it is not sent. */
  readonly contextSize?: number | undefined;
  /** Names that the image gets, as the classic view tells them. */
  readonly names: readonly string[];
}

export function chooseMode(asked: string, quiet: boolean, { env, stderr }: Session): Exclude<Mode, 'auto'> {
  if (!(modes as readonly string[]).includes(asked))
    throw fault(`invalid progress mode ${asked}`, `the modes are ${modes.join(', ')}`);
  if (quiet) return 'quiet';
  const mode = asked === 'auto' ? env['BUILDKIT_PROGRESS'] || 'auto' : asked;
  if (mode !== 'auto' && (modes as readonly string[]).includes(mode)) return mode as Exclude<Mode, 'auto'>;
  return stderr.isTTY && env['TERM'] !== 'dumb' ? 'tty' : 'plain';
}

export function createBuildView(mode: Exclude<Mode, 'auto'>, session: Session, options: ViewOptions): BuildView {
  switch (mode) {
    case 'tty':
      return ttyView(session, options);
    case 'plain':
      return plainView(session, options);
    case 'classic':
      return classicView(session, options);
    case 'rawjson':
      return simpleView(session, createRawJsonRenderer());
    case 'quiet':
      return simpleView(session, createQuietRenderer());
    case 'none':
      return simpleView(session, { push: () => '', end: () => '' });
  }
}

function simpleView({ stderr }: Session, renderer: { push(event: BuildEvent): string; end(): string }): BuildView {
  return {
    progress: (event) => stderr.write(renderer.push(event)),
    finish: () => stderr.write(renderer.end()),
  };
}

function plainView({ stderr }: Session, { color, expand }: ViewOptions): BuildView {
  const renderer = createPlainRenderer({ warnings: { color, expand, program: 'strata' } });
  const timer = setInterval(() => stderr.write(renderer.tick(Date.now())), 250);
  return {
    progress: (event) => stderr.write(renderer.push(event)),
    finish() {
      clearInterval(timer);
      stderr.write(renderer.end());
    },
  };
}

/** The classic view is the output of the command, as it was in docker. */
function classicView({ stdout }: Session, { color, expand, names, contextSize }: ViewOptions): BuildView {
  const renderer = createClassicRenderer({ color, warnings: { color, expand, program: 'strata' } });
  // The engine reads the folder where it lies; people look for this line all the same.
  if (contextSize !== undefined) stdout.write(`Sending build context to Docker daemon  ${humanSize(contextSize)}\n`);
  return {
    progress(event) {
      for (const piece of renderer.push(event)) stdout.write(piece);
      if (event.type === 'miss') stdout.write(missText(event));
    },
    finish(result) {
      for (const piece of renderer.end()) stdout.write(piece);
      if (result?.imageID) for (const piece of classicResult(result.imageID, names)) stdout.write(piece);
    },
  };
}

function missText({ reason }: Extract<BuildEvent, { type: 'miss' }>): string {
  return ` ---> Not cached: ${reason.text}\n${(reason.paths ?? []).map((path) => `      ${path}\n`).join('')}`;
}

const hideCursor = '\x1b[?25l';
const showCursor = '\x1b[?25h';
const clearToEnd = '\x1b[J';

/** Ten frames a second in place of the one before; the cursor is hidden meanwhile. */
function ttyView({ stderr }: Session, options: ViewOptions): BuildView {
  const { color, expand } = options;
  const renderer = createTtyRenderer({ color, warnings: { expand, program: 'strata' } });
  let drawn = 0;
  let full = false;
  const draw = (ended: boolean) => {
    // A terminal that is stopped shows the latest picture when it goes on, not all of them.
    if (full && !ended) return;
    const size = { columns: stderr.columns ?? 80, rows: stderr.rows ?? 24 };
    const lines = renderer.frame(Date.now(), size, ended);
    const home = drawn > 0 ? `\x1b[${drawn}A\r` : '';
    const text = lines.map((line) => `${line}\x1b[K\n`).join('');
    stderr.write(hideCursor + home + text + clearToEnd + showCursor);
    drawn = lines.length;
    full = true;
    void stderr.drained().then(() => {
      full = false;
    });
  };
  const timer = setInterval(() => draw(false), 100);
  return {
    progress: (event) => renderer.push(event),
    finish() {
      clearInterval(timer);
      draw(true);
      stderr.write(renderer.end());
    },
  };
}
