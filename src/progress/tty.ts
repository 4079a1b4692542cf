/**
 * The terminal view: a block of lines that is drawn anew in place. Ended steps stay as one line; a running step shows its
 * last log lines under it, as people know from BuildKit.
 */
import { stripVTControlCharacters } from 'node:util';
import stringWidth from 'string-width';
import type { BuildEvent } from './events.ts';
import type { BuildRenderer } from './renderer.ts';
import { formatBytes } from './units.ts';
import { type CheckWarning, warningLines } from './warnings.ts';

export interface TtyOptions {
  readonly columns: () => number;
  readonly rows: () => number;
  readonly color: boolean;
  /** Unix milliseconds. */
  readonly now: () => number;
}

interface Line {
  readonly name: string;
  readonly order: number;
  startedAt: number;
  endedAt: number | undefined;
  state: 'running' | 'done' | 'cached' | 'failed' | 'cancelled';
  readonly logs: string[];
  rest: string;
  readonly bars: Map<string, Extract<BuildEvent, { type: 'status' }>>;
  why: string | undefined;
}

/** A renderer that is also asked, some times a second, for the time that went by. */
export interface TtyRenderer extends BuildRenderer {
  /** The block as it is now, drawn over the one before. */
  draw(): string;
}

const shownLogs = 6;
const keptLogs = 200;

export function createTtyRenderer(options: TtyOptions): TtyRenderer {
  const startedAt = options.now();
  const declared = new Map<string, Extract<BuildEvent, { type: 'vertex' }>>();
  const lines = new Map<string, Line>();
  const checks: CheckWarning[] = [];
  const notices: string[] = [];
  let drawn = 0;

  const paint = (code: number, text: string) => (options.color ? `\x1b[${code}m${text}\x1b[0m` : text);

  function apply(event: BuildEvent): void {
    if (event.type === 'vertex') return void declared.set(event.id, event);
    if (event.type === 'warning') {
      if (event.rule === undefined) notices.push(event.message);
      else checks.push(event);
      return;
    }
    const vertex = declared.get(event.id);
    if (!vertex || vertex.kind === 'metadata') return;
    const line = lines.get(event.id) ?? add(event.id, vertex.name);
    switch (event.type) {
      case 'started':
        line.startedAt = event.at;
        return;
      case 'log': {
        const parts = (line.rest + event.text).split('\n');
        line.rest = parts.pop() ?? '';
        line.logs.push(...parts.map(clean));
        if (line.logs.length > keptLogs) line.logs.splice(0, line.logs.length - keptLogs);
        return;
      }
      case 'status':
        line.bars.set(event.status, event);
        return;
      case 'miss':
        line.why = [event.reason.text, ...(event.reason.paths ?? [])].join(' ');
        return;
      case 'completed':
        line.state = event.cached ? 'cached' : 'done';
        line.endedAt = event.at;
        return;
      case 'failed':
        line.state = 'failed';
        line.endedAt = event.at;
        return;
      case 'cancelled':
        line.state = 'cancelled';
        line.endedAt = event.at;
        return;
    }
  }

  function add(id: string, name: string): Line {
    const line: Line = {
      name,
      order: lines.size,
      startedAt: options.now(),
      endedAt: undefined,
      state: 'running',
      logs: [],
      rest: '',
      bars: new Map(),
      why: undefined,
    };
    lines.set(id, line);
    return line;
  }

  function block(final: boolean): string[] {
    const width = Math.max(20, options.columns() - 1);
    const all = [...lines.values()];
    const ended = all.filter(({ state }) => state !== 'running').length;
    const total = [...declared.values()].filter(({ kind }) => kind !== 'metadata').length;
    const seconds = ((options.now() - startedAt) / 1000).toFixed(1);
    const head = paint(
      final ? 34 : 0,
      `[+] Building ${seconds}s (${ended}/${total})${final && ended >= total ? ' FINISHED' : ''}`,
    );
    const body = all.flatMap((line) => step(line, width, final));
    if (final) return [head, ...body];
    // What does not fit scrolls out at the top: the running steps are last.
    const room = Math.max(3, options.rows() - 2);
    return [head, ...body.slice(-room)];
  }

  function step(line: Line, width: number, final: boolean): string[] {
    const seconds = `${(((line.endedAt ?? options.now()) - line.startedAt) / 1000).toFixed(1)}s`;
    const mark = { running: '=>', done: '=>', cached: '=> CACHED', failed: '=> ERROR', cancelled: '=> CANCELED' }[
      line.state
    ];
    const code = { running: 0, done: 34, cached: 34, failed: 31, cancelled: 33 }[line.state];
    const out = [paint(code, spread(` ${mark} ${clean(line.name)}`, seconds, width))];
    for (const bar of line.bars.values()) if (!final || line.state === 'running') out.push(...progressLine(bar, width));
    if (line.why) out.push(paint(33, fit(` => => not cached: ${line.why}`, width)));
    if (line.state === 'running' && !final)
      for (const text of line.logs.slice(-shownLogs)) out.push(paint(2, fit(` => => # ${text}`, width)));
    return out;
  }

  function progressLine(bar: Extract<BuildEvent, { type: 'status' }>, width: number): string[] {
    const amount =
      bar.unit === 'bytes'
        ? `${formatBytes(bar.current)}${bar.total ? ` / ${formatBytes(bar.total)}` : ''}`
        : String(bar.current);
    const percent = bar.total ? ` ${bars(bar.current / bar.total)}` : '';
    return [fit(` => => ${bar.status} ${amount}${bar.done ? '' : percent}`, width)];
  }

  function redraw(final: boolean): string {
    const up = drawn > 0 ? `\x1b[${drawn}A\r\x1b[J` : '';
    const text = block(final);
    drawn = final ? 0 : text.length;
    return `${up}${text.join('\n')}\n`;
  }

  return {
    push(event) {
      apply(event);
      return '';
    },
    draw: () => redraw(false),
    end() {
      const failed = [...lines.values()].filter(({ state }) => state === 'failed');
      const summary = failed.flatMap((line) => [
        '------',
        ` > ${line.name}:`,
        ...[...line.logs, line.rest].filter(Boolean).slice(-20),
        '------',
      ]);
      return `${redraw(true)}${summary.map((text) => `${text}\n`).join('')}${notices.map((text) => `WARNING: ${text}\n`).join('')}${warningLines(checks).join('')}`;
    },
  };
}

function clean(text: string): string {
  return stripVTControlCharacters(text)
    .replace(/.*\r(?=.)/, '')
    .replaceAll('\t', '  ')
    .replace(/[\x00-\x1f\x7f]/g, '');
}

function fit(text: string, width: number): string {
  if (stringWidth(text) <= width) return text;
  let out = '';
  let used = 0;
  for (const character of text) {
    used += stringWidth(character);
    if (used > width - 1) break;
    out += character;
  }
  return `${out}…`;
}

/** `left` and `right` at the two edges of the line. */
function spread(left: string, right: string, width: number): string {
  const room = width - right.length - 1;
  const text = fit(left, room);
  return `${text}${' '.repeat(Math.max(1, width - stringWidth(text) - right.length))}${right}`;
}

function bars(share: number): string {
  const full = Math.round(Math.min(1, Math.max(0, share)) * 20);
  return `[${'='.repeat(full)}${' '.repeat(20 - full)}]`;
}
